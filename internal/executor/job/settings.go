package job

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/api/v1alpha1"
)

// ParseDefaults reads the operator's defaults: YAML of the shape of spec.runner.
// A field that there is none of is an error.
func ParseDefaults(data []byte) (v1alpha1.Runner, error) {
	var r v1alpha1.Runner
	if err := yaml.UnmarshalStrict(data, &r); err != nil {
		return r, fmt.Errorf("read the defaults of runs, which have the fields of spec.runner: %w", err)
	}
	return r, nil
}

// usual are the resources of a container where nobody says otherwise.
var usual = corev1.ResourceRequirements{
	Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("512Mi")},
	Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("4Gi")},
}

// settings are how the pod of one run is made: an object's spec.runner over the
// operator's defaults. How each field goes with its default is documented at
// the field.
type settings struct {
	defaults, own v1alpha1.Runner
}

func newSettings(defaults v1alpha1.Runner, own *v1alpha1.Runner) settings {
	s := settings{defaults: defaults}
	if own != nil {
		s.own = *own
	}
	return s
}

// either is a text of the object or, without one, that of the operator.
func either(own, fallback string) string {
	if own != "" {
		return own
	}
	return fallback
}

// both are two maps in one; the object's entries win.
func both(fallback, own map[string]string) map[string]string {
	all := maps.Clone(fallback)
	if all == nil {
		all = make(map[string]string, len(own))
	}
	maps.Copy(all, own)
	return all
}

func (s settings) labels() map[string]string {
	return both(metadata(s.defaults.PodMetadata).Labels, metadata(s.own.PodMetadata).Labels)
}

func (s settings) annotations() map[string]string {
	return both(metadata(s.defaults.PodMetadata).Annotations, metadata(s.own.PodMetadata).Annotations)
}

func metadata(m *v1alpha1.PodMetadata) v1alpha1.PodMetadata {
	if m == nil {
		return v1alpha1.PodMetadata{}
	}
	return *m
}

func (s settings) affinity() *corev1.Affinity {
	if s.own.Affinity != nil {
		return s.own.Affinity
	}
	return s.defaults.Affinity
}

func (s settings) cacheClaim() string {
	for _, c := range []*v1alpha1.RunnerCache{s.own.Cache, s.defaults.Cache} {
		if c != nil {
			return c.ClaimName
		}
	}
	return ""
}

func (s settings) runtimeClass() *string {
	if name := either(s.own.RuntimeClassName, s.defaults.RuntimeClassName); name != "" {
		return &name
	}
	return nil
}

func (s settings) pullSecrets() []corev1.LocalObjectReference {
	var all []corev1.LocalObjectReference
	for _, p := range slices.Concat(s.defaults.ImagePullSecrets, s.own.ImagePullSecrets) {
		if ref := (corev1.LocalObjectReference{Name: p.Name}); !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	return all
}

// resources are those of each container. A request that nobody has asked for
// gives way to a limit that somebody has, and the other way round.
func (s settings) resources() corev1.ResourceRequirements {
	all := *usual.DeepCopy()
	for _, r := range []*corev1.ResourceRequirements{s.defaults.Resources, s.own.Resources} {
		if r == nil {
			continue
		}
		maps.Copy(all.Requests, r.Requests)
		maps.Copy(all.Limits, r.Limits)
		for name, limit := range r.Limits {
			_, asked := r.Requests[name]
			if request, ok := all.Requests[name]; ok && !asked && request.Cmp(limit) > 0 {
				all.Requests[name] = limit
			}
		}
	}
	for name, request := range all.Requests {
		if limit, ok := all.Limits[name]; ok && !s.limits(name) && request.Cmp(limit) > 0 {
			all.Limits[name] = request
		}
	}
	return all
}

// limits says whether somebody has asked for a limit.
func (s settings) limits(name corev1.ResourceName) bool {
	for _, r := range []*corev1.ResourceRequirements{s.defaults.Resources, s.own.Resources} {
		if r == nil {
			continue
		}
		if _, asked := r.Limits[name]; asked {
			return true
		}
	}
	return false
}

// volumes are the operator's and the object's; a prefix keeps the latter from
// taking the place of the former, which is mounted beside credentials.
func (s settings) volumes() []corev1.Volume {
	var all []corev1.Volume
	for _, v := range s.defaults.Volumes {
		all = append(all, volume("default-", v))
	}
	for _, v := range s.own.Volumes {
		all = append(all, volume("own-", v))
	}
	return all
}

func volume(prefix string, v v1alpha1.RunnerVolume) corev1.Volume {
	return corev1.Volume{Name: prefix + v.Name, VolumeSource: corev1.VolumeSource{
		ConfigMap: v.ConfigMap, Secret: v.Secret, EmptyDir: v.EmptyDir, PersistentVolumeClaim: v.PersistentVolumeClaim, CSI: v.CSI,
	}}
}

// mounts are those of a container: the operator's and, where user code runs,
// the object's. Of two at one place the object's counts.
func (s settings) mounts(userCode bool) []corev1.VolumeMount {
	var all []corev1.VolumeMount
	own := s.own.VolumeMounts
	if !userCode {
		own = nil
	}
	for _, m := range s.defaults.VolumeMounts {
		taken := func(o v1alpha1.RunnerMount) bool { return o.MountPath == m.MountPath }
		if !slices.ContainsFunc(own, taken) {
			all = append(all, mount("default-", m))
		}
	}
	for _, m := range own {
		all = append(all, mount("own-", m))
	}
	return all
}

func mount(prefix string, m v1alpha1.RunnerMount) corev1.VolumeMount {
	return corev1.VolumeMount{Name: prefix + m.Name, MountPath: m.MountPath, SubPath: m.SubPath, ReadOnly: m.ReadOnly}
}

// env are the plain variables of a container: the operator's defaults and, where
// user code runs, the object's.
func (s settings) env(userCode bool) map[string]string {
	all := map[string]string{}
	for _, v := range s.defaults.Env {
		all[v.Name] = v.Value
	}
	if userCode {
		for _, v := range s.own.Env {
			all[v.Name] = v.Value
		}
	}
	return all
}
