package cloud

import (
	"strings"
	"time"
)

var messagingTypes = map[string]*Type{
	"AWS::SNS::Topic": {
		Named: "TopicName", Replace: []string{"TopicName", "FifoTopic"}, MaxName: 256, Delay: 60 * time.Millisecond,
		ID: func(_ *Cloud, r *Resource, name string) string {
			r.Attrs["TopicName"] = name
			return ARN("sns", r.Place, "%s", name)
		},
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"TopicArn": r.ID, "TopicName": r.Attrs["TopicName"]}
		},
	},
	"AWS::SNS::Subscription": {
		Replace: []string{"TopicArn", "Protocol", "Endpoint"}, Required: []string{"TopicArn", "Protocol"}, NoTags: true,
		Delay:      30 * time.Millisecond,
		ID:         func(_ *Cloud, r *Resource, _ string) string { return r.Text("TopicArn") + ":" + UUID() },
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Arn": r.ID} },
		Hook: func(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
			topic, _ := next["TopicArn"].(string)
			if _, ok := c.get(r.Place, "AWS::SNS::Topic", topic); !ok && phase == Creating {
				return awsErrorf("Topic %w", ErrNotFound)
			}
			return nil
		},
	},
	"AWS::SNS::TopicPolicy": {
		Required: []string{"PolicyDocument", "Topics"}, NoTags: true, Delay: 20 * time.Millisecond,
	},
	"AWS::SQS::Queue": {
		Named: "QueueName", Replace: []string{"QueueName", "FifoQueue"}, MaxName: 80, Delay: 60 * time.Millisecond,
		ID: func(c *Cloud, r *Resource, name string) string {
			r.Attrs["QueueName"] = name
			return c.endpoint + "/" + r.Place.Account + "/" + name
		},
		Attributes: func(r *Resource) map[string]any {
			name, _ := r.Attrs["QueueName"].(string)
			return map[string]any{"Arn": ARN("sqs", r.Place, "%s", name), "QueueName": name, "QueueUrl": r.ID}
		},
	},
	"AWS::SQS::QueuePolicy": {
		Required: []string{"PolicyDocument", "Queues"}, NoTags: true, Delay: 20 * time.Millisecond,
	},
	"AWS::Events::Rule": {
		Named: "Name", Replace: []string{"Name", "EventBusName"}, Delay: 40 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("events", r.Place, "rule/%s", r.ID)}
		},
	},
	"AWS::CloudWatch::Alarm": {
		Named: "AlarmName", Replace: []string{"AlarmName"}, Required: []string{"ComparisonOperator", "EvaluationPeriods"},
		MaxName: 255, Delay: 30 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("cloudwatch", r.Place, "alarm:%s", r.ID)}
		},
		Hook: func(_ *Cloud, phase Phase, r *Resource, _ map[string]any) error {
			if phase == Creating {
				r.SetAlarm("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", "", r.Created)
			}
			return nil
		},
	},
	"AWS::Logs::LogGroup": {
		Named: "LogGroupName", Replace: []string{"LogGroupName"}, MaxName: 512, Delay: 30 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("logs", r.Place, "log-group:%s:*", r.ID)}
		},
		Hook: func(_ *Cloud, phase Phase, _ *Resource, next map[string]any) error {
			if name, _ := next["LogGroupName"].(string); strings.ContainsAny(name, " :*") && phase != Deleting {
				return awsErrorf("Properties validation failed with message: [#/LogGroupName: failed validation constraint for keyword [pattern]]")
			}
			return nil
		},
	},
}
