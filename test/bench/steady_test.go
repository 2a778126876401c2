package bench

import (
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/figures"

	"k8s.io/apimachinery/pkg/api/meta"
)

const (
	// steadyStacks each have a repository of their own: one look serves all
	// stacks of a repository.
	steadyStacks = 4
	// steadyTime is how long a steady state is watched.
	steadyTime = 30 * time.Second
)

// steady measures what a manager costs that has nothing to deploy: at rest,
// with git checks and with drift checks every second.
func (s *bench) steady() {
	s.say("deploying %d small stacks, to be watched", steadyStacks)
	s.data = s.b.TempDir()
	s.manager = s.Manage(s.b, rig.ManagerOptions{Data: s.data, Namespace: namespace})
	var objects []*v1alpha1.CdkTsStack
	for i := range steadyStacks {
		objects = append(objects, s.small(fmt.Sprintf("small-%d", i)))
	}
	for _, obj := range objects {
		s.Until(s.b, obj, "it is deployed", rig.Ready)
	}
	var starts []float64
	restart := func(o rig.ManagerOptions) {
		s.manager.Stop(s.b)
		o.Data, o.Namespace = s.data, namespace
		s.manager = s.Manage(s.b, o)
		starts = append(starts, s.manager.Ready.Seconds())
		s.warmUp(objects)
	}

	restart(rig.ManagerOptions{})
	s.say("at rest for %s", steadyTime)
	rest, _ := s.watch(func() int64 { return 0 })
	rss := figures.ResidentMiB(s.b, s.manager.PID)

	restart(rig.ManagerOptions{GitSync: "@every 1s"})
	s.say("git checks for %s", steadyTime)
	git, looks := s.watch(s.HTTP.Listings)
	gitChildren := figures.Children(s.b, s.manager.PID)

	restart(rig.ManagerOptions{Drift: "@every 1s"})
	s.say("drift checks for %s", steadyTime)
	drift, checks := s.watch(func() int64 { return int64(s.AWS.Succeeded(s.b, "DetectStackDrift")) })
	driftChildren := figures.Children(s.b, s.manager.PID)

	for range 2 {
		restart(rig.ManagerOptions{})
	}
	s.figures.Note(fmt.Sprintf("manager's processor time per git check (of %d)", looks), millis(git-rest, looks), "ms", 10)
	s.figures.Note("child processes during git checks", float64(gitChildren), "", 0)
	s.figures.Note(fmt.Sprintf("manager's processor time per drift check (of %d)", checks), millis(drift-rest, checks), "ms", 5)
	s.figures.Note("child processes during drift checks", float64(driftChildren), "", 0)
	s.figures.Note(fmt.Sprintf("manager's processor time at rest, %d stacks", steadyStacks), millis(rest, int64(steadyTime/time.Minute*60+steadyTime%time.Minute/time.Second)), "ms/s", -1)
	s.figures.Note("manager's resident memory at rest", rss, "MiB", 64)
	s.figures.Note(fmt.Sprintf("from exec to ready (median of %d)", len(starts)), figures.Median(starts), "s", 1)
	s.manager.Stop(s.b)
}

// small creates a stack with one resource, in a repository of its own.
func (s *bench) small(name string) *v1alpha1.CdkTsStack {
	repo := s.Repo(s.b, name+".git")
	if _, err := repo.Commit(rig.SmallApp(s.b, rig.OneParameter("Small-"+name)), "Add the app"); err != nil {
		s.b.Fatal(err)
	}
	obj := rig.Stack(namespace, name, "Small-"+name, s.HTTP.URL+"/"+name+".git", "")
	s.Create(s.b, obj)
	return obj
}

// warmUp waits until a new manager has looked at all repositories, and the
// work of its start is over.
func (s *bench) warmUp(objects []*v1alpha1.CdkTsStack) {
	for _, obj := range objects {
		s.Until(s.b, obj, "it has been looked at", func(o *v1alpha1.CdkTsStack) bool {
			return rig.Ready(o) && meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionSourceAvailable)
		})
	}
	time.Sleep(5 * time.Second)
}

// watch returns the manager's processor time of a while, and by how much a
// count grew in it.
func (s *bench) watch(count func() int64) (used time.Duration, grown int64) {
	before, first := figures.ProcessorTime(s.b, s.manager.PID), count()
	time.Sleep(steadyTime)
	return figures.ProcessorTime(s.b, s.manager.PID) - before, count() - first
}

func millis(used time.Duration, times int64) float64 {
	return used.Seconds() * 1000 / float64(max(times, 1))
}
