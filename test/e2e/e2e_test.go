// Package e2e proves what users are promised: the built operator, as a
// process of its own, with the real npm and cdk, git over HTTP and SSH, a real
// API server and the local AWS.
package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What must never be shown. The key's id is in AWS's own logs and no secret.
const (
	keyID     = "AKIAE2EE2EE2EE2EE2EE"
	secretKey = "e2e/secret/key/that/nobody/may/see/40chars"
)

// world is one operator with all that it talks to, shared by the tests of
// this package: the dependencies of the apps are installed once.
type world struct {
	*rig.Rig
	namespace string
	data      string
	manager   *rig.Manager
}

func TestOperator(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes: the real npm and cdk")
	}
	w := &world{Rig: rig.Start(t, "--speed", "1", "--minute", "1s"), namespace: "team", data: t.TempDir()}
	w.Bootstrap(t, awstest.Account, rig.Region)
	w.Bootstrap(t, awstest.Account, awstest.Region)
	w.Namespace(t, w.namespace, keyID, secretKey)
	w.manager = w.Manage(t, rig.ManagerOptions{
		Data: w.data, Namespace: w.namespace, GitSync: "@every 2s", ShareDependencies: true,
		// Apps that never end hold two of them for a minute. The site of a stack is on loopback.
		Flags: []string{"--max-runs", "5", "--debug", "--allow-internal-checks", "127.0.0.0/8"},
	})
	t.Run("while everything goes on at once", func(t *testing.T) {
		t.Run("a stack lives", func(t *testing.T) { t.Parallel(); w.lives(t) })
		t.Run("a project of many follows what it reads", func(t *testing.T) { t.Parallel(); w.followsWhatItReads(t) })
		t.Run("plans tell what they do", func(t *testing.T) { t.Parallel(); w.plans(t) })
		t.Run("a bad commit is taken back", func(t *testing.T) { t.Parallel(); w.takenBack(t) })
		t.Run("a stack fails in every way", func(t *testing.T) { t.Parallel(); w.failsInEveryWay(t) })
		t.Run("bad input", func(t *testing.T) { t.Parallel(); w.badInput(t) })
		t.Run("a manager that is killed", func(t *testing.T) { t.Parallel(); w.killed(t) })
	})
	t.Run("no secret was shown", func(t *testing.T) { w.noSecretShown(t, w.namespace, w.manager.Log(t)) })
	t.Run("nothing is left over", func(t *testing.T) { nothingLeft(t, w.data) })
}

// noSecretShown looks for secrets in a log, in all objects and in all events
// of a namespace.
func (w *world) noSecretShown(t *testing.T, namespace, log string) {
	t.Helper()
	if !strings.Contains(log, "StackDeployStart") {
		t.Error("the log does not even tell of a deployment: is it the right one?")
	}
	var all v1alpha1.CdkTsStackList
	if err := w.Client.List(t.Context(), &all, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	objects, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	events, err := json.Marshal(w.Events(t, namespace))
	if err != nil {
		t.Fatal(err)
	}
	// A line of the key's body: its frame is the same for all keys.
	sshKey := strings.Split(string(w.SSHKey), "\n")[2]
	for what, text := range map[string]string{"log": log, "objects": string(objects), "events": string(events)} {
		for name, secret := range map[string]string{"secret access key": secretKey, "refused secret access key": refusedSecret, "ssh key": sshKey} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s show the %s", what, name)
			}
		}
	}
}

// nothingLeft looks for folders and processes of runs that ended.
func nothingLeft(t *testing.T, data string) {
	t.Helper()
	awstest.Eventually(t, "no run's folder is left in "+data, func() bool { return len(rig.Runs(data)) == 0 })
	awstest.Eventually(t, "the trash is empty in "+data, func() bool {
		trash, err := os.ReadDir(filepath.Join(data, "trash"))
		return err == nil && len(trash) == 0
	})
	for _, process := range rig.Processes(t, data) {
		t.Errorf("a process is left: %s", process)
	}
}
