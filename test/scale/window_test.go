package scale

import (
	"fmt"
	"os"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/figures"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// changed is the template of the plans that wait.
const changed = `{"Resources":{"Only":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"two"}}},"Outputs":{"Name":{"Value":{"Ref":"Only"}}}}`

// BenchmarkWindow has the plans of many stacks in few accounts wait for a window
// that opens for all of them at one minute, and measures how they are started.
// SCALE_WINDOW is how many stacks there are, 1000 by default, in 5 accounts.
func BenchmarkWindow(b *testing.B) {
	s := newBench(b, fromEnv(b, "SCALE_WINDOW", 1000), 5)
	defer func() {
		if err := s.Print(os.Stdout, 0); err != nil {
			b.Error(err)
		}
	}()
	s.say("making %d stacks in %d accounts", s.objects, s.teams)
	s.fleet = s.createFleet()
	s.fleet.deploy(s)
	opens := time.Now().Add(time.Minute + time.Duration(s.objects)*100*time.Millisecond).Truncate(time.Minute).Add(time.Minute)
	s.say("having a plan of each wait until %s", opens.Format(time.TimeOnly))
	s.fleet.hold(s, opens)
	s.manager = s.Manage(s, rig.ManagerOptions{Data: s.data, GitSync: "@every 24h", Drift: "@every 24h", Flags: profiled()})
	if late := time.Since(opens); late > 0 {
		s.Fatalf("this machine is too slow: the window opened %s ago", late)
	}
	time.Sleep(time.Until(opens))
	s.watchOpening(opens)
	s.manager.Stop(s)
}

// hold plays how a plan of each object comes to wait for the end of a denial, as
// decide tells it, and makes their change sets.
func (f *fleet) hold(s *bench, until time.Time) {
	users := s.users()
	s.parallel(func(i int) error {
		obj := f.objects[i]
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"window"}},"spec":{"windows":{"deny":[{"start":"2026-01-01T00:00","end":%q}]}}}`,
			v1alpha1.RestartedAtAnnotation, until.UTC().Format("2006-01-02T15:04"))
		status := obj.Status
		if err := s.Client.Patch(s.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			return err
		}
		obj.Status = status
		if err := f.plan(obj, accountOf(s.teamOf(i))); err != nil {
			return err
		}
		if err := changeSet(s, users[s.teamOf(i)], obj); err != nil {
			return err
		}
		return s.Client.Status().Update(s.Context(), obj)
	})
}

// plan plays passes until a plan waits.
func (f *fleet) plan(obj *v1alpha1.CdkTsStack, account string) error {
	seen := f.seen(obj, obj.Status.StackID, account)
	daily, _ := cron.ParseStandard("@every 24h")
	seen.ChangeSet.Changes = []decide.Change{{Action: "Modify", Replacement: "False", LogicalID: "Only", Type: "AWS::SSM::Parameter", Properties: []string{"Value"}}}
	at := time.Now()
	for range 100 {
		seen.Head = decide.Head{Known: true, Revision: f.revisions[obj.Namespace], SeenAt: at}
		at = at.Add(played(obj, seen, at, decide.Settings{Drift: daily, GitSync: daily}))
		if obj.Status.Held != nil {
			return nil
		}
	}
	return fmt.Errorf("%s: no plan comes to wait: %s", obj.Name, obj.Status.Message)
}

// changeSet makes the change set of the plan that waits.
func changeSet(s *bench, user *cfn.Client, obj *v1alpha1.CdkTsStack) error {
	in := &cfn.CreateChangeSetInput{StackName: &obj.Status.StackID, ChangeSetName: &obj.Status.Held.ID, TemplateBody: aws.String(changed)}
	if _, err := user.CreateChangeSet(s.Context(), in); err != nil {
		return err
	}
	made := cfn.NewChangeSetCreateCompleteWaiter(user, func(o *cfn.ChangeSetCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second
	})
	return made.Wait(s.Context(), &cfn.DescribeChangeSetInput{StackName: in.StackName, ChangeSetName: in.ChangeSetName}, time.Minute)
}

// watchOpening measures how the plans are started, and what that asks of AWS.
func (s *bench) watchOpening(opens time.Time) {
	const execute = "ExecuteChangeSet"
	before, used := s.awsCalls(), figures.ProcessorTime(s, s.manager.PID)
	early := before.succeeded(execute)
	var asked []int // of CloudFormation until each second
	for end := opens.Add(patience); time.Now().Before(end) && s.awsCalls().succeeded(execute) < s.objects; time.Sleep(time.Until(opens.Add(time.Duration(len(asked)) * time.Second))) {
		asked = append(asked, s.awsCalls().cloudFormation()-before.cloudFormation())
	}
	took, calls := time.Since(opens), s.awsCalls()
	per := float64(calls.cloudFormation()-before.cloudFormation()) / float64(s.teams)
	s.say("AWS calls: %s", calls.since(before))
	s.Note(fmt.Sprintf("%d stacks in %d accounts, all started after their window opened (load %s)", s.objects, s.teams, figures.Load(s)), took.Seconds(), "s", -1)
	s.Note("  started before it opened", float64(early), "", 0)
	s.Note("  not started within "+patience.String(), float64(s.objects-calls.succeeded(execute)), "", 0)
	s.Note("  requests to CloudFormation for each account", per, "", cloudformation.DefaultBurst+cloudformation.DefaultRate*took.Seconds())
	s.Note("  the most of them within a second", float64(most(asked))/float64(s.teams), "", -1)
	s.Note("  requests to CloudFormation for each stack until all were started", per*float64(s.teams)/float64(s.objects), "", -1)
	s.Note("  manager's processor time for it", (figures.ProcessorTime(s, s.manager.PID) - used).Seconds(), "s", -1)
	s.awaitExecuted()
	s.Note("  executions more than one for each stack", float64(s.awsCalls().tried(execute)-s.objects), "", 0)
}

// most is the largest step of a growing count.
func most(counts []int) (step int) {
	for i := 1; i < len(counts); i++ {
		step = max(step, counts[i]-counts[i-1])
	}
	return step
}

// awaitExecuted waits until every plan that waited is deployed, each as itself.
func (s *bench) awaitExecuted() {
	s.Helper()
	left := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) {
		var all v1alpha1.CdkTsStackList
		if err := s.Client.List(s.Context(), &all); err != nil {
			s.Fatal(err)
		}
		done := map[string]bool{}
		for i := range all.Items {
			if o := &all.Items[i]; rig.Ready(o) && o.Status.History[0].Outcome == v1alpha1.OutcomeSucceeded {
				done[o.Status.History[0].Operation] = true
			}
		}
		left = 0
		for _, obj := range s.fleet.objects {
			if !done[obj.Status.Held.ID] {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	s.Fatalf("%d of %d stacks are not deployed within %s", left, s.objects, patience)
}
