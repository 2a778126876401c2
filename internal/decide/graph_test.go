package decide

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestACycleIsTheShortestWayBack(t *testing.T) {
	graph := map[string][]string{
		"self": {"self"}, "a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": nil, "outside": {"a"}, "two": {"three", "a"}, "three": {"two"},
		"long": {"gone", "short", "x"}, "x": {"y"}, "y": {"long"}, "short": {"long"},
	}
	edges := func(name string) []string { return graph[name] }
	for name, want := range map[string][]string{
		"self": {"self", "self"}, "a": {"a", "b", "c", "a"}, "c": {"c", "a", "b", "c"}, "d": nil, "outside": nil,
		"two": {"two", "three", "two"}, "long": {"long", "short", "long"}, "nobody": nil,
	} {
		if diff := cmp.Diff(want, Cycle(name, edges)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got, want := Circle("two", edges), []string{"three"}; !slices.Equal(got, want) {
		t.Errorf("the circle of two has %v, want %v", got, want)
	}
	if got, want := Reached("outside", edges), []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("outside reaches %v, want %v", got, want)
	}
}

func TestThatDependenciesAreManyIsNoTrouble(t *testing.T) {
	edges := func(name string) []string {
		var all []string
		for i := range 16 {
			all = append(all, fmt.Sprintf("%s%x", name[len(name)/2:], i))
		}
		return all
	}
	if got := len(Reached("aaaaaaaa", edges)); got > maxReached+16 {
		t.Errorf("%d objects were looked at", got)
	}
}

func TestAnUpgradeDeploysNothing(t *testing.T) {
	// The digests that a version without inputs gave.
	if got, want := newTarget("r", "s", "o", "").Digest, digest("r", "s", "o"); got != want {
		t.Errorf("the digest of a target became %s, want %s", got, want)
	}
	if a, b := newTarget("r", "s", "o", "x").Digest, newTarget("r", "s", "o", "y").Digest; a == b {
		t.Error("what was read is no part of the target")
	}
	spec := &v1alpha1.CdkTsStackSpec{StackName: "Web", AWSRegion: "us-east-1", Path: "."}
	before := SpecDigest(spec)
	spec.ContextFrom = []v1alpha1.ContextFrom{{Key: "a"}, {Key: "b"}}
	one := SpecDigest(spec)
	spec.ContextFrom[0], spec.ContextFrom[1] = spec.ContextFrom[1], spec.ContextFrom[0]
	if two := SpecDigest(spec); one != two || one == before {
		t.Errorf("another order of contextFrom has the digest %s, and was %s; without it is %s", two, one, before)
	}
	spec.ContextFrom = nil
	spec.DependsOn = []v1alpha1.Dependency{{Name: "network"}}
	if got := SpecDigest(spec); got != before {
		t.Errorf("an edit of dependsOn is a new target: %s, was %s", got, before)
	}
}
