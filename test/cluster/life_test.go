package cluster

import (
	"os"
	"testing"

	"awscdk.dev/operator/test/seed/customer"
)

// TestCluster is the life of one installation. The other acts build on the first ones.
func TestCluster(t *testing.T) {
	needsCluster(t)
	w := newWorld(t)
	w.customer = customer.Start(t, customer.Options{Host: address, AppPort: "443"})
	for i, act := range acts() {
		if !t.Run(act.name, func(t *testing.T) { act.play(w.in(t)) }) && i < built {
			t.Fatal("what follows builds on this")
		}
	}
}

// built is how many acts the others build on.
const built = 3

type act struct {
	name string
	play func(*world)
}

func acts() []act {
	all := []act{
		{"the cluster is real", (*world).isReal},
		{"jobs keep the contract of executors", (*world).contract},
		{"helm installs the operator", (*world).install},
		{"the production manifest is deployed as it stands", (*world).production},
		{"an upgrade repeats nothing", (*world).upgrade},
		{"user code finds the secrets of its stage alone", (*world).secretsInside},
		{"killed managers and runs harm nothing", (*world).kills},
		{"a node that is lost in mid-hook is no failure", (*world).lostNode},
		{"what goes wrong in a namespace is told and mended", (*world).badLuck},
		{"an image for runs that is wrong is told and corrected", (*world).wrongImages},
		{"uninstalling leaves every stack", (*world).uninstall},
	}
	if os.Getenv(measureOverhead) != "" {
		last := len(all) - 1
		all = append(all[:last], act{"builds in Jobs take a little longer", (*world).overhead}, all[last])
	}
	return all
}
