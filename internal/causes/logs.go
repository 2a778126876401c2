package causes

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/problem"
)

// maxFiltered is how many pages of a log group are read for its last lines: they
// come oldest first.
const maxFiltered = 4

// streamIn finds the log stream that the CDK's and AWS's own handlers name in the
// reason of a failure.
var streamIn = regexp.MustCompile(`CloudWatch Log Stream:\s*([^\s,()]+)`)

// functionLogs adds the last lines of the functions behind custom resources.
func (a *Asker) functionLogs(ctx context.Context, q Question, f *Found) {
	read := 0
	for _, r := range q.Failed {
		function := FunctionName(r.ServiceToken)
		if function == "" || read >= maxLogs {
			continue
		}
		read++
		stream := ""
		if m := streamIn.FindStringSubmatch(r.Reason); m != nil {
			stream = m[1]
		}
		at := r.At
		if at.IsZero() {
			at = q.FailedAt
		}
		log := logOf{group: "/aws/lambda/" + function, stream: stream, around: at}
		cause, found := a.lastLines(ctx, q, f, log)
		if !found {
			continue
		}
		cause.LogicalID, cause.Type = r.LogicalID, r.Type
		cause.Message = "the function " + function + " behind this custom resource logged last"
		f.Causes = append(f.Causes, cause)
	}
}

// FunctionName is that of the function that a service token names, "" when it is
// no function's.
func FunctionName(token string) string {
	parts := strings.Split(token, ":")
	switch {
	case len(parts) >= 7 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "function":
		return parts[6]
	case strings.Contains(token, ":"):
		return ""
	}
	return token
}

// logOf is where lines are: a group and, where that is known, the stream.
type logOf struct {
	group, stream, region string
	around                time.Time
}

// lastLines are the last ones of a log around a moment.
func (a *Asker) lastLines(ctx context.Context, q Question, f *Found, log logOf) (v1alpha1.Cause, bool) {
	var lines []string
	var cut bool
	asked, err := awsconfig.First(q.Targets, func(t Target) (err error) {
		lines, cut, err = a.read(ctx, t, log)
		return err
	})
	switch {
	case missing(err):
		f.Notes = append(f.Notes, fmt.Sprintf("there is no log %s: it may log elsewhere, or not at all", log.name()))
		return v1alpha1.Cause{}, false
	case err != nil:
		f.note(asked, "CloudWatch Logs", log.right(), err)
		return v1alpha1.Cause{}, false
	case len(lines) == 0:
		f.Notes = append(f.Notes, fmt.Sprintf("the log %s has nothing from %s before the failure to %s after it", log.name(), windowBefore, windowAfter))
		return v1alpha1.Cause{}, false
	}
	at := metav1.NewTime(log.around)
	return v1alpha1.Cause{Source: v1alpha1.CauseLogs, At: &at, Origin: log.name(), Lines: lines, Cut: cut}, true
}

func (l logOf) name() string {
	if l.stream != "" {
		return l.group + " " + l.stream
	}
	return l.group
}

// right is what it takes to read the log.
func (l logOf) right() string {
	if l.stream != "" {
		return "logs:GetLogEvents"
	}
	return "logs:FilterLogEvents"
}

func missing(err error) bool {
	e, ok := errors.AsType[*awsconfig.Error](err)
	return ok && e.Code == "ResourceNotFoundException"
}

// read gives the last lines of a stream or, without one, of the group.
func (a *Asker) read(ctx context.Context, t Target, log logOf) (lines []string, cut bool, err error) {
	region := log.region
	if region == "" {
		region = t.Region
	}
	cfg, err := a.config(ctx, t, region)
	if err != nil {
		return nil, false, err
	}
	logs := cloudwatchlogs.NewFromConfig(cfg)
	from, to := aws.Int64(log.around.Add(-windowBefore).UnixMilli()), aws.Int64(log.around.Add(windowAfter).UnixMilli())
	if log.stream != "" {
		out, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &log.group, LogStreamName: &log.stream, StartTime: from, EndTime: to, StartFromHead: aws.Bool(false), Limit: aws.Int32(maxLines + 1),
		})
		if err != nil {
			return nil, false, awsconfig.Explain("read the log "+log.name(), t.Credentials, err)
		}
		lines, cut = tail(out.Events, func(e types.OutputLogEvent) *string { return e.Message })
		return lines, cut, nil
	}
	var events []types.FilteredLogEvent
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &log.group, StartTime: from, EndTime: to}
	for range maxFiltered {
		out, err := logs.FilterLogEvents(ctx, in)
		if err != nil {
			return nil, false, awsconfig.Explain("read the log "+log.name(), t.Credentials, err)
		}
		events = append(events, out.Events...)
		events = events[max(0, len(events)-2*maxLines):]
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	lines, cut = tail(events, func(e types.FilteredLogEvent) *string { return e.Message })
	return lines, cut || in.NextToken != nil, nil
}

// tail is the last lines, each cut, without those that the runtime of a function
// writes around each of its calls.
func tail[E any](events []E, message func(E) *string) (lines []string, cut bool) {
	for _, e := range events {
		for line := range strings.Lines(aws.ToString(message(e))) {
			line = strings.TrimRight(line, "\r\n\t ")
			if line == "" || framed(line) {
				continue
			}
			short := problem.Cut(line, maxLine)
			cut = cut || short != line
			lines = append(lines, short)
		}
	}
	if extra := len(lines) - maxLines; extra > 0 {
		return lines[extra:], true
	}
	return lines, cut
}

func framed(line string) bool {
	for _, prefix := range []string{"START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
