package jobtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// process is a pod that is carried out.
type process struct {
	mu       sync.Mutex
	cmd      *exec.Cmd
	stopping bool
}

// keep does to a pod what scheduler and kubelet do.
func (n *Node) keep(ctx context.Context, p *corev1.Pod) error {
	n.mu.Lock()
	running := n.pods[p.UID]
	n.mu.Unlock()
	over := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	switch {
	case len(n.o.Command) == 0:
		if !p.DeletionTimestamp.IsZero() {
			return n.release(ctx, p)
		}
		return nil
	case !p.DeletionTimestamp.IsZero() && running != nil:
		running.terminate(n.o.Grace)
		return nil
	case !p.DeletionTimestamp.IsZero():
		return n.release(ctx, p)
	case p.Spec.NodeName == "" && !over:
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}
		return n.Client.SubResource("binding").Create(ctx, p, binding)
	case running == nil && !over:
		made := &process{}
		n.mu.Lock()
		n.pods[p.UID] = made
		n.mu.Unlock()
		n.done.Go(func() { n.carryOut(ctx, p.DeepCopy(), made) })
	}
	return nil
}

// release deletes a pod for good.
func (n *Node) release(ctx context.Context, p *corev1.Pod) error {
	return client.IgnoreNotFound(n.Client.Delete(ctx, p, client.GracePeriodSeconds(0)))
}

func (p *process) terminate(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return
	}
	p.stopping = true
	if p.cmd != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	}
	time.AfterFunc(grace, p.kill)
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	if p.cmd != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// carryOut runs a pod's containers one after the other.
func (n *Node) carryOut(ctx context.Context, p *corev1.Pod, is *process) {
	root, err := os.MkdirTemp("", "jobtest-")
	if err != nil {
		return
	}
	defer os.RemoveAll(root)
	defer func() {
		n.mu.Lock()
		delete(n.pods, p.UID)
		n.mu.Unlock()
	}()
	init := len(p.Spec.InitContainers)
	for i, c := range append(append([]corev1.Container{}, p.Spec.InitContainers...), p.Spec.Containers...) {
		if !n.mountSecrets(ctx, p, c, root, is) {
			n.conclude(ctx, p, corev1.PodFailed)
			return
		}
		n.setState(ctx, p, i, init, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
		end := n.runContainer(ctx, p, c, root, is)
		phase := corev1.PodRunning
		switch {
		case end.ExitCode != 0:
			phase = corev1.PodFailed
		case i == init:
			phase = corev1.PodSucceeded
		}
		n.setState(ctx, p, i, init, phase, corev1.ContainerState{Terminated: end})
		if phase != corev1.PodRunning {
			return
		}
	}
}

// conclude gives a pod its last phase.
func (n *Node) conclude(ctx context.Context, p *corev1.Pod, phase corev1.PodPhase) {
	n.Update(ctx, p, func(s *corev1.PodStatus) { s.Phase = phase })
}

// Update changes the status of a pod, if it is still there.
func (n *Node) Update(ctx context.Context, p *corev1.Pod, change func(*corev1.PodStatus)) {
	_ = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var live corev1.Pod
		if err := n.Client.Get(ctx, client.ObjectKeyFromObject(p), &live); err != nil {
			return err
		}
		change(&live.Status)
		return n.Client.Status().Update(ctx, &live)
	})
}

func (n *Node) setState(ctx context.Context, p *corev1.Pod, i, init int, phase corev1.PodPhase, state corev1.ContainerState) {
	n.Update(ctx, p, func(s *corev1.PodStatus) {
		if phase == corev1.PodRunning && i < init {
			phase = corev1.PodPending // as long as init containers run
		}
		s.Phase = phase
		if s.StartTime == nil {
			s.StartTime = ptr.To(metav1.Now())
		}
		if i < init {
			s.InitContainerStatuses = setStatus(s.InitContainerStatuses, p.Spec.InitContainers[i], state)
			return
		}
		s.ContainerStatuses = setStatus(s.ContainerStatuses, p.Spec.Containers[i-init], state)
	})
}

func setStatus(all []corev1.ContainerStatus, c corev1.Container, state corev1.ContainerState) []corev1.ContainerStatus {
	for i := range all {
		if all[i].Name == c.Name {
			all[i].State = state
			return all
		}
	}
	return append(all, corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, State: state})
}

// mountSecrets writes what the container finds under /awscdk. A Secret that is
// missing is told and waited for; it is false when the pod is deleted meanwhile.
func (n *Node) mountSecrets(ctx context.Context, p *corev1.Pod, c corev1.Container, root string, is *process) bool {
	for {
		err := n.writeInput(ctx, p, c, root)
		if err == nil {
			return true
		}
		is.mu.Lock()
		stopping := is.stopping
		is.mu.Unlock()
		if stopping || ctx.Err() != nil {
			return false
		}
		_ = n.Event(ctx, p, "Pod", "FailedMount", fmt.Sprintf("MountVolume.SetUp failed for volume: %v", err))
		time.Sleep(50 * time.Millisecond)
	}
}

func (n *Node) writeInput(ctx context.Context, p *corev1.Pod, c corev1.Container, root string) error {
	for _, m := range c.VolumeMounts {
		dir := filepath.Join(root, m.MountPath)
		for _, v := range p.Spec.Volumes {
			if v.Name != m.Name {
				continue
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			if v.Secret == nil {
				continue
			}
			if err := n.writeSecret(ctx, p.Namespace, v.Secret, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Node) writeSecret(ctx context.Context, namespace string, source *corev1.SecretVolumeSource, dir string) error {
	var s corev1.Secret
	err := n.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: source.SecretName}, &s)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("secret %q not found", source.SecretName)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	for _, item := range source.Items {
		data, ok := s.Data[item.Key]
		if !ok {
			return fmt.Errorf("references non-existent secret key: %s", item.Key)
		}
		if err := os.WriteFile(filepath.Join(dir, item.Path), data, 0o400); err != nil {
			return err
		}
	}
	return nil
}

// runContainer runs one container as a process and says how it ended.
func (n *Node) runContainer(ctx context.Context, p *corev1.Pod, c corev1.Container, root string, is *process) *corev1.ContainerStateTerminated {
	end := &corev1.ContainerStateTerminated{StartedAt: metav1.Now(), Reason: "Completed"}
	message := filepath.Join(root, c.TerminationMessagePath)
	_ = os.MkdirAll(filepath.Dir(message), 0o700)
	_ = os.WriteFile(message, nil, 0o600)
	err := n.execute(ctx, p, c, root, is)
	end.FinishedAt = metav1.Now()
	if err != nil {
		end.Reason, end.ExitCode = "Error", 137
		if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
			end.ExitCode = int32(failed.ExitCode())
		}
	}
	data, _ := os.ReadFile(message)
	end.Message = string(data[:min(len(data), 4096)])
	return end
}

func (n *Node) execute(ctx context.Context, p *corev1.Pod, c corev1.Container, root string, is *process) error {
	paths := replacer(root, c)
	args := append([]string{}, n.o.Command[1:]...)
	for _, a := range c.Args {
		args = append(args, paths.Replace(a))
	}
	cmd := exec.Command(n.o.Command[0], args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = n.o.Log, n.o.Log
	cmd.Dir = root
	cmd.WaitDelay = time.Second // what left the process group may hold the output
	var err error
	if cmd.Env, err = n.environ(ctx, p, c, paths); err != nil {
		return err
	}
	is.mu.Lock()
	if is.stopping {
		is.mu.Unlock()
		return errors.New("killed")
	}
	err = cmd.Start()
	if err == nil {
		is.cmd = cmd
	}
	is.mu.Unlock()
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.started++
	n.mu.Unlock()
	err = cmd.Wait()
	is.mu.Lock()
	is.cmd = nil
	is.mu.Unlock()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return err
}

// replacer puts this machine's folders in the place of those of the container.
func replacer(root string, c corev1.Container) *strings.Replacer {
	var pairs []string
	for _, m := range c.VolumeMounts {
		pairs = append(pairs, m.MountPath, filepath.Join(root, m.MountPath))
	}
	return strings.NewReplacer(append(pairs, c.TerminationMessagePath, filepath.Join(root, c.TerminationMessagePath))...)
}

func (n *Node) environ(ctx context.Context, p *corev1.Pod, c corev1.Container, paths *strings.Replacer) ([]string, error) {
	env := append([]string{}, n.o.Environ...)
	for _, v := range c.Env {
		value := strings.ReplaceAll(v.Value, "$$", "$")
		if from := v.ValueFrom; from != nil {
			var s corev1.Secret
			if err := n.Client.Get(ctx, types.NamespacedName{Namespace: p.Namespace, Name: from.SecretKeyRef.Name}, &s); err != nil {
				return nil, err
			}
			value = string(s.Data[from.SecretKeyRef.Key])
		}
		env = append(env, v.Name+"="+paths.Replace(value))
	}
	return env, nil
}
