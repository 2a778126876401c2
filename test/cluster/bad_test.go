package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/cluster/enclave"
	"awscdk.dev/operator/test/e2e/rig"
)

// misfortune is something wrong with a namespace or an object: the object says so in words that help, and
// is deployed once it is put right.
type misfortune struct {
	// strike makes it wrong before the object is created.
	strike func(*world, *v1alpha1.CdkTsStack)
	// reason and message are what the object says.
	reason, message string
	// remedy does what the message says.
	remedy func(*world, *v1alpha1.CdkTsStack)
}

var misfortunes = map[string]misfortune{
	"a service account that is not there": {
		func(_ *world, o *v1alpha1.CdkTsStack) {
			o.Spec.Runner = &v1alpha1.Runner{ServiceAccountName: "builder"}
		},
		"RunnerAccountNotFound", "builder",
		func(w *world, o *v1alpha1.CdkTsStack) {
			w.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: "builder"}})
		},
	},
	"a quota of zero": {
		func(w *world, o *v1alpha1.CdkTsStack) {
			w.create(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: "none"}, Spec: corev1.ResourceQuotaSpec{
				Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
			}})
		},
		"QuotaExceeded", "none",
		func(w *world, o *v1alpha1.CdkTsStack) {
			w.kubectl("delete", "resourcequota", "none", "-n", o.Namespace)
		},
	},
	"a build that takes more memory than it may": {
		func(_ *world, o *v1alpha1.CdkTsStack) {
			o.Spec.Runner = &v1alpha1.Runner{Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}}}
			o.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: `(($(cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null | head -1) > 100000000)) || tail /dev/zero`}
		},
		"OutOfMemory", "spec.runner.resources.limits.memory",
		func(w *world, o *v1alpha1.CdkTsStack) {
			w.Patch(w.T, o, `{"spec":{"runner":{"resources":{"limits":{"memory":"1Gi"}}}}}`)
		},
	},
	"a cache claim that is not there": {
		func(_ *world, o *v1alpha1.CdkTsStack) { cached(o) },
		"CacheClaimUnusable", "packages",
		func(w *world, o *v1alpha1.CdkTsStack) { w.claim(o.Namespace, w.TempDir()) },
	},
	"a node that nobody has": {
		func(_ *world, o *v1alpha1.CdkTsStack) {
			o.Spec.Runner = &v1alpha1.Runner{NodeSelector: map[string]string{"size": "huge"}}
		},
		"Unschedulable", "spec.runner",
		func(w *world, o *v1alpha1.CdkTsStack) { w.Patch(w.T, o, `{"spec":{"runner":{"nodeSelector":null}}}`) },
	},
}

// badLuck tries what goes wrong in a namespace; the others are not disturbed.
func (w *world) badLuck() {
	for name, m := range misfortunes {
		w.Run(name, func(t *testing.T) {
			t.Parallel()
			w.in(t).suffer(short(name), m)
		})
	}
	for name, play := range map[string]func(*world, string){
		"the Secret of a run is deleted while it runs":  (*world).secretDeleted,
		"a cache claim is filled and spoilt":            (*world).spoiltCache,
		"a cache claim is full":                         (*world).fullCache,
		"a namespace is deleted with all that is in it": (*world).namespaceDeleted,
	} {
		w.Run(name, func(t *testing.T) {
			t.Parallel()
			play(w.in(t), short(name))
		})
	}
}

// wrongImages has runs get an image that no node has, then one without any tool: the
// object says which, and is deployed when the operator has the right one again.
func (w *world) wrongImages() {
	const namespace = "wrong-images"
	w.namespace(namespace)
	stack := stackOf(namespace, namespace, w.publish(namespace+".git", quickApp(stackName(namespace), "wrong image")))
	w.upgradeWith("runner.image.tag=absent")
	w.Create(w.T, stack)
	w.says(stack, "ImageNotPulled", runnerRepository+":absent")
	// The manager's own image has the program and no tool.
	w.upgradeWith("runner.image.repository=" + managerRepository)
	w.says(stack, "CloneFailed", "git is not on the operator's PATH")
	w.upgradeWith()
	w.kubectl("annotate", "cdk", stack.Name, "-n", namespace, "--overwrite", "kubectl.kubernetes.io/restartedAt=now")
	w.Until(w.T, stack, "it is deployed", rig.Ready)
}

// short makes the name of a namespace out of a sentence.
func short(sentence string) string {
	words := strings.Fields(strings.ToLower(sentence))
	return strings.Join(words[:min(len(words), 5)], "-")
}

func (w *world) suffer(namespace string, m misfortune) {
	w.namespace(namespace)
	stack := stackOf(namespace, namespace, w.publish(namespace+".git", quickApp(stackName(namespace), "bad luck")))
	m.strike(w, stack)
	w.Create(w.T, stack)
	w.says(stack, m.reason, m.message)
	m.remedy(w, stack)
	w.Until(w.T, stack, "it is deployed", rig.Ready)
}

// says waits until an object says why it is not ready.
func (w *world) says(stack *v1alpha1.CdkTsStack, reason, message string) {
	w.Helper()
	w.Until(w.T, stack, "it says "+reason+" and names "+message, func(o *v1alpha1.CdkTsStack) bool {
		c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Status != metav1.ConditionTrue && c.Reason == reason && strings.Contains(c.Message, message)
	})
}

const cacheClaim = "packages"

func cached(o *v1alpha1.CdkTsStack) {
	o.Spec.Runner = &v1alpha1.Runner{Cache: &v1alpha1.RunnerCache{ClaimName: cacheClaim}}
}

// claim makes a claim of a folder of the node, which runs can write to.
func (w *world) claim(namespace, folder string) {
	w.Helper()
	if err := os.Chmod(folder, 0o777); err != nil {
		w.Fatal(err)
	}
	class, size := "", corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	w.create(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: corev1.PersistentVolumeSpec{
		Capacity: size, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, StorageClassName: class,
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder}},
		ClaimRef:               &corev1.ObjectReference{Namespace: namespace, Name: cacheClaim},
	}})
	w.create(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cacheClaim}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, StorageClassName: &class,
		Resources: corev1.VolumeResourceRequirements{Requests: size}, VolumeName: namespace,
	}})
}

func (w *world) secretDeleted(namespace string) {
	w.namespace(namespace)
	stack := stackOf(namespace, namespace, w.publish(namespace+".git", quickApp(stackName(namespace), "no secret")))
	stack.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: fmt.Sprintf(`curl -fsS -d "$(hostname)" %s/no-secret; sleep 5`, w.ledger.URL)}
	w.Create(w.T, stack)
	w.eventually("the hook runs", func(context.Context) bool { return len(w.ledger.entries("no-secret")) > 0 })
	w.kubectl("delete", "secrets", "-n", namespace, "-l", "awscdk.dev/run")
	w.kubectl("delete", "secret", "aws", "-n", namespace)
	w.says(stack, "SecretNotFound", "aws")
	w.Secret(w.T, namespace, "aws", corev1.SecretTypeOpaque, map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey})
	w.Until(w.T, stack, "it is deployed", rig.Ready)
}

// spoiltCache overwrites all that a cache holds: the next build mends it.
func (w *world) spoiltCache(namespace string) {
	w.namespace(namespace)
	folder := w.TempDir()
	w.claim(namespace, folder)
	p := w.publish(namespace+".git", quickApp(stackName(namespace), "first"))
	stack := stackOf(namespace, namespace, p)
	cached(stack)
	w.Create(w.T, stack)
	w.Until(w.T, stack, "it is deployed", rig.Ready)
	spoilt := 0
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		spoilt++
		return os.WriteFile(path, bytes.Repeat([]byte("garbage\n"), 10), 0o666)
	})
	if err != nil || spoilt < 5 {
		w.Fatalf("the cache held %d files: %v", spoilt, err)
	}
	next := w.commit(p, quickApp(stack.Spec.StackName, "second"))
	w.kubectl("annotate", "cdk", stack.Name, "-n", namespace, "kubectl.kubernetes.io/restartedAt=now")
	w.UntilDeployed(w.T, stack, next)
}

// fullCache has no room in the cache.
func (w *world) fullCache(namespace string) {
	w.namespace(namespace)
	folder := filepath.Join(enclave.Dir(), "full")
	release, err := enclave.SmallDisk(folder, 64<<10)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(release)
	w.claim(namespace, folder)
	app := quickApp(stackName(namespace), "full")
	app["large.txt"] = strings.Repeat("a line that takes room in the mirror, and cannot be compressed away: no\n", 3000)
	stack := stackOf(namespace, namespace, w.publish(namespace+".git", app))
	cached(stack)
	w.Create(w.T, stack)
	w.Until(w.T, stack, "it is deployed, or says that there is no room", func(o *v1alpha1.CdkTsStack) bool {
		c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
		return rig.Ready(o) || c != nil && c.Status == metav1.ConditionFalse && strings.Contains(strings.ToLower(c.Message), "space")
	})
	w.Patch(w.T, stack, `{"spec":{"runner":{"cache":null}}}`)
	w.Until(w.T, stack, "it is deployed", rig.Ready)
}

// namespaceDeleted deletes a namespace as a whole. The credentials go with it.
func (w *world) namespaceDeleted(namespace string) {
	w.namespace(namespace)
	stack := stackOf(namespace, namespace, w.publish(namespace+".git", quickApp(stackName(namespace), "gone")))
	w.Create(w.T, stack)
	w.Until(w.T, stack, "it is deployed", rig.Ready)
	w.kubectl("delete", "namespace", namespace, "--wait=false")
	w.eventually("the namespace is gone, or its object says why it stays", func(ctx context.Context) bool {
		if err := w.Client.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}); err != nil {
			return client.IgnoreNotFound(err) == nil
		}
		now := w.Get(w.T, stack)
		return now != nil && rig.Trouble(now) != nil
	})
	now := w.Get(w.T, stack)
	gone := true
	for _, name := range w.stacks() {
		gone = gone && name != stack.Spec.StackName
	}
	if now == nil && !gone {
		w.Error("the object is gone and its stack is not")
	}
	if now != nil {
		w.Logf("the namespace stays: %s", rig.Trouble(now).Message)
		// Without the credentials nobody can delete the stack: its owner lets it go.
		w.Patch(w.T, stack, `{"spec":{"actions":{"destroy":false}}}`)
		w.UntilGone(w.T, stack)
	}
}
