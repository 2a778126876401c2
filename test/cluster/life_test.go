package cluster

import (
	"testing"

	"awscdk.dev/operator/test/seed/customer"
)

// TestCluster is the life of one installation. Each act builds on those before.
func TestCluster(t *testing.T) {
	needsCluster(t)
	w := newWorld(t)
	w.customer = customer.Start(t, customer.Options{Host: address, AppPort: "443"})
	for _, act := range []struct {
		name string
		play func(*world)
	}{
		{"the cluster is real", (*world).isReal},
		{"helm installs the operator", (*world).install},
		{"the production manifest is deployed as it stands", (*world).production},
		{"an upgrade repeats nothing", (*world).upgrade},
		{"user code finds the secrets of its stage alone", (*world).secretsInside},
		{"killed managers and runs harm nothing", (*world).kills},
		{"a node that is lost in mid-hook is no failure", (*world).lostNode},
		{"what goes wrong in a namespace is told and mended", (*world).badLuck},
		{"uninstalling leaves every stack", (*world).uninstall},
	} {
		if !t.Run(act.name, func(t *testing.T) { act.play(w.in(t)) }) {
			t.Fatal("what follows builds on this")
		}
	}
}
