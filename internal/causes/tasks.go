package causes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/problem"
)

const serviceType = "AWS::ECS::Service"

// tasks adds why ECS stopped tasks of the services that failed, and what their
// containers logged last.
func (a *Asker) tasks(ctx context.Context, q Question, f *Found) {
	asked := 0
	for _, r := range q.Failed {
		cluster, service, ok := serviceOf(r.PhysicalID)
		if r.Type != serviceType || !ok || asked >= maxServices {
			continue
		}
		asked++
		var stopped []types.Task
		who, err := awsconfig.First(q.Targets, func(t Target) (err error) {
			stopped, err = a.stopped(ctx, t, cluster, service)
			return err
		})
		if err != nil {
			f.note(who, "ECS", "ecs:ListTasks and ecs:DescribeTasks", err)
			continue
		}
		if len(stopped) == 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("ECS knows no stopped task of the service %s: it forgets them after an hour", service))
		}
		logs := a.containerLogs(ctx, who, q, f, stopped)
		for _, task := range stopped {
			a.tell(ctx, q, f, r, task, logs)
		}
	}
}

// serviceOf takes cluster and service out of the ARN of a service:
// arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME.
func serviceOf(arn string) (cluster, service string, ok bool) {
	parts := strings.Split(arn, "/")
	if !strings.HasPrefix(arn, "arn:") || len(parts) != 3 {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// stopped are the tasks of a service that stopped last.
func (a *Asker) stopped(ctx context.Context, t Target, cluster, service string) ([]types.Task, error) {
	cfg, err := a.config(ctx, t, t.Region)
	if err != nil {
		return nil, err
	}
	client := ecs.NewFromConfig(cfg)
	list, err := client.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, ServiceName: &service, DesiredStatus: types.DesiredStatusStopped})
	if err != nil || len(list.TaskArns) == 0 {
		return nil, awsconfig.Explain("ask ECS", t.Credentials, err)
	}
	out, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: list.TaskArns})
	if err != nil {
		return nil, awsconfig.Explain("ask ECS", t.Credentials, err)
	}
	slices.SortStableFunc(out.Tasks, func(x, y types.Task) int { return aws.ToTime(y.StoppedAt).Compare(aws.ToTime(x.StoppedAt)) })
	return out.Tasks[:min(len(out.Tasks), maxTasks)], nil
}

// containerLogs are where the containers of tasks log, by task definition and name.
func (a *Asker) containerLogs(ctx context.Context, t Target, q Question, f *Found, stopped []types.Task) map[string]logOf {
	logs := map[string]logOf{}
	if !q.allows(v1alpha1.CauseLogs) {
		return logs
	}
	read := map[string]bool{}
	for _, task := range stopped {
		definition := aws.ToString(task.TaskDefinitionArn)
		if read[definition] {
			continue
		}
		read[definition] = true
		cfg, err := a.config(ctx, t, t.Region)
		if err == nil {
			var out *ecs.DescribeTaskDefinitionOutput
			if out, err = ecs.NewFromConfig(cfg).DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition}); err == nil {
				noteLogs(logs, definition, out.TaskDefinition)
			}
		}
		if err != nil {
			f.note(t, "ECS where containers log", "ecs:DescribeTaskDefinition", awsconfig.Explain("ask ECS", t.Credentials, err))
		}
	}
	return logs
}

// noteLogs notes where the containers of a task definition log. What the driver
// awslogs writes is found; that of others is elsewhere.
func noteLogs(logs map[string]logOf, definition string, d *types.TaskDefinition) {
	if d == nil {
		return
	}
	for _, c := range d.ContainerDefinitions {
		l := c.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs || l.Options["awslogs-group"] == "" || l.Options["awslogs-stream-prefix"] == "" {
			continue
		}
		logs[definition+" "+aws.ToString(c.Name)] = logOf{group: l.Options["awslogs-group"], stream: l.Options["awslogs-stream-prefix"], region: l.Options["awslogs-region"]}
	}
}

// tell adds one stopped task, and the log of each of its containers that failed.
func (a *Asker) tell(ctx context.Context, q Question, f *Found, r Resource, task types.Task, logs map[string]logOf) {
	arn := aws.ToString(task.TaskArn)
	id := arn[strings.LastIndex(arn, "/")+1:]
	at := metav1.NewTime(aws.ToTime(task.StoppedAt))
	cause := v1alpha1.Cause{Source: v1alpha1.CauseTasks, LogicalID: r.LogicalID, Type: r.Type, At: &at, Origin: arn}
	reasons := []string{fmt.Sprintf("ECS stopped the task %s (%s): %s", id, task.StopCode, aws.ToString(task.StoppedReason))}
	var failed []string
	for _, c := range task.Containers {
		name := aws.ToString(c.Name)
		if code := aws.ToInt32(c.ExitCode); c.ExitCode != nil && code != 0 {
			reasons = append(reasons, fmt.Sprintf("the container %s exited with code %d", name, code))
		}
		if reason := aws.ToString(c.Reason); reason != "" {
			reasons = append(reasons, fmt.Sprintf("the container %s: %s", name, reason))
		}
		if c.ExitCode == nil || *c.ExitCode != 0 {
			failed = append(failed, name)
		}
	}
	cause.Message = problem.Cut(strings.Join(reasons, "; "), maxMessage)
	f.sessions = append(f.sessions, id) // by which its roles are assumed
	f.Causes = append(f.Causes, cause)
	for _, name := range failed[:min(len(failed), maxLogs)] {
		log, known := logs[aws.ToString(task.TaskDefinitionArn)+" "+name]
		if !known {
			continue
		}
		log.stream += "/" + name + "/" + id
		log.around = at.Time
		if lines, found := a.lastLines(ctx, q, f, log); found {
			lines.LogicalID, lines.Type, lines.Message = r.LogicalID, r.Type, "the container "+name+" of the task "+id+" logged last"
			f.Causes = append(f.Causes, lines)
		}
	}
}
