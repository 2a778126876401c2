package cloudformation

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// canned is a CloudFormation that gives prepared answers, for what the local
// AWS does not do or cannot be brought to do.
type canned struct {
	mu      sync.Mutex
	answers map[string]func(url.Values) string // by action
	asked   map[string]int
	refusal string // the code of the error that is given instead of the answer
}

// refuse has an answer be an error with a code of AWS's.
func (s *canned) refuse(code string) { s.refusal = code }

func (s *canned) client(t *testing.T) *Client {
	t.Helper()
	s.asked = map[string]int{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	awstest.Env(t, server.URL)
	return NewClients(Options{Now: time.Now, Rate: 1000, Burst: 1000}).For(Target{Credentials: testKeys, Region: awstest.Region})
}

func (s *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	s.asked[action]++
	if s.answers[action] == nil {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	answer := s.answers[action](r.Form)
	if s.refusal != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s: no</Message></Error></ErrorResponse>", s.refusal, s.refusal)
		s.refusal = ""
		return
	}
	fmt.Fprintf(w, "<%sResponse><%sResult>%s</%sResult></%sResponse>", action, action, answer, action, action)
}

const cannedStack = "arn:aws:cloudformation:eu-central-1:123456789012:stack/app/1"

// history answers with pages of a hundred events, newest first: a current
// operation of so many, which the stack's own event began, then older ones.
func history(current int) func(url.Values) string {
	return func(form url.Values) string {
		first, _ := strconv.Atoi(form.Get("NextToken"))
		var page strings.Builder
		for i := first; i < first+100; i++ {
			token, physical, status := "op-2", "r", "UPDATE_COMPLETE"
			if i == current-1 {
				physical, status = cannedStack, "UPDATE_IN_PROGRESS"
			}
			if i >= current {
				token = "op-1"
			}
			fmt.Fprintf(&page, "<member><StackId>%s</StackId><EventId>%d</EventId><LogicalResourceId>R%d</LogicalResourceId><PhysicalResourceId>%s</PhysicalResourceId><ResourceStatus>%s</ResourceStatus><ClientRequestToken>%s</ClientRequestToken><Timestamp>%s</Timestamp></member>",
				cannedStack, i, i, physical, status, token, time.Unix(1_700_000_000-int64(i), 0).UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("<StackEvents>%s</StackEvents><NextToken>%d</NextToken>", page.String(), first+100)
	}
}

func TestEventsAreNotReadBeyondTheBeginningOfTheOperation(t *testing.T) {
	s := &canned{answers: map[string]func(url.Values) string{"DescribeStackEvents": history(150)}}
	events := s.client(t).Events(t.Context(), cannedStack, "op-2", time.Time{})
	if events.Err != nil || events.Done != 149 {
		t.Errorf("events: %+v", events)
	}
	if n := s.asked["DescribeStackEvents"]; n != 2 {
		t.Errorf("%d pages were read, want 2", n)
	}
}

func TestEventsOfAnOperationThatDidNotBeginAreNotSoughtInAllOfHistory(t *testing.T) {
	s := &canned{answers: map[string]func(url.Values) string{"DescribeStackEvents": history(150)}}
	events := s.client(t).Events(t.Context(), cannedStack, "op-3", time.Unix(1_700_000_000, 0))
	if events.Err != nil || events.Started {
		t.Errorf("events: %+v", events)
	}
	if n := s.asked["DescribeStackEvents"]; n != 4 {
		t.Errorf("%d pages were read, want the 4 of five minutes", n)
	}
}

func TestPagesAndNestedChangeSetsAreRead(t *testing.T) {
	change := func(inner string) string {
		return "<member><Type>Resource</Type><ResourceChange><LogicalResourceId>R</LogicalResourceId>" + inner + "</ResourceChange></member>"
	}
	page := func(changes, more string) string {
		return "<Status>CREATE_COMPLETE</Status><Changes>" + changes + "</Changes>" + more
	}
	s := &canned{answers: map[string]func(url.Values) string{"DescribeChangeSet": func(form url.Values) string {
		switch {
		case form.Get("ChangeSetName") == "arn:nested" && form.Get("StackName") == "":
			return page(strings.Repeat(change(""), 3), "")
		case form.Get("NextToken") == "2":
			return page(change(""), "")
		}
		return page(change("")+change("<ChangeSetId>arn:nested</ChangeSetId>"), "<NextToken>2</NextToken>")
	}}}
	seen := s.client(t).ChangeSet(t.Context(), "app", "op-1")
	var ids []string
	for _, c := range seen.Changes {
		ids = append(ids, c.LogicalID)
	}
	if got := strings.Join(ids, " "); seen.Err != nil || got != "R R R/R R/R R/R R" {
		t.Errorf("resources %s of %+v", got, seen)
	}
}

func TestAPlanSaysThatNotAllOfItCouldBeRead(t *testing.T) {
	nested := func(n int) string {
		return fmt.Sprintf("<member><Type>Resource</Type><ResourceChange><LogicalResourceId>N%d</LogicalResourceId><ChangeSetId>arn:nested-%d</ChangeSetId></ResourceChange></member>", n, n)
	}
	for count, unseen := range map[int]bool{maxNestedChangeSets: false, maxNestedChangeSets + 1: true} {
		s := &canned{answers: map[string]func(url.Values) string{"DescribeChangeSet": func(form url.Values) string {
			if strings.HasPrefix(form.Get("ChangeSetName"), "arn:nested") {
				return "<Status>CREATE_COMPLETE</Status><Changes><member><Type>Resource</Type><ResourceChange><Action>Remove</Action><LogicalResourceId>T</LogicalResourceId></ResourceChange></member></Changes>"
			}
			var all strings.Builder
			for n := range count {
				all.WriteString(nested(n))
			}
			return "<Status>CREATE_COMPLETE</Status><Changes>" + all.String() + "</Changes>"
		}}}
		if seen := s.client(t).ChangeSet(t.Context(), "app", "op-1"); seen.Err != nil || seen.Unseen != unseen || len(seen.Changes) != count+min(count, maxNestedChangeSets) {
			t.Errorf("of %d nested stacks: %d changes, unseen %t, %v", count, len(seen.Changes), seen.Unseen, seen.Err)
		}
	}
}

func TestAChangeSetThatFailedInValidationSaysOfWhichResource(t *testing.T) {
	s := &canned{answers: map[string]func(url.Values) string{
		"DescribeChangeSet": func(url.Values) string {
			return "<Status>FAILED</Status><StatusReason>The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. </StatusReason>"
		},
		"DescribeEvents": func(url.Values) string {
			return "<OperationEvents><member><LogicalResourceId>Bucket</LogicalResourceId><ValidationStatusReason>Resource already exists</ValidationStatusReason></member></OperationEvents>"
		},
	}}
	seen := s.client(t).ChangeSet(t.Context(), "app", "op-1")
	if seen.Empty || !strings.HasSuffix(seen.Reason, " Bucket: Resource already exists.") {
		t.Errorf("change set: %+v", seen)
	}
}

func TestAnEmptyChangeSetIsKnownByItsReason(t *testing.T) {
	for reason, want := range map[string]bool{
		"The submitted information didn't contain changes. Submit different information to create a change set.": true,
		"No updates are to be performed.":                                                 true,
		"Transform failed: No updates are to be performed.":                               false,
		"Parameters: [A] must have values, and the submitted text didn't contain changes": false,
	} {
		s := &canned{answers: map[string]func(url.Values) string{"DescribeChangeSet": func(url.Values) string {
			return "<Status>FAILED</Status><StatusReason>" + reason + "</StatusReason>"
		}}}
		if seen := s.client(t).ChangeSet(t.Context(), "app", "op-1"); seen.Err != nil || seen.Empty != want {
			t.Errorf("%q: %+v", reason, seen)
		}
	}
}
