package cloudformation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
)

// drift detects and waits for the answer.
func (c cloud) drift(tb testing.TB, stackID string) decide.Drift {
	tb.Helper()
	id, err := c.DetectDrift(tb.Context(), stackID, "")
	if err != nil {
		tb.Fatal(err)
	}
	var seen decide.Drift
	awstest.Eventually(tb, "drift detection ends", func() bool {
		seen = c.Drift(tb.Context(), id, stackID, false)
		if seen.Err != nil {
			tb.Fatal(seen.Err)
		}
		return seen.Status != "DETECTION_IN_PROGRESS"
	})
	return seen
}

func TestDriftIsToldByPropertyWithExpectedAndActual(t *testing.T) {
	c := newCloud(t)
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one"), "Topic": topic("x")}}))
	if diff := cmp.Diff(decide.Drift{Seen: true, Status: "DETECTION_COMPLETE"}, c.drift(t, stack.ID)); diff != "" {
		t.Errorf("before any change:\n%s", diff)
	}
	c.Parameter(t, "/app/config", "by hand")
	want := decide.Drift{Seen: true, Status: "DETECTION_COMPLETE", Drifted: true, Resources: []v1alpha1.DriftedResource{{
		LogicalID: "Config", PhysicalID: "/app/config", Type: "AWS::SSM::Parameter", Change: "MODIFIED",
		Properties: []v1alpha1.DriftedProperty{{Path: "/Value", Change: "NOT_EQUAL", Expected: "one", Actual: "by hand"}},
	}}}
	if diff := cmp.Diff(want, c.drift(t, stack.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestDriftOfNestedStacksIsFound(t *testing.T) {
	c := newCloud(t)
	inner := c.plan(t, template{Resources: tree{"Config": parameter("/app/inner", "one")}})
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"Inner": nestedStack(inner.TemplateURL)}}))
	c.Parameter(t, "/app/inner", "by hand")
	seen := c.drift(t, stack.ID)
	if !seen.Drifted || len(seen.Resources) != 1 || !strings.HasPrefix(seen.Resources[0].LogicalID, "app-Inner-") ||
		!strings.HasSuffix(seen.Resources[0].LogicalID, "/Config") {
		t.Errorf("drift: %+v", seen)
	}
}

func TestWhatCloudFormationCouldNotLookAtIsSaid(t *testing.T) {
	c := newCloud(t)
	hidden := tree{"Type": "Local::Test::Resource", "Properties": tree{"FailOn": "Drift", "Message": "the role may not read it"}}
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one"), "Hidden": hidden}}))
	unchecked := []v1alpha1.UncheckedResource{{LogicalID: "Hidden", Type: "Local::Test::Resource", Reason: "the role may not read it"}}
	seen := c.drift(t, stack.ID)
	if diff := cmp.Diff(unchecked, seen.Unchecked); diff != "" || seen.Drifted || !strings.Contains(seen.Undecided, "app is UNKNOWN") {
		t.Errorf("drift: %+v\n%s", seen, diff)
	}
	c.Parameter(t, "/app/config", "by hand")
	seen = c.drift(t, stack.ID)
	if diff := cmp.Diff(unchecked, seen.Unchecked); diff != "" || !seen.Drifted || len(seen.Resources) != 1 {
		t.Errorf("drift: %+v\n%s", seen, diff)
	}
}

func TestADetectionThatIsGoingOnIsNoFailure(t *testing.T) {
	c := newCloud(t)
	inner := c.plan(t, template{Resources: tree{"Config": parameter("/app/inner", "one")}})
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"Inner": nestedStack(inner.TemplateURL)}}))
	c.Parameter(t, "/app/inner", "by hand")
	busy := awstest.Fault{
		Service: "cloudformation", Action: "DetectStackDrift", Code: "ValidationError", Status: 400,
		Message: "Drift detection is already in progress for stack [" + stack.ID + "]",
	}
	busy.Count = 2
	c.Fault(t, busy)
	if id, err := c.DetectDrift(t.Context(), stack.ID, ""); id != "" || !errors.Is(err, ErrStackBusy) {
		t.Errorf("both are going on: %q, %v", id, err)
	}
	busy.Count = 1
	c.Fault(t, busy)
	id, err := c.DetectDrift(t.Context(), stack.ID, "")
	if err != nil {
		t.Fatal("one is going on:", err)
	}
	awstest.Eventually(t, "the other one ends", func() bool {
		seen := c.Drift(t.Context(), id, stack.ID, false)
		if seen.Err != nil || seen.Drifted {
			t.Fatalf("drift: %+v", seen)
		}
		return seen.Status == "DETECTION_PENDING"
	})
	c.ForgetCalls(t)
	if id, err = c.DetectDrift(t.Context(), stack.ID, id); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Calls(t, "DetectStackDrift")); n != 1 {
		t.Errorf("%d detections were started, and one was missing", n)
	}
	awstest.Eventually(t, "both end", func() bool {
		seen := c.Drift(t.Context(), id, stack.ID, false)
		return seen.Status == "DETECTION_COMPLETE" && seen.Drifted
	})
}

func TestTheTemplateOfAStackIsKnownByItsDigest(t *testing.T) {
	c := newCloud(t)
	mine := template{Resources: tree{"Topic": topic("one")}}
	sum := sha256.Sum256([]byte(mine.json(t)))
	stack := c.deploy(t, "1", c.plan(t, mine))
	if got, err := c.TemplateDigest(t.Context(), stack.ID); err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %q, %v", got, err)
	}
	// What is not ASCII comes back as question marks: such a template cannot be
	// told from another.
	odd := c.deploy(t, "2", c.plan(t, template{Resources: tree{"Topic": topic("what?")}}))
	if got, err := c.TemplateDigest(t.Context(), odd.ID); err != nil || got != "" {
		t.Errorf("digest %q, %v", got, err)
	}
}

// All that drifted is read, for the rules to be asked, up to a bound that no
// stack without nested ones reaches.
func TestMoreDriftThanFitsIsCounted(t *testing.T) {
	var seen decide.Drift
	for i := range maxDriftedResources + 3 {
		addResource(&seen, "", types.StackResourceDrift{LogicalResourceId: aws.String(fmt.Sprint("P", i)), StackResourceDriftStatus: types.StackResourceDriftStatusModified})
	}
	if len(seen.Resources) != maxDriftedResources || seen.Omitted != 3 {
		t.Errorf("%d resources and %d omitted", len(seen.Resources), seen.Omitted)
	}
}

func TestAnUnknownDetectionIsNotFoundAndNotNoDrift(t *testing.T) {
	c := newCloud(t)
	seen := c.Drift(t.Context(), "b78ac9b0-dec1-11e7-a451-503a3example", "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/x", false)
	if !errors.Is(seen.Err, ErrNotFound) || seen.Seen {
		t.Errorf("drift: %+v", seen)
	}
	c.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DescribeStackDriftDetectionStatus", Code: "AccessDenied", Status: 403})
	seen = c.Drift(t.Context(), "b78ac9b0-dec1-11e7-a451-503a3example", "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/x", false)
	if !errors.Is(seen.Err, ErrAccessDenied) || seen.Seen {
		t.Errorf("drift: %+v", seen)
	}
}

func TestDriftedValuesAreBounded(t *testing.T) {
	long := strings.Repeat("ä", maxValue+1)
	var differences []types.PropertyDifference
	for range maxDriftedProperties + 1 {
		differences = append(differences, types.PropertyDifference{
			PropertyPath: aws.String("/P"), DifferenceType: types.DifferenceTypeNotEqual,
			ExpectedValue: aws.String(`{ "a" : [ 1, 2 ] }`), ActualValue: &long,
		})
	}
	r := driftedResource("", types.StackResourceDrift{PropertyDifferences: differences})
	if len(r.Properties) != maxDriftedProperties || r.PropertiesOmitted != 1 {
		t.Errorf("%d properties and %d omitted", len(r.Properties), r.PropertiesOmitted)
	}
	want := v1alpha1.DriftedProperty{Path: "/P", Change: "NOT_EQUAL", Expected: `{"a":[1,2]}`, Actual: strings.Repeat("ä", maxValue-1) + "…"}
	if diff := cmp.Diff(want, r.Properties[0]); diff != "" {
		t.Error(diff)
	}
	if got := compact("****"); got != "****" {
		t.Errorf("a masked value became %s", got)
	}
}
