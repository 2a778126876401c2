package localaws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"awscdk.dev/operator/demo/localaws"
)

// lab is a local AWS and AWS's own clients for it.
type lab struct {
	*testing.T
	*localaws.Server
	url string
	cfn *cloudformation.Client
	s3  *s3.Client
	ssm *ssm.Client
	sts *sts.Client
}

func newLab(t *testing.T, config localaws.Config) *lab {
	t.Helper()
	server := localaws.New(config)
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
		server.Close()
	})
	l := &lab{T: t, Server: server, url: listener.URL}
	l.cfn, l.s3, l.ssm, l.sts = l.clients("test", "eu-central-1")
	return l
}

func (l *lab) clients(key, region string) (*cloudformation.Client, *s3.Client, *ssm.Client, *sts.Client) {
	return l.session(key, "", region)
}

// session is clients with temporary keys.
func (l *lab) session(key, token, region string) (*cloudformation.Client, *s3.Client, *ssm.Client, *sts.Client) {
	config := aws.Config{
		Region: region, BaseEndpoint: aws.String(l.url), Retryer: connectionsOnly,
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", token),
	}
	return cloudformation.NewFromConfig(config),
		s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }),
		ssm.NewFromConfig(config), sts.NewFromConfig(config)
}

// connectionsOnly retries nothing that the local AWS answered. Broken
// connections are retried: the SDK closes one itself now and then when an
// answer comes before it has noticed that its request was all sent.
func connectionsOnly() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableConnectionError{}}
		o.MaxBackoff = 10 * time.Millisecond
	})
}

// wait polls until the stack has come to rest, and returns it.
func (l *lab) wait(name string) types.Stack {
	l.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		st := l.stack(name)
		status := string(st.StackStatus)
		if !strings.HasSuffix(status, "_IN_PROGRESS") || status == "REVIEW_IN_PROGRESS" {
			return st
		}
		if time.Now().After(deadline) {
			l.Fatalf("stack %s stays in %s", name, status)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (l *lab) stack(name string) types.Stack {
	l.Helper()
	out, err := l.cfn.DescribeStacks(l.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		l.Fatalf("describe stack %s: %v", name, err)
	}
	return out.Stacks[0]
}

// create makes a stack by CreateStack and waits for it to have the status.
func (l *lab) create(name, template, want string, options ...func(*cloudformation.CreateStackInput)) types.Stack {
	l.Helper()
	in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template}
	for _, o := range options {
		o(in)
	}
	out, err := l.cfn.CreateStack(l.Context(), in)
	if err != nil {
		l.Fatalf("create stack %s: %v", name, err)
	}
	return l.expect(aws.ToString(out.StackId), want)
}

func (l *lab) update(name, template, want string, options ...func(*cloudformation.UpdateStackInput)) types.Stack {
	l.Helper()
	in := &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &template}
	for _, o := range options {
		o(in)
	}
	if _, err := l.cfn.UpdateStack(l.Context(), in); err != nil {
		l.Fatalf("update stack %s: %v", name, err)
	}
	return l.expect(name, want)
}

func (l *lab) remove(name, want string, retain ...string) types.Stack {
	l.Helper()
	id := aws.ToString(l.stack(name).StackId)
	if _, err := l.cfn.DeleteStack(l.Context(), &cloudformation.DeleteStackInput{StackName: &name, RetainResources: retain}); err != nil {
		l.Fatalf("delete stack %s: %v", name, err)
	}
	return l.expect(id, want)
}

func (l *lab) expect(name, want string) types.Stack {
	l.Helper()
	st := l.wait(name)
	if string(st.StackStatus) != want {
		l.Fatalf("stack %s is %s (%s), want %s; history:\n%s", name, st.StackStatus, aws.ToString(st.StackStatusReason), want, strings.Join(l.history(name), "\n"))
	}
	return st
}

// changeSet creates a change set and waits until it is ready or failed.
func (l *lab) changeSet(stack, name, template string, kind types.ChangeSetType, options ...func(*cloudformation.CreateChangeSetInput)) *cloudformation.DescribeChangeSetOutput {
	l.Helper()
	in := &cloudformation.CreateChangeSetInput{StackName: &stack, ChangeSetName: &name, TemplateBody: &template, ChangeSetType: kind}
	for _, o := range options {
		o(in)
	}
	out, err := l.cfn.CreateChangeSet(l.Context(), in)
	if err != nil {
		l.Fatalf("create change set %s: %v", name, err)
	}
	for range 5000 {
		d, err := l.cfn.DescribeChangeSet(l.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: out.Id, IncludePropertyValues: aws.Bool(true)})
		if err != nil {
			l.Fatalf("describe change set %s: %v", name, err)
		}
		if d.Status == types.ChangeSetStatusCreateComplete || d.Status == types.ChangeSetStatusFailed {
			return d
		}
		time.Sleep(2 * time.Millisecond)
	}
	l.Fatalf("change set %s never became ready", name)
	return nil
}

// execute runs a change set and waits for the stack to have the status.
func (l *lab) execute(cs *cloudformation.DescribeChangeSetOutput, want string) types.Stack {
	l.Helper()
	if _, err := l.cfn.ExecuteChangeSet(l.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId}); err != nil {
		l.Fatalf("execute change set: %v", err)
	}
	return l.expect(aws.ToString(cs.StackId), want)
}

// events are the stack's events, oldest first.
func (l *lab) events(name string) []types.StackEvent {
	l.Helper()
	var out []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(l.cfn, &cloudformation.DescribeStackEventsInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(l.Context())
		if err != nil {
			l.Fatalf("describe events of %s: %v", name, err)
		}
		for _, e := range page.StackEvents {
			out = append([]types.StackEvent{e}, out...)
		}
	}
	return out
}

// history is the stack's events as "LogicalID STATUS reason" lines, oldest first.
func (l *lab) history(name string) []string {
	l.Helper()
	var out []string
	for _, e := range l.events(name) {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", aws.ToString(e.LogicalResourceId), e.ResourceStatus, aws.ToString(e.ResourceStatusReason))))
	}
	return out
}

// happened says how often a line of the history starts like that.
func (l *lab) happened(name, prefix string) int {
	l.Helper()
	n := 0
	for _, line := range l.history(name) {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

func (l *lab) parameter(name string) string {
	l.Helper()
	out, err := l.ssm.GetParameter(l.Context(), &ssm.GetParameterInput{Name: &name})
	if err != nil {
		l.Fatalf("get parameter %s: %v", name, err)
	}
	return aws.ToString(out.Parameter.Value)
}

func outputs(st types.Stack) map[string]string {
	out := map[string]string{}
	for _, o := range st.Outputs {
		out[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return out
}

// refused checks that err is an AWS error of that code whose message holds text.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want AWS error %s", err, code)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Fatalf("got %s: %s, want %s: …%s…", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
}

// short is a context that ends soon, for calls that are meant to hang.
func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
