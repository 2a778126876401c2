package controller_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/git/gittest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// overSSH makes the world's repository one that only this key reads.
func (w *world) overSSH(authorized []byte) *gittest.SSHServer {
	w.Helper()
	server, err := gittest.ServeSSH(filepath.Dir(w.repo.Dir), authorized)
	w.must(err)
	w.Cleanup(func() { _ = server.Close() })
	return server
}

func (w *world) operatorKey(data map[string][]byte) {
	w.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "awscdk-operator-ssh-key"}}
	w.must(client.IgnoreNotFound(w.client.Delete(w.Context(), secret.DeepCopy())))
	secret.Data = data
	w.must(w.client.Create(w.Context(), secret))
}

func TestTheOperatorWideKeyIsReadWhileTheManagerRuns(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	private, authorized, err := gittest.NewSSHKey()
	w.must(err)
	server := w.overSSH(authorized)
	w.manage()
	obj := w.stack("web")
	obj.Spec.Source.Git.Repository = server.URL + "/app.git"
	w.create(obj)
	w.until("web", "it lacks a key", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "GitAuthenticationFailed" })

	w.operatorKey(map[string][]byte{corev1.SSHAuthPrivateKey: []byte("no key at all"), "known_hosts": server.KnownHosts()})
	bad := w.untilLater("web", "the key is said to be no key", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), "the operator-wide Secret "+w.namespace+"/awscdk-operator-ssh-key")
	})
	if strings.Contains(message(bad), "no key at all") {
		t.Errorf("the message shows the key: %s", message(bad))
	}
	w.operatorKey(map[string][]byte{"id_rsa": private})
	w.untilLater("web", "the key's name is asked for", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "SecretIncomplete" })

	w.operatorKey(map[string][]byte{corev1.SSHAuthPrivateKey: private, "known_hosts": server.KnownHosts()})
	w.untilLater("web", "it is ready", ready)
}

// untilLater is until, with the manager's clock running ahead.
func (w *world) untilLater(name, what string, holds func(*v1alpha1.CdkTsStack) bool) *v1alpha1.CdkTsStack {
	w.Helper()
	return w.until(name, what, func(o *v1alpha1.CdkTsStack) bool {
		if holds(o) {
			return true
		}
		w.pass(5 * time.Second)
		w.edit(name, `{"metadata":{"annotations":{"looked":"`+w.now().Format(time.RFC3339Nano)+`"}}}`)
		return false
	})
}

func TestFilesWinOverTheOperatorWideSecret(t *testing.T) {
	w := newWorld(t)
	inSecret, _, err := gittest.NewSSHKey()
	w.must(err)
	inFile, _, err := gittest.NewSSHKey()
	w.must(err)
	file := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		w.must(os.WriteFile(path, data, 0o600))
		return path
	}
	hosts, others := []byte("[127.0.0.1]:1 "+strings.TrimPrefix(known, "github.com ")), []byte(known)
	w.operatorKey(map[string][]byte{corev1.SSHAuthPrivateKey: inSecret, "known_hosts": others})
	for name, c := range map[string]struct {
		defaults           *controller.GitDefaults
		key, hosts, absent string
	}{
		"nothing is set but the Secret": {&controller.GitDefaults{}, string(inSecret), string(others), ""},
		"known hosts are in a file":     {&controller.GitDefaults{KnownHostsFile: file("hosts", hosts)}, string(inSecret), string(hosts), ""},
		"the key is in a file":          {&controller.GitDefaults{KeyFile: file("key", inFile)}, string(inFile), "", ""},
		"the Secret is missing":         {&controller.GitDefaults{KnownHostsFile: file("hosts", hosts)}, "", string(hosts), "-gone"},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.defaults
			d.Live, d.Now = w.client, time.Now
			d.Secret = types.NamespacedName{Namespace: w.namespace, Name: "awscdk-operator-ssh-key" + c.absent}
			got, err := d.Get(context.Background())
			if err != nil || string(got.SSHPrivateKey) != c.key || string(got.KnownHosts) != c.hosts {
				t.Errorf("%v, %v; want the key and the known hosts of the other", got, err)
			}
		})
	}
}

// known is a line of known_hosts.
const known = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
