package scale

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/test/e2e/rig"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// hands create objects and stacks at the same time.
	hands = 16
	// template is that of every stack.
	template = `{"Resources":{"Only":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"one"}}},"Outputs":{"Name":{"Value":{"Ref":"Only"}}}}`
)

func team(n int) string      { return fmt.Sprintf("team-%02d", n) }
func accountOf(n int) string { return fmt.Sprintf("1000000000%02d", n) }
func keyOf(n int) string     { return fmt.Sprintf("AKIASCALESCALESCAL%02d", n) }

// teamOf is the team of an object.
func (s *bench) teamOf(i int) int { return i % s.teams }

// accessKeys are the accounts of the local AWS, by access key.
func accessKeys(teams int) []byte {
	keys := map[string]string{}
	for n := range teams {
		keys[keyOf(n)] = accountOf(n)
	}
	data, _ := json.Marshal(keys) // strings always encode
	return data
}

// fleet is all objects.
type fleet struct {
	objects   []*v1alpha1.CdkTsStack
	revisions map[string]string
}

// createFleet makes the world, and the objects as a user does, with deployments
// switched off.
func (s *bench) createFleet() *fleet {
	f := &fleet{objects: make([]*v1alpha1.CdkTsStack, s.objects), revisions: map[string]string{}}
	for n := range s.teams {
		s.Namespace(s, team(n), keyOf(n), "bench-only")
		s.Bootstrap(s, accountOf(n), rig.Region)
		revision, err := s.Repo(s, team(n)+".git").Commit(map[string]string{"cdk.json": "{}"}, "Begin")
		if err != nil {
			s.Fatal(err)
		}
		f.revisions[team(n)] = revision
	}
	s.parallel(func(i int) error {
		namespace := team(s.teamOf(i))
		obj := rig.Stack(namespace, fmt.Sprintf("stack-%05d", i), fmt.Sprintf("Stack-%05d", i), s.HTTP.URL+"/"+namespace+".git", "")
		obj.Spec.Actions = &v1alpha1.Actions{Deploy: ptr.To(false)}
		f.objects[i] = obj
		return s.Client.Create(s.Context(), obj)
	})
	return f
}

// parallel does something for each object, and ends the benchmark when it fails.
func (s *bench) parallel(do func(i int) error) {
	s.Helper()
	next, failed := make(chan int), make(chan error, hands)
	var all sync.WaitGroup
	for range hands {
		all.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for i := range s.objects {
		select {
		case next <- i:
		case err := <-failed:
			s.Fatal(err)
		}
	}
	close(next)
	all.Wait()
	select {
	case err := <-failed:
		s.Fatal(err)
	default:
	}
}

// deploy makes the stacks, and gives the objects the statuses that deployments of
// theirs end in.
func (f *fleet) deploy(s *bench) {
	clients := s.users()
	arns := make([]string, s.objects)
	s.parallel(func(i int) error {
		obj := f.objects[i]
		made, err := clients[s.teamOf(i)].CreateStack(s.Context(), &cfn.CreateStackInput{StackName: &obj.Spec.StackName, TemplateBody: aws.String(template)})
		if err != nil {
			return err
		}
		arns[i] = *made.StackId
		return nil
	})
	time.Sleep(2 * time.Second) // they are made by then, before what counts as their deployment
	s.parallel(func(i int) error {
		obj := f.objects[i].DeepCopy()
		if err := s.Client.Patch(s.Context(), obj, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"actions":null}}`))); err != nil {
			return err
		}
		f.live(obj, arns[i], accountOf(s.teamOf(i)))
		f.objects[i] = obj
		return s.Client.Status().Update(s.Context(), obj)
	})
}

// users are clients of the teams' own.
func (s *bench) users() (all []*cfn.Client) {
	for n := range s.teams {
		all = append(all, cfn.New(cfn.Options{
			Region: rig.Region, BaseEndpoint: &s.AWS.URL, Credentials: credentials.NewStaticCredentialsProvider(keyOf(n), "bench-only", ""),
		}))
	}
	return all
}

// seen is the world of an object whose stack is made.
func (f *fleet) seen(obj *v1alpha1.CdkTsStack, arn, account string) decide.Observed {
	role := func(name string) string {
		return fmt.Sprintf("arn:aws:iam::%s:role/cdk-hnb659fds-%s-role-%s-%s", account, name, account, rig.Region)
	}
	plan := &v1alpha1.Plan{
		StackName: obj.Spec.StackName, ArtifactID: obj.Spec.StackName, Account: account, Region: rig.Region,
		TemplateURL:    fmt.Sprintf("https://cdk-hnb659fds-assets-%s-%s.s3.%s.amazonaws.com/%s.json", account, rig.Region, rig.Region, strings.Repeat("e", 64)),
		TemplateDigest: strings.Repeat("e", 64), DeployRoleARN: role("deploy"), LookupRoleARN: role("lookup"), ExecutionRoleARN: role("cfn-exec"),
		BootstrapVersion: 6, BootstrapParameter: "/cdk-bootstrap/hnb659fds/version", Tags: map[string]string{"team": obj.Namespace},
		Commit: &v1alpha1.Commit{Hash: f.revisions[obj.Namespace], Author: "A Developer <developer@example.com>"},
	}
	return decide.Observed{
		Run:       decide.Run{State: decide.RunDone, Result: &decide.RunResult{Plan: plan}},
		ChangeSet: decide.ChangeSet{Seen: true, Exists: true, StackID: arn, Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE", Changes: []decide.Change{{Action: "Add", LogicalID: "Only", Type: "AWS::SSM::Parameter"}}},
		Events:    decide.Events{Seen: true, Started: true, Final: "CREATE_COMPLETE", Done: 1},
		Stack:     decide.Stack{Seen: true, Exists: true, ID: arn, Name: obj.Spec.StackName, Status: "CREATE_COMPLETE", Outputs: map[string]string{"Name": "Only"}},
		Bootstrap: decide.Bootstrap{Seen: true, Version: 21}, Rival: decide.Rival{Seen: true},
		Drift: decide.Drift{Seen: true, Status: "DETECTION_COMPLETE"},
	}
}

// live plays a deployment and a drift check, as decide tells them.
func (f *fleet) live(obj *v1alpha1.CdkTsStack, arn, account string) {
	seen := f.seen(obj, arn, account)
	every, _ := cron.ParseStandard("@every 1s")
	for at, passes := time.Now(), 0; obj.Status.LastDriftCheck == nil && passes < 100; passes++ {
		seen.Head = decide.Head{Known: true, Revision: f.revisions[obj.Namespace], SeenAt: at}
		at = at.Add(played(obj, seen, at, decide.Settings{Drift: every, GitSync: every}))
	}
	first := obj.Status.History[0]
	for n := range 4 { // a stack of some age
		entry := first
		entry.Operation = strings.Replace(entry.Operation, "cdk-deploy-", fmt.Sprintf("cdk-deploy-%d", n+1), 1)
		obj.Status.History = append(obj.Status.History, entry)
	}
}

// played makes one pass, and gives when the next is.
func played(obj *v1alpha1.CdkTsStack, seen decide.Observed, at time.Time, cfg decide.Settings) time.Duration {
	d := decide.Decide(obj, seen, at, cfg)
	obj.Status = d.Status
	if d.Action.Tells() {
		seen.Acted = &decide.Acted{Action: d.Action, DetectionID: "detection"}
		d = decide.Decide(obj, seen, at, cfg)
		obj.Status = d.Status
	}
	return max(min(d.After, time.Second), time.Millisecond)
}
