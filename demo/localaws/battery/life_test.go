package battery

import (
	"testing"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/control"
)

var (
	controlAll    = control.Filter{}
	controlWrites = control.Filter{WritesOnly: true}
)

// TestWholeLife is one story in order: each step needs the ones before it.
func TestWholeLife(t *testing.T) {
	t.Parallel()
	s := newStage(t).withApp()
	steps := []struct {
		name string
		do   func(s *stage)
	}{
		{"bootstrap", bootstrap},
		{"look at stacks that are not there yet", lookAtNew},
		{"deploy two stacks and an asset", deployBoth},
		{"deploy again without a change", deployAgain},
		{"look at a change and at none", lookAtChange},
		{"deploy a change", deployChange},
		{"an update that fails is rolled back", failUpdate},
		{"a type nobody knows is refused", deployAlien},
		{"deploy directly, without a change set", deployDirectly},
		{"prepare a change set and leave it", prepareOnly},
		{"find drift", findDrift},
		{"put drift right", revertDrift},
		{"roll back when there is no need", rollBackNothing},
		{"fail without rollback, then roll back", rollBackLater},
		{"collect garbage", collectGarbage},
		{"a creation that fails can be deployed again", failCreate},
		{"protect and destroy", destroy},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) {
			inner := *s
			inner.T = t
			step.do(&inner)
		}) {
			t.Fatalf("the rest of the story needs the step %q", step.name)
		}
	}
	for _, call := range s.aws.Control.Calls(controlAll) {
		if call.Error == "NotImplemented" {
			t.Errorf("the CLI called %s:%s, which is not implemented", call.Service, call.Action)
		}
	}
}

func bootstrap(s *stage) {
	s.cdk(0, []string{"bootstrapped"}, "bootstrap", "aws://"+place.Account+"/"+place.Region)
	s.cdk(0, []string{`bootstrapped \(no changes\)`}, "bootstrap", "aws://"+place.Account+"/"+place.Region)
	s.expect("CDKToolkit", "CREATE_COMPLETE")
}

func lookAtNew(s *stage) {
	s.cdk(1, []string{`\[\+\] AWS::SNS::Topic`, "Number of stacks with differences: 2"}, "diff", "--fail")
	s.expect("Base", "none")
}

func deployBoth(s *stage) {
	s.deploy(0, []string{`✅  Base`, `✅  Service`, `Service.FunctionName = Service-Function`}, "--all")
	if s.color() != "blue" {
		s.Errorf("color = %q", s.color())
	}
	fn := s.aws.Cloud.List(place, "AWS::Lambda::Function")[0]
	code := fn.Props["Code"].(map[string]any)
	if o, ok := s.aws.Cloud.GetObject(code["S3Bucket"].(string), code["S3Key"].(string)); !ok || len(o.Body) == 0 {
		s.Errorf("the function's code %v is not in the bucket", code)
	}
}

func deployAgain(s *stage) {
	s.aws.Control.ForgetCalls()
	s.deploy(0, []string{`Base \(no changes\)`, `Service \(no changes\)`}, "--all")
	for _, call := range s.aws.Control.Calls(controlWrites) {
		if call.Action == "ExecuteChangeSet" || call.Action == "PutObject" {
			s.Errorf("deploying nothing called %s on %s", call.Action, call.Target)
		}
	}
}

func lookAtChange(s *stage) {
	s.cdk(0, []string{"Number of stacks with differences: 0"}, "diff", "--fail")
	s.cdk(1, []string{`\[-\] blue`, `\[\+\] red`, "Number of stacks with differences: 2"}, "diff", "--fail", "-c", "color=red")
}

func deployChange(s *stage) {
	s.deploy(0, nil, "--all", "-c", "color=red")
	if s.color() != "red" {
		s.Errorf("color = %q", s.color())
	}
}

func failUpdate(s *stage) {
	s.deploy(1, []string{"UPDATE_ROLLBACK_IN_PROG", "was told to fail on Update", "Service/Trouble"}, "Service", "--exclusively", "-c", "color=green", "-c", "fail=update")
	s.expect("Service", "UPDATE_ROLLBACK_COMPLETE")
	if s.color() != "red" {
		s.Errorf("color = %q after the rollback", s.color())
	}
	s.deploy(0, nil, "Service", "--exclusively", "-c", "color=green")
	if s.color() != "green" {
		s.Errorf("color = %q after the recovery", s.color())
	}
}

func deployAlien(s *stage) {
	s.deploy(1, []string{`Unrecognized resource types: \[Alien::Space::Ship\]`}, "Service", "--exclusively", "-c", "alien=true")
}

func deployDirectly(s *stage) {
	s.deploy(0, nil, "Service", "--exclusively", "--method=direct", "-c", "color=yellow")
	if s.color() != "yellow" {
		s.Errorf("color = %q", s.color())
	}
	s.deploy(0, []string{"no changes"}, "Service", "--exclusively", "--method=direct", "-c", "color=yellow")
}

func prepareOnly(s *stage) {
	s.deploy(0, []string{"waiting in review"}, "Service", "--exclusively", "--method=prepare-change-set", "--change-set-name", "look", "-c", "color=pink")
	if s.color() != "yellow" {
		s.Errorf("preparing a change set made color %q", s.color())
	}
}

func findDrift(s *stage) {
	s.cdk(0, []string{"Number of resources with drift: 0"}, "drift", "--fail")
	s.hack("AWS::SSM::Parameter", "Value", "hacked")
	s.hack("AWS::SNS::Topic", "DisplayName", "hacked")
	s.cdk(1, []string{`/Value`, `/DisplayName`, `\[-\] yellow`, `\[\+\] hacked`, "Number of resources with drift: 2"}, "drift", "--fail", "Base", "Service")
	for _, table := range s.aws.Cloud.List(place, "AWS::DynamoDB::Table") {
		if err := s.aws.Cloud.Delete(cloud.Deleting, place, table.Type, table.ID); err != nil {
			s.Fatal(err)
		}
	}
	s.cdk(1, []string{`Deleted Resources\n\[-\] AWS::DynamoDB::Table`}, "drift", "--fail", "Service")
}

func revertDrift(s *stage) {
	s.deploy(0, nil, "Service", "--exclusively", "--revert-drift", "-c", "color=yellow")
	if s.color() != "yellow" || len(s.aws.Cloud.List(place, "AWS::DynamoDB::Table")) != 1 {
		s.Errorf("color = %q, tables = %d", s.color(), len(s.aws.Cloud.List(place, "AWS::DynamoDB::Table")))
	}
	s.cdk(0, []string{"Number of resources with drift: 0"}, "drift", "--fail", "Service")
}

func rollBackNothing(s *stage) {
	s.cdk(1, []string{"does not need a rollback"}, "rollback", "Service")
}

func rollBackLater(s *stage) {
	s.deploy(1, []string{"UPDATE_FAILED"}, "Service", "--exclusively", "--no-rollback", "-c", "color=violet", "-c", "fail=update")
	s.expect("Service", "UPDATE_FAILED")
	s.cdk(0, []string{"Rollback time"}, "rollback", "Service") // it may be too quick for its events to be shown
	s.expect("Service", "UPDATE_ROLLBACK_COMPLETE")
	if s.color() != "yellow" {
		s.Errorf("color = %q after the rollback", s.color())
	}
}

// collectGarbage must keep the code of the function and may drop old templates.
func collectGarbage(s *stage) {
	bucket := "cdk-hnb659fds-assets-" + place.Account + "-" + place.Region
	before := len(s.aws.Cloud.ListObjects(bucket, ""))
	s.cdk(0, []string{"files scanned"}, "gc", "aws://"+place.Account+"/"+place.Region, "--unstable=gc", "--type", "s3",
		"--rollback-buffer-days", "0", "--created-buffer-days", "0", "--confirm=false")
	if after := len(s.aws.Cloud.ListObjects(bucket, "")); after >= before {
		s.Errorf("%d objects before, %d after", before, after)
	}
	code := s.aws.Cloud.List(place, "AWS::Lambda::Function")[0].Props["Code"].(map[string]any)
	if _, ok := s.aws.Cloud.GetObject(bucket, code["S3Key"].(string)); !ok {
		s.Error("the function's code was collected")
	}
}

func failCreate(s *stage) {
	s.cdk(0, nil, "destroy", "Service", "--force")
	s.expect("Service", "none")
	s.deploy(1, []string{"CREATE_FAILED"}, "Service", "--exclusively", "-c", "fail=create")
	s.expect("Service", "ROLLBACK_COMPLETE")
	s.deploy(0, nil, "Service", "--exclusively")
	s.expect("Service", "CREATE_COMPLETE")
}

func destroy(s *stage) {
	s.deploy(0, nil, "Base", "-c", "protect=true")
	s.cdk(1, []string{"cannot be deleted while TerminationProtection is enabled"}, "destroy", "--all", "--force", "-c", "protect=true")
	s.deploy(0, nil, "Base")
	s.cdk(0, nil, "destroy", "--all", "--force")
	for _, name := range []string{"Base", "Service"} {
		s.expect(name, "none")
	}
	for _, r := range s.aws.Cloud.All() {
		if r.StackID != "" && !isBootstrap(s, r.StackID) {
			s.Errorf("left behind: %s %s", r.Type, r.ID)
		}
	}
}

func isBootstrap(s *stage, id string) bool {
	for _, st := range s.aws.CloudFormation.Stacks() {
		if st.ID == id {
			return st.Name == "CDKToolkit"
		}
	}
	return false
}
