package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sys/unix"
)

// startRuntime starts containerd and gives it the image that holds pods open.
func (c *Cluster) startRuntime(ctx context.Context) error {
	if err := c.configureNetwork(); err != nil {
		return err
	}
	if err := c.startContainerd(); err != nil {
		return err
	}
	pause, err := os.ReadFile(c.o.Pause)
	if err != nil {
		return err
	}
	archive, err := Archive(PauseImage, map[string][]byte{"pause": pause}, "/pause")
	if err != nil {
		return err
	}
	return c.Import(ctx, bytes.NewReader(archive))
}

func (c *Cluster) startContainerd() error {
	config, err := c.containerdConfig()
	if err != nil {
		return err
	}
	path := filepath.Join(c.dir, "containerd.toml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	if err := c.start("containerd", "--config", path); err != nil {
		return err
	}
	return c.until("containerd", "containerd answers", time.Minute, func() bool {
		return exec.Command("ctr", "--address", c.socket(), "version").Run() == nil
	})
}

// socket is containerd's, below /run: the enclave has one of its own.
func (c *Cluster) socket() string { return "/run/containerd.sock" }

var containerdTemplate = template.Must(template.New("containerd").Parse(`version = 2
root = "{{.Dir}}/containerd"
state = "/run/containerd"
[grpc]
  address = "{{.Socket}}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  disable_apparmor = true
  restrict_oom_score_adj = {{.RestrictOOM}}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{{.Plugins}}"
    conf_dir = "{{.Dir}}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{{.Snapshotter}}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`))

func (c *Cluster) containerdConfig() ([]byte, error) {
	plugins, err := networkPlugins()
	if err != nil {
		return nil, err
	}
	snapshotter := "overlayfs"
	if err := tryOverlay(c.dir); err != nil {
		fmt.Fprintf(c.o.Progress, "          images are copied whole, since overlays don't work here: %v\n", err)
		snapshotter = "native"
	}
	var text bytes.Buffer
	err = containerdTemplate.Execute(&text, map[string]any{
		"Dir": c.dir, "Socket": c.socket(), "Pause": PauseImage, "Plugins": plugins, "Snapshotter": snapshotter,
		"RestrictOOM": !mayLowerOOMScores(),
	})
	return text.Bytes(), err
}

// mayLowerOOMScores says whether this process has CAP_SYS_RESOURCE. Without it, containers cannot be
// given a lower score than their parent's, which a kubelet asks for.
func mayLowerOOMScores() bool {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// tryOverlay mounts one: it fails where the folder is on an overlay itself.
func tryOverlay(dir string) error {
	base, err := os.MkdirTemp(dir, "overlay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(base)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o700); err != nil {
			return err
		}
	}
	merged := filepath.Join(base, "merged")
	if err := unix.Mount("overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", base)); err != nil {
		return err
	}
	return unix.Unmount(merged, 0)
}

// networkPlugins is the folder where a distribution puts them.
func networkPlugins() (string, error) {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("the CNI plugins are not installed")
}

// configureNetwork puts pods on one bridge, behind the node's address.
func (c *Cluster) configureNetwork() error {
	dir := filepath.Join(c.dir, "cni")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "` + c.dir + `/cni-addresses", "ranges": [[{"subnet": "` + podCIDR + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`
	return os.WriteFile(filepath.Join(dir, "10-pods.conflist"), []byte(config), 0o600)
}

// Import gives the node the images of an archive, Docker's or OCI's.
func (c *Cluster) Import(ctx context.Context, archive interface{ Read([]byte) (int, error) }) error {
	cmd := exec.CommandContext(ctx, "ctr", "--address", c.socket(), "--namespace", "k8s.io", "images", "import", "-")
	cmd.Stdin = archive
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("import an image: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
