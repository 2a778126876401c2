// Package bench measures the operator against the same typed by hand: the
// same app, machine, git server and local AWS. See `make bench`.
package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/figures"

	"k8s.io/utils/ptr"
)

const (
	// Speed of the local AWS: a resource takes 0.04 to 0.8 s, as in the demo.
	speed = "0.25"

	operatorKey, operatorAccount = "AKIAOPERATOROPERATOR", "111111111111"
	handKey, handAccount         = "AKIABYHANDBYHANDBYHA", "222222222222"
	secretKey                    = "bench-only"

	// otherRegion is the second region of a commit.
	otherRegion = "eu-west-1"

	namespace = "bench"
	appPath   = "sample-app"
)

// targets are the ratios that must not be passed.
var targets = map[string]float64{
	"cold: first deployment":                0.9,
	"warm: a commit that changes the stack": 0.35,
	planShown:                               0.5,
	"a commit that changes no stack":        0.25,
	"a second region of the same commit":    0.25,
	"a second context of the same commit":   0.25,
}

// planShown is measured over `cdk diff` in a clone that has its dependencies.
const planShown = "warm: the plan of a commit, over cdk diff"

// bench is the stage of a measurement: two accounts in one local AWS, the
// operator's and that of somebody who types by hand.
type bench struct {
	*rig.Rig
	b       *testing.B
	repo    *gittest.Repo
	app     rig.App
	hand    *hand
	manager *rig.Manager
	data    string
	figures *figures.Table
	commits int
}

// BenchmarkOperator prints the table of figures. BENCH_RUNS is how many
// measurements a median is made of; with 0 only an operator is measured that
// has nothing to deploy.
func BenchmarkOperator(b *testing.B) {
	runs := 3
	if text := os.Getenv("BENCH_RUNS"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil || runs < 0 {
			b.Fatalf("BENCH_RUNS is %q, want a number from 0", text)
		}
	}
	keys := filepath.Join(b.TempDir(), "keys.json")
	text := fmt.Sprintf(`{%q: %q, %q: %q}`, operatorKey, operatorAccount, handKey, handAccount)
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s := &bench{b: b, figures: &figures.Table{Targets: targets}, app: rig.SampleApp(b).At(appPath)}
	s.Rig = rig.Start(b, "--speed", speed, "--credentials", keys)
	s.accounts()
	if runs > 0 {
		s.prepare()
	}
	for round := range runs {
		s.say("round %d of %d", round+1, runs)
		s.cold()
		s.warm()
		s.planned()
		s.unchanged()
		s.otherRegion()
		s.otherContext()
		s.finishRound()
	}
	s.steady()
	s.takenBack()
	if err := s.figures.Print(os.Stdout, runs); err != nil {
		b.Fatal(err)
	}
}

// say tells whoever waits how far it is.
func (s *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "  %s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// accounts bootstraps the regions of both sides.
func (s *bench) accounts() {
	for _, account := range []string{operatorAccount, handAccount} {
		for _, region := range []string{rig.Region, otherRegion} {
			s.Bootstrap(s.b, account, region)
		}
	}
	s.Namespace(s.b, namespace, operatorKey, secretKey)
}

// prepare makes what both sides have before anything is measured: the stack
// Shared that the measured stack imports from, and for who types a warm npm
// cache.
func (s *bench) prepare() {
	s.repo = s.Repo(s.b, "bench.git")
	s.commit(s.app)
	s.hand = newHand(s.b, s.Rig, s.HTTP.URL+"/bench.git")
	s.say("installing, and deploying the stack that both sides import from")
	s.hand.shared(handKey, rig.Region, otherRegion)
	s.hand.shared(operatorKey, rig.Region, otherRegion)
}

// commit puts files on main.
func (s *bench) commit(files rig.App) string {
	s.b.Helper()
	s.commits++
	revision, err := s.repo.Commit(files, fmt.Sprintf("Change %d", s.commits))
	if err != nil {
		s.b.Fatal(err)
	}
	return revision
}

// edit commits an edit that changes the stack.
func (s *bench) edit() string {
	name := appPath + "/lib/settings.ts"
	return s.commit(rig.App{name: strings.ReplaceAll(s.app[name], "version 1", fmt.Sprintf("version %d", s.commits+1))})
}

// measure notes how long the operator and a person take for the same.
func (s *bench) measure(name string, operator, hand func()) {
	s.b.Helper()
	logged := len(s.manager.Log(s.b))
	began := time.Now()
	operator()
	took := time.Since(began)
	steps := stepTimes(s.manager.Log(s.b)[logged:])
	began = time.Now()
	hand()
	byHand := time.Since(began)
	s.say("%-38s %6.1f s (%s), by hand %6.1f s", name, took.Seconds(), steps, byHand.Seconds())
	s.figures.Ratio(name, took, byHand)
}

// stepDone is what a build logs of each of its steps.
var stepDone = regexp.MustCompile(`\[(\w+)\] done in (\S+?),?(?: |\n)`)

// stepTimes tells where the time of a build went.
func stepTimes(log string) string {
	var steps []string
	for _, match := range stepDone.FindAllStringSubmatch(log, -1) {
		steps = append(steps, strings.ToLower(match[1])+" "+match[2])
	}
	return strings.Join(steps, ", ")
}

func (s *bench) object(name string) *v1alpha1.CdkTsStack {
	obj := rig.Stack(namespace, name, "WebApp", s.HTTP.URL+"/bench.git", appPath)
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	return obj
}

// cold is a first deployment by an operator that has never done anything: no
// mirror, no npm cache, no dependencies, nothing remembered. Who types has a
// warm npm cache and CDK_HOME, as a developer has, and a fresh clone.
func (s *bench) cold() {
	s.data = s.b.TempDir()
	s.manager = s.Manage(s.b, rig.ManagerOptions{Data: s.data, Namespace: namespace, GitSync: "@every 1s"})
	revision := s.edit()
	s.measure("cold: first deployment", func() {
		s.Create(s.b, s.object("web"))
		s.UntilDeployed(s.b, s.object("web"), revision)
	}, func() { s.hand.deploy(handKey, rig.Region) })
}

func (s *bench) warm() {
	s.measure("warm: a commit that changes the stack", func() {
		s.UntilDeployed(s.b, s.object("web"), s.edit())
	}, func() { s.hand.deploy(handKey, rig.Region) })
}

// planned is how long it takes until a plan is to be read that waits for its
// approval. Who types has pulled, and has installed the dependencies before.
func (s *bench) planned() {
	s.Patch(s.b, s.object("web"), `{"spec":{"approval":{"required":"Always"}}}`)
	revision := s.edit()
	s.measure(planShown, func() {
		s.Until(s.b, s.object("web"), "its plan waits", func(o *v1alpha1.CdkTsStack) bool {
			held, c := o.Status.Held, o.Status.Changes
			return held != nil && held.Target.Revision == revision && c != nil && c.Operation == held.ID
		})
	}, func() { s.hand.diff(handKey, rig.Region) })
	s.Patch(s.b, s.object("web"), `{"spec":{"approval":null}}`)
	s.UntilDeployed(s.b, s.object("web"), revision)
}

func (s *bench) unchanged() {
	s.measure("a commit that changes no stack", func() {
		revision := s.commit(rig.App{appPath + "/README.md": fmt.Sprintf("# Edition %d\n", s.commits)})
		after := s.UntilDeployed(s.b, s.object("web"), revision)
		if got := after.Status.History[0].Outcome; got != v1alpha1.OutcomeUnchanged {
			s.b.Fatalf("the outcome is %s, want %s", got, v1alpha1.OutcomeUnchanged)
		}
	}, func() { s.hand.deploy(handKey, rig.Region) })
}

func (s *bench) otherRegion() {
	revision := s.Get(s.b, s.object("web")).Status.Source.Revision
	s.measure("a second region of the same commit", func() {
		obj := s.object("web-eu")
		obj.Spec.AWSRegion = otherRegion
		s.Create(s.b, obj)
		s.UntilDeployed(s.b, obj, revision)
	}, func() { s.hand.deploy(handKey, otherRegion) })
}

func (s *bench) otherContext() {
	revision := s.Get(s.b, s.object("web")).Status.Source.Revision
	s.measure("a second context of the same commit", func() {
		s.Patch(s.b, s.object("web"), `{"spec":{"cdkContext":["environment=staging"]}}`)
		after := s.UntilDeployed(s.b, s.object("web"), revision)
		if got := after.Status.History[0].Outcome; got != v1alpha1.OutcomeSucceeded {
			s.b.Fatalf("the outcome is %s, want %s", got, v1alpha1.OutcomeSucceeded)
		}
	}, func() { s.hand.deploy(handKey, rig.Region, "-c", "environment=staging") })
}

// finishRound takes everything away that the next round makes again.
func (s *bench) finishRound() {
	for _, name := range []string{"web", "web-eu"} {
		s.Delete(s.b, s.object(name))
		s.UntilGone(s.b, s.object(name))
	}
	s.hand.destroy(rig.Region, otherRegion)
	s.manager.Stop(s.b)
}
