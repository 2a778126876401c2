package causes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/problem"
)

const (
	// lookup is the right that CloudTrail is asked with.
	lookup = "cloudtrail:LookupEvents"
	// maxPages of 50 events are read for one principal or resource.
	maxPages = 2
	// maxPrincipals is how many are looked up for one failure.
	maxPrincipals = 5
)

// record is what is read of an event of CloudTrail.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type record struct {
	EventName    string          `json:"eventName"`
	EventSource  string          `json:"eventSource"`
	ErrorCode    string          `json:"errorCode"`
	ErrorMessage string          `json:"errorMessage"`
	SourceIP     string          `json:"sourceIPAddress"`
	ReadOnly     bool            `json:"readOnly"`
	Request      json.RawMessage `json:"requestParameters"`
	User         struct {
		ARN         string `json:"arn"`
		InvokedBy   string `json:"invokedBy"`
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
		Context     struct {
			Issuer struct {
				ARN string `json:"arn"`
			} `json:"sessionIssuer"`
		} `json:"sessionContext"`
	} `json:"userIdentity"`
}

func parse(e types.Event) (record, bool) {
	var r record
	err := json.Unmarshal([]byte(aws.ToString(e.CloudTrailEvent)), &r)
	return r, err == nil && r.EventName != ""
}

// call is what was called, as policies write it: sns:CreateTopic.
func (r record) call() string {
	service, _, _ := strings.Cut(r.EventSource, ".")
	return service + ":" + r.EventName
}

// principal is who called.
func (r record) principal() string {
	for _, who := range []string{r.User.ARN, r.User.InvokedBy, r.User.PrincipalID} {
		if who != "" {
			return who
		}
	}
	return r.User.Type
}

// byCloudFormation says whether CloudFormation has called, as a service or in
// the name of who asked it to.
func (r record) byCloudFormation() bool {
	const service = "cloudformation.amazonaws.com"
	return r.User.InvokedBy == service || r.SourceIP == service || strings.HasSuffix(r.User.ARN, "/AWSCloudFormation")
}

// harmless says whether an answer is no cause: handlers of resources ask in this
// way whether something exists, and a dry run that went well ends with an error.
func (r record) harmless() bool {
	absent := func(part string) bool { return strings.Contains(r.ErrorCode, part) }
	return r.ErrorCode == "DryRunOperation" || r.ReadOnly && slices.ContainsFunc([]string{"NotFound", "NoSuch", "DoesNotExist", "NonExistent"}, absent)
}

// trail adds the calls that were refused, around the failure, to those who act for
// the stack.
func (a *Asker) trail(ctx context.Context, q Question, f *Found) {
	seen := map[string]bool{}
	var all []refusal
	var answered bool
	principals := q.Principals[:len(q.Principals):len(q.Principals)]
	for _, session := range f.sessions {
		principals = append(principals, Principal{Session: session})
	}
	for _, who := range principals[:min(len(principals), maxPrincipals)] {
		var events []types.Event
		asked, err := awsconfig.First(q.Targets, func(t Target) (err error) {
			events, err = a.lookUp(ctx, t, t.Region, types.LookupAttributeKeyUsername, who.Session, q.FailedAt)
			return err
		})
		if err != nil {
			f.note(asked, "CloudTrail", lookup, err)
			return
		}
		answered = true
		for _, e := range events {
			r, ok := parse(e)
			if !ok || r.ErrorCode == "" || r.harmless() || !who.is(r) {
				continue
			}
			key := r.call() + " " + r.ErrorCode + " " + r.principal()
			if !seen[key] {
				seen[key] = true
				all = append(all, refusal{r, aws.ToTime(e.EventTime), rank(r, q.Mentions)})
			}
		}
	}
	f.TrailSilent = answered && len(all) == 0
	slices.SortStableFunc(all, func(x, y refusal) int { return x.rank - y.rank })
	for _, r := range all[:min(len(all), maxRefused)] {
		f.Causes = append(f.Causes, r.cause())
	}
	f.Omitted += max(0, len(all)-maxRefused)
}

// is says whether a record is the principal's: CloudFormation calls all its
// sessions by one name.
func (p Principal) is(r record) bool {
	return (p.Role == "" || r.User.Context.Issuer.ARN == p.Role) && (!p.Through || r.byCloudFormation())
}

// refusal is a call that AWS refused.
type refusal struct {
	record
	at   time.Time
	rank int
}

// rank puts first what is of this stack for certain, then what is about rights:
// others may act by the same role at the same time.
func rank(r record, mentions []string) int {
	about := r.ErrorMessage + string(r.Request)
	names := slices.ContainsFunc(mentions, func(m string) bool { return m != "" && strings.Contains(about, m) })
	denied := strings.Contains(r.ErrorCode, "AccessDenied") || strings.Contains(r.ErrorCode, "Unauthorized")
	switch {
	case names && denied:
		return 0
	case names:
		return 1
	case denied:
		return 2
	}
	return 3
}

func (r refusal) cause() v1alpha1.Cause {
	at := metav1.NewTime(r.at)
	text := fmt.Sprintf("AWS refused %s with %s", r.call(), r.ErrorCode)
	if r.ErrorMessage != "" {
		text += ": " + strings.Join(strings.Fields(r.ErrorMessage), " ")
	}
	if r.rank > 1 {
		text += " (whoever acts by this role at this time may have caused it, for another stack too)"
	}
	return v1alpha1.Cause{Source: v1alpha1.CauseCloudTrail, At: &at, Message: problem.Cut(text, maxMessage), Origin: r.principal()}
}

// lookUp reads events of one value, newest first: around a moment, or of all 90
// days for the zero time.
func (a *Asker) lookUp(ctx context.Context, t Target, region string, key types.LookupAttributeKey, value string, around time.Time) ([]types.Event, error) {
	cfg, err := a.config(ctx, t, region)
	if err != nil {
		return nil, err
	}
	in := &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}}
	if !around.IsZero() {
		in.StartTime, in.EndTime = aws.Time(around.Add(-windowBefore)), aws.Time(around.Add(windowAfter))
	}
	trail := cloudtrail.NewFromConfig(cfg)
	var all []types.Event
	for range maxPages {
		if err := a.turn(t.Account, region).Wait(ctx); err != nil {
			return all, awsconfig.Explain("ask CloudTrail", t.Credentials, outOfTime(ctx, err))
		}
		out, err := trail.LookupEvents(ctx, in)
		if err != nil {
			return all, awsconfig.Explain("ask CloudTrail", t.Credentials, outOfTime(ctx, err))
		}
		all = append(all, out.Events...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return all, nil
}

// outOfTime is what a limiter says when it would have to wait beyond the deadline.
func outOfTime(ctx context.Context, err error) error {
	if deadline, has := ctx.Deadline(); has && ctx.Err() == nil && strings.Contains(err.Error(), "deadline") {
		return fmt.Errorf("it is asked too often to be asked before %s: %w", deadline.UTC().Format(time.TimeOnly), context.DeadlineExceeded)
	}
	return err
}

// globalTypes are the types whose calls CloudTrail keeps in one region, whatever
// the stack's is.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events
var globalTypes = []string{"AWS::IAM::", "AWS::CloudFront::", "AWS::Route53::"}

func regionOf(region, kind string) string {
	if !slices.ContainsFunc(globalTypes, func(prefix string) bool { return strings.HasPrefix(kind, prefix) }) {
		return region
	}
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "cn-north-1"
	case strings.HasPrefix(region, "us-gov-"):
		return "us-gov-west-1"
	}
	return "us-east-1"
}

// maxWriters is how many drifted resources are asked about at once.
const maxWriters = 10

// Writers are those who changed resources last, by the logical ids of those: the
// newest call that CloudTrail knows, of the last 90 days, that wrote, went well and
// was not CloudFormation's. Of a resource that is not in it, CloudTrail knows none.
func (a *Asker) Writers(ctx context.Context, targets []Target, resources []v1alpha1.DriftedResource) (map[string]v1alpha1.ResourceWriter, error) {
	by := map[string]v1alpha1.ResourceWriter{}
	for _, r := range resources[:min(len(resources), maxWriters)] {
		for _, name := range names(r.PhysicalID) {
			var events []types.Event
			asked, err := awsconfig.First(targets, func(t Target) (err error) {
				events, err = a.lookUp(ctx, t, regionOf(t.Region, r.Type), types.LookupAttributeKeyResourceName, name, time.Time{})
				return err
			})
			if err != nil {
				return by, errors.New("could not ask CloudTrail: " + reasonOf(asked, lookup, err))
			}
			if w, found := writer(events); found {
				by[r.LogicalID] = w
				break
			}
		}
	}
	return by, nil
}

// names are those that CloudTrail may know a resource by: of an ARN also its last
// part.
func names(physicalID string) []string {
	switch {
	case physicalID == "":
		return nil
	case !strings.HasPrefix(physicalID, "arn:"):
		return []string{physicalID}
	}
	last := physicalID[strings.LastIndexAny(physicalID, ":/")+1:]
	return []string{physicalID, last}
}

// writer is the newest of events, which are newest first, that changed something.
func writer(events []types.Event) (v1alpha1.ResourceWriter, bool) {
	for _, e := range events {
		r, ok := parse(e)
		if !ok || r.ReadOnly || aws.ToString(e.ReadOnly) == "true" || r.ErrorCode != "" || r.byCloudFormation() {
			continue
		}
		return v1alpha1.ResourceWriter{Principal: r.principal(), Event: r.call(), At: metav1.NewTime(aws.ToTime(e.EventTime))}, true
	}
	return v1alpha1.ResourceWriter{}, false
}
