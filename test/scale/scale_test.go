// Package scale measures a manager of thousands of stacks: the built operator as
// a process of its own, a real API server and the local AWS. See
// `make bench-scale`.
package scale

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/figures"
)

// bench is the stage of a measurement.
type bench struct {
	*rig.Rig
	*testing.B
	figures.Table

	objects int
	// teams are namespaces, each with an account and a repository of its own: AWS
	// allows so many requests for each account and region, and one listing serves
	// all stacks of a repository.
	teams int
	// period is that of the drift checks, and how long a steady state is watched.
	period  time.Duration
	fleet   *fleet
	manager *rig.Manager
	data    string
}

// BenchmarkScale prints the table of figures. It is bounded by
//
//	SCALE_OBJECTS   how many stacks there are, 10000 by default
//	SCALE_MINUTES   how often drift is looked for, and for how long a steady
//	                state is watched, 10 by default
//
// Targets are those of 10,000 stacks and checks every 10 minutes; with less they
// are scaled where that makes sense.
func BenchmarkScale(b *testing.B) {
	s := newBench(b, fromEnv(b, "SCALE_OBJECTS", 10_000), 50)
	s.period = time.Duration(fromEnv(b, "SCALE_MINUTES", 10)) * time.Minute
	// What was measured before a failure is told, too.
	defer func() {
		if err := s.Print(os.Stdout, 0); err != nil {
			b.Error(err)
		}
	}()
	s.firstSight()
	s.steady()
	s.restart()
	s.failOver()
}

func newBench(b *testing.B, objects, teams int) *bench {
	b.Helper()
	s := &bench{B: b, objects: objects, teams: teams, data: b.TempDir()}
	keys := filepath.Join(b.TempDir(), "keys.json")
	if err := os.WriteFile(keys, accessKeys(teams), 0o600); err != nil {
		b.Fatal(err)
	}
	s.Rig = rig.Start(b, "--speed", "0", "--credentials", keys)
	return s
}

func fromEnv(b *testing.B, name string, fallback int) int {
	b.Helper()
	if os.Getenv(name) == "" {
		return fallback
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n < 1 {
		b.Fatalf("%s is %q, want a number from 1", name, os.Getenv(name))
	}
	return n
}

// say tells whoever waits how far it is.
func (s *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "  %s  load %s  %s\n", time.Now().Format(time.TimeOnly), figures.Load(s), fmt.Sprintf(format, args...))
}

// share scales a target of 10,000 stacks to those there are.
func (s *bench) share(target float64) float64 { return target * float64(s.objects) / 10_000 }

// manage starts a manager that takes all objects, with the schedules of the
// measurement.
func (s *bench) manage(data string, flags ...string) *rig.Manager {
	s.Helper()
	minutes := int(s.period / time.Minute)
	return s.manageDrift(data, fmt.Sprintf("*/%d * * * *", minutes), flags...)
}

// manageDrift starts a manager that looks for drift at times of its own.
func (s *bench) manageDrift(data, drift string, flags ...string) *rig.Manager {
	s.Helper()
	return s.Manage(s, rig.ManagerOptions{Data: data, GitSync: "*/5 * * * *", Drift: drift, Flags: flags})
}

// profiled are the flags of a manager that serves profiles, if SCALE_PPROF says
// where.
func profiled() []string {
	if address := os.Getenv("SCALE_PPROF"); address != "" {
		return []string{"--pprof-bind-address", address}
	}
	return nil
}

// firstSight measures how long a manager takes that sees all objects for the
// first time: it takes each over and says why nothing is deployed.
func (s *bench) firstSight() {
	s.say("creating %d objects in %d namespaces", s.objects, s.teams)
	s.fleet = s.createFleet()
	s.say("seeing them for the first time")
	before, began := s.requests(), time.Now()
	s.manager = s.manage(s.data, profiled()...)
	s.awaitSeen(before)
	took := time.Since(began)
	used := figures.ProcessorTime(s, s.manager.PID)
	after := s.requests()
	s.Note(fmt.Sprintf("%d objects seen for the first time (load %s)", s.objects, figures.Load(s)), took.Seconds(), "s", s.share(60))
	s.Note("  manager's processor time for it", used.Seconds(), "s", -1)
	s.Note("  writes to the API server for each", float64(after.writes(before))/float64(s.objects), "", -1)
	s.Note("  reads from the API server for each", float64(after.reads(before))/float64(s.objects), "", -1)
	s.manager.Stop(s)
}

// steady measures what a manager costs that has nothing to do but look.
func (s *bench) steady() {
	s.say("making %d stacks, and the objects' statuses", s.objects)
	s.fleet.deploy(s)
	atRest := s.atRest()
	s.say("starting a manager that finds all as it should be")
	s.manager = s.manage(s.data, profiled()...)
	s.awaitReady(s.manager)
	// From the moment at which checks become due, each stack is checked once in a period.
	const settles = 20 * time.Second
	time.Sleep(time.Until(time.Now().Add(settles).Truncate(s.period).Add(s.period)))
	s.say("watching it for %s", s.period)
	apiBefore, awsBefore, usedBefore := s.requests(), s.awsCalls(), figures.ProcessorTime(s, s.manager.PID)
	time.Sleep(s.period)
	used := figures.ProcessorTime(s, s.manager.PID) - usedBefore
	api, aws := s.requests(), s.awsCalls()
	checks := aws.succeeded("DetectStackDrift") - awsBefore.succeeded("DetectStackDrift")
	s.Note(fmt.Sprintf("%d steady stacks, drift checks every %s: processor", s.objects, s.period), used.Seconds()/s.period.Seconds()*100, "% of a core", s.share(10)*10/s.period.Minutes())
	s.Note("  of it without drift checks: git checks and all else", atRest*100, "% of a core", -1)
	s.Note(fmt.Sprintf("  for each drift check (of %d)", checks), (used.Seconds()-atRest*s.period.Seconds())*1000/float64(max(checks, 1)), "ms", 5)
	s.Note("  resident memory", figures.ResidentMiB(s, s.manager.PID), "MiB", 50+s.share(250))
	s.Note("  resident memory at its peak", figures.PeakMiB(s, s.manager.PID), "MiB", -1)
	writes := api.writes(apiBefore)
	s.Note("  writes to the API server that are no check's answer", float64(max(0, writes-checks)), "", s.share(20)) // what is in flight when the watch ends
	s.Note("  events", float64(api.of("events")-apiBefore.of("events")), "", 0)
	s.Note("  writes to AWS", float64(aws.written()-awsBefore.written()), "", 0)
	s.Note("  calls to AWS for each check", float64(aws.all()-awsBefore.all())/float64(max(checks, 1)), "", -1)
	s.say("API requests: %s", api.since(apiBefore))
	s.say("AWS calls: %s", aws.since(awsBefore))
}

// atRest gives the processor time that a manager takes in a second which never looks for drift.
func (s *bench) atRest() float64 {
	s.say("starting a manager that does not look for drift")
	s.manager = s.manageDrift(s.data, "0 0 30 2 *")
	s.awaitReady(s.manager)
	time.Sleep(5 * time.Second)
	const watched = 5 * time.Minute // one round of git checks
	before := figures.ProcessorTime(s, s.manager.PID)
	time.Sleep(watched)
	used := figures.ProcessorTime(s, s.manager.PID) - before
	s.manager.Stop(s)
	return used.Seconds() / watched.Seconds()
}

// restart measures how long it is until the next manager has found all stacks as
// they should be.
func (s *bench) restart() {
	s.manager.Stop(s)
	s.say("starting another manager")
	api, aws, began := s.requests(), s.awsCalls(), time.Now()
	s.manager = s.manage(s.data)
	s.awaitReady(s.manager)
	took := time.Since(began)
	s.Note(fmt.Sprintf("restart until all are in sync (load %s)", figures.Load(s)), took.Seconds(), "s", 15)
	s.Note("  manager's processor time for it", figures.ProcessorTime(s, s.manager.PID).Seconds(), "s", -1)
	s.Note("  writes to AWS", float64(s.awsCalls().written()-aws.written()), "", 0)
	s.say("API requests: %s", s.requests().since(api))
	s.manager.Stop(s)
}
