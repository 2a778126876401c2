package decide

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestABootstrapOfOnesOwnThatIsTooOldIsNamed(t *testing.T) {
	plan := &v1alpha1.Plan{Account: "111122223333", BootstrapVersion: 6, BootstrapParameter: "/cdk-bootstrap/own/version"}
	p := lacksBootstrap(Bootstrap{Version: 5}, plan, "eu-west-1")
	const command = "`cdk bootstrap aws://111122223333/eu-west-1 --qualifier own --toolkit-stack-name CDKToolkit-own`"
	if p == nil || p.Reason != "BootstrapTooOld" || !strings.Contains(p.Message, command) {
		t.Errorf("problem is %+v", p)
	}
}
