package cloudformation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
)

// putPlan puts something where a run would have put its plan.
func (c cloud) putPlan(t *testing.T, content string) decide.PlanAt {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	at := decide.PlanAt{Bucket: "templates", Key: "awscdk-operator/plans/" + digest + ".json", Region: awstest.Region, Account: awstest.Account, SHA256: digest, Bytes: len(content)}
	c.Put(t, at.Bucket, at.Key, content)
	return at
}

func TestAPlanIsReadFromTheBucket(t *testing.T) {
	c := newCloud(t)
	want := &v1alpha1.Plan{StackName: "app", Parameters: map[string]string{"Big": strings.Repeat("x", 60<<10)}, NotificationARNs: []string{}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Client.Plan(t.Context(), c.putPlan(t, string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPlanThatCannotBeReadSaysWhetherToWait(t *testing.T) {
	const plan = `{"stackName":"app"}`
	refuse := func(code string, status int) func(*testing.T, cloud, *decide.PlanAt) {
		return func(t *testing.T, c cloud, _ *decide.PlanAt) {
			c.Fault(t, awstest.Fault{Service: "s3", Action: "GetObject", Code: code, Status: status, Count: -1})
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, cloud, *decide.PlanAt)
		want  error
		says  string
	}{
		"S3 is slow":       {refuse("SlowDown", 503), ErrThrottled, "tried again later"},
		"S3 is down":       {refuse("InternalError", 500), ErrUnreachable, "tried again later"},
		"the key is wrong": {refuse("InvalidAccessKeyId", 403), ErrCredentials, "correct AWS_ACCESS_KEY_ID"},
		"it is closed":     {refuse("AccessDenied", 403), ErrAccessDenied, "allow the credentials of the object s3:GetObject there"},
		"it is gone": {func(_ *testing.T, _ cloud, at *decide.PlanAt) { at.Key += "x" },
			ErrPlanUnreadable, "no longer at s3://templates/"},
		"it is another": {func(t *testing.T, c cloud, at *decide.PlanAt) { c.Put(t, at.Bucket, at.Key, `{"stackName":"evil"}`) },
			ErrPlanUnreadable, "delete the object"},
		"it is no plan": {func(t *testing.T, c cloud, at *decide.PlanAt) { *at = c.putPlan(t, `["no plan"]`) },
			ErrPlanUnreadable, "holds no plan"},
		"it is too large": {func(t *testing.T, c cloud, at *decide.PlanAt) {
			*at = c.putPlan(t, plan+strings.Repeat(" ", maxPlanObject))
		},
			ErrPlanUnreadable, "is not the plan"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			at := cloud.putPlan(t, plan)
			c.spoil(t, cloud, &at)
			got, err := cloud.Client.Plan(t.Context(), at)
			if got != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("plan %+v, %v; want %v that says %q", got, err, c.want, c.says)
			}
			if waits := problem.Of(err).Outlook == problem.Waits; waits && errors.Is(err, ErrPlanUnreadable) {
				t.Errorf("it is waited for what does not come: %v", err)
			}
		})
	}
}

func TestAPlanIsReadWithTheDeployRole(t *testing.T) {
	c := newCloud(t)
	at := c.putPlan(t, `{"stackName":"app"}`)
	at.Role = c.Role(t, "deploy", awstest.TaggedTrust("team", "a"))
	at.RoleSession = &v1alpha1.RoleSession{Tags: []v1alpha1.SessionTag{{Key: "team", Value: "a"}}}
	clients := NewClients(Options{Now: time.Now})
	client := clients.For(Target{Credentials: testKeys, Region: at.Region, Role: awsconfig.Role{ARN: at.Role, Session: at.RoleSession}})
	if _, err := client.Plan(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if calls := c.Calls(t, "GetObject"); len(calls) != 1 || !strings.HasPrefix(calls[0].AccessKey, "ASIA") {
		t.Errorf("it was read outside of the session: %+v", calls)
	}
	c.Fault(t, awstest.Fault{Service: "s3", Action: "GetObject", Code: "AccessDenied", Status: 403, Count: -1})
	if _, err := client.Plan(t.Context(), at); err == nil || !strings.Contains(err.Error(), "allow "+at.Role+" s3:GetObject") {
		t.Errorf("error %v", err)
	}
}
