package battery

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const (
	productionApp   = "../../../test/seed/app/production-stack"
	productionStack = "WebApp-Production-Stack"
)

// TestProductionStack is one story in order, like TestWholeLife.
func TestProductionStack(t *testing.T) {
	t.Parallel()
	s := newStage(t).with(productionApp, "app")
	s.aws.Bootstrap(place.Account, place.Region)
	before := len(s.aws.Cloud.All())

	s.deploy(0, []string{productionStack + `.ApplicationUrl = http://webapp-prod-\d+\.eu-central-1\.elb\.amazonaws\.com`})
	s.cdk(0, []string{"Number of resources with drift: 0"}, "drift", "--fail")
	s.cdk(0, []string{"Number of stacks with differences: 0"}, "diff", "--fail")
	if days, open := s.database().Text("BackupRetentionPeriod"), s.openPorts(); days != "7" || !slices.Equal(open, []string{"80"}) {
		t.Errorf("backups are kept for %s days, ports %v are open", days, open)
	}

	s.hack(cloud.DatabaseType, "BackupRetentionPeriod", "3")
	s.hack("AWS::SNS::Topic", "DisplayName", "theirs")
	s.cdk(1, []string{"AWS::RDS::DBInstance", "/?BackupRetentionPeriod", "DisplayName", "Number of resources with drift: 2"}, "drift", "--fail")

	s.deploy(0, []string{productionStack + `.ApplicationUrl = http://127.0.0.1:8080`},
		"-c", "backup-retention=5", "-c", "open-ssh=true", "-c", "app-url=http://127.0.0.1:8080")
	if days, open := s.database().Text("BackupRetentionPeriod"), s.openPorts(); days != "5" || !slices.Equal(open, []string{"80", "22"}) {
		t.Errorf("backups are kept for %s days, ports %v are open", days, open)
	}

	s.cdk(0, nil, "destroy", "--force")
	s.expect(productionStack, "none")
	if left := s.aws.Cloud.All(); len(left) != before {
		t.Errorf("destroying the stack left %d resources, there were %d before it", len(left), before)
	}
}

func (s *stage) database() *cloud.Resource {
	s.Helper()
	all := s.aws.Cloud.List(place, cloud.DatabaseType)
	if len(all) != 1 {
		s.Fatalf("there are %d databases", len(all))
	}
	return &all[0]
}

// openPorts are the ports that the groups' own rules open to everyone.
func (s *stage) openPorts() []string {
	var ports []string
	for _, group := range s.aws.Cloud.List(place, cloud.SecurityGroupType) {
		for _, rule := range wire.Params(group.Props).Maps("SecurityGroupIngress") {
			if rule.String("CidrIp") == "0.0.0.0/0" {
				ports = append(ports, rule.String("FromPort"))
			}
		}
	}
	return ports
}

func TestProductionAppSharesItsDependencies(t *testing.T) {
	for _, name := range []string{"package.json", "package-lock.json"} {
		ours, err := os.ReadFile(filepath.Join(productionApp, name))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join("../../app", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			t.Errorf("%s is not that of demo/app: the operator would install the same dependencies twice", name)
		}
	}
}
