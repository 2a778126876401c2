package services

import (
	"encoding/json"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const (
	topicType        = "AWS::SNS::Topic"
	subscriptionType = "AWS::SNS::Subscription"
	queueType        = "AWS::SQS::Queue"
)

var snsHandlers = map[string]Handler{
	"CreateTopic":              createTopic,
	"DeleteTopic":              deleteTopic,
	"ListTopics":               listTopics,
	"GetTopicAttributes":       topicAttributes,
	"SetTopicAttributes":       setTopicAttributes,
	"ListTagsForResource":      topicTags,
	"ListSubscriptions":        listSubscriptions,
	"ListSubscriptionsByTopic": listSubscriptions,
	"Publish": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		_, err := topic(c, call)
		return map[string]any{"MessageId": cloud.UUID()}, err
	},
}

func topic(c *cloud.Cloud, call *wire.Call) (cloud.Resource, error) {
	t, ok := c.Get(place(call), topicType, call.Params.String("TopicArn"))
	if !ok {
		return t, wire.NotFound("NotFound", "Topic does not exist")
	}
	return t, nil
}

func createTopic(c *cloud.Cloud, call *wire.Call) (any, error) {
	name := call.Params.String("Name")
	arn := cloud.ARN("sns", place(call), "%s", name)
	if _, ok := c.Get(place(call), topicType, arn); ok {
		return map[string]any{"TopicArn": arn}, nil
	}
	t, err := c.Create(cloud.Spec{Type: topicType, Place: place(call), Props: map[string]any{"TopicName": name}})
	return map[string]any{"TopicArn": t.ID}, err
}

func deleteTopic(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, c.Delete(cloud.Deleting, place(call), topicType, call.Params.String("TopicArn"))
}

func listTopics(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, t := range c.List(place(call), topicType) {
		list = append(list, map[string]any{"TopicArn": t.ID})
	}
	return map[string]any{"Topics": list}, nil
}

func topicAttributes(c *cloud.Cloud, call *wire.Call) (any, error) {
	t, err := topic(c, call)
	if err != nil {
		return nil, err
	}
	out := wire.Entries{"TopicArn": t.ID, "Owner": t.Place.Account, "DisplayName": t.Text("DisplayName")}
	for k, v := range t.Props {
		if text, ok := v.(string); ok && k != "TopicName" {
			out[k] = text
		}
	}
	return map[string]any{"Attributes": out}, nil
}

func setTopicAttributes(c *cloud.Cloud, call *wire.Call) (any, error) {
	err := c.Change(place(call), topicType, call.Params.String("TopicArn"), func(r *cloud.Resource) error {
		r.Props[call.Params.String("AttributeName")] = call.Params.String("AttributeValue")
		return nil
	})
	return nil, missing(err, "NotFound", "Topic does not exist")
}

func topicTags(c *cloud.Cloud, call *wire.Call) (any, error) {
	t, ok := c.Get(place(call), topicType, call.Params.String("ResourceArn"))
	if !ok {
		return nil, wire.NotFound("ResourceNotFound", "Resource does not exist")
	}
	return map[string]any{"Tags": cloud.TagList(t.AllTags())}, nil
}

func listSubscriptions(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, s := range c.List(place(call), subscriptionType) {
		if arn := call.Params.String("TopicArn"); arn != "" && s.Text("TopicArn") != arn {
			continue
		}
		list = append(list, map[string]any{
			"SubscriptionArn": s.ID, "Owner": s.Place.Account, "Protocol": s.Text("Protocol"),
			"Endpoint": s.Text("Endpoint"), "TopicArn": s.Text("TopicArn"),
		})
	}
	return map[string]any{"Subscriptions": list}, nil
}

var sqsHandlers = map[string]Handler{
	"CreateQueue":        createQueue,
	"DeleteQueue":        deleteQueue,
	"ListQueues":         listQueues,
	"GetQueueUrl":        queueURL,
	"GetQueueAttributes": queueAttributes,
	"SetQueueAttributes": setQueueAttributes,
	"ListQueueTags":      queueTags,
}

// queue finds a queue by the name at the end of its URL: the host in it may
// be written in several ways.
func queue(c *cloud.Cloud, call *wire.Call) (cloud.Resource, error) {
	ref := call.Params.String("QueueUrl")
	name := ref[strings.LastIndex(ref, "/")+1:]
	if ref == "" {
		name = call.Params.String("QueueName")
	}
	for _, q := range c.List(place(call), queueType) {
		if q.Attrs["QueueName"] == name {
			return q, nil
		}
	}
	code := "AWS.SimpleQueueService.NonExistentQueue"
	if call.Protocol == wire.JSON {
		code = "com.amazonaws.sqs#QueueDoesNotExist"
	}
	return cloud.Resource{}, wire.Errorf(code, "The specified queue does not exist.")
}

func createQueue(c *cloud.Cloud, call *wire.Call) (any, error) {
	props := map[string]any{"QueueName": call.Params.String("QueueName")}
	for k, v := range queueAttributeInput(call) {
		props[k] = v
	}
	if q, err := queue(c, call); err == nil {
		return map[string]any{"QueueUrl": q.ID}, nil
	}
	q, err := c.Create(cloud.Spec{Type: queueType, Place: place(call), Props: props})
	return map[string]any{"QueueUrl": q.ID}, err
}

// queueAttributeInput reads attributes, a map in JSON and "Attribute.1.Name" in forms.
func queueAttributeInput(call *wire.Call) map[string]any {
	out := map[string]any{}
	for k, v := range call.Params.Map("Attributes") {
		out[k] = wire.Text(v)
	}
	for _, a := range call.Params.Maps("Attribute") {
		out[a.String("Name")] = a.String("Value")
	}
	return out
}

func deleteQueue(c *cloud.Cloud, call *wire.Call) (any, error) {
	q, err := queue(c, call)
	if err != nil {
		return nil, err
	}
	return nil, c.Delete(cloud.Deleting, place(call), queueType, q.ID)
}

func listQueues(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, q := range c.List(place(call), queueType) {
		if name, _ := q.Attrs["QueueName"].(string); strings.HasPrefix(name, call.Params.String("QueueNamePrefix")) {
			list = append(list, q.ID)
		}
	}
	if call.Protocol == wire.Query {
		return map[string]any{"QueueUrl": wire.Flat(list)}, nil
	}
	return map[string]any{"QueueUrls": list}, nil
}

func queueURL(c *cloud.Cloud, call *wire.Call) (any, error) {
	q, err := queue(c, call)
	return map[string]any{"QueueUrl": q.ID}, err
}

func queueAttributes(c *cloud.Cloud, call *wire.Call) (any, error) {
	q, err := queue(c, call)
	if err != nil {
		return nil, err
	}
	name, _ := q.Attrs["QueueName"].(string)
	out := map[string]string{
		"QueueArn": cloud.ARN("sqs", q.Place, "%s", name), "VisibilityTimeout": "30", "DelaySeconds": "0",
		"MessageRetentionPeriod": "345600", "ApproximateNumberOfMessages": "0", "MaximumMessageSize": "262144",
	}
	for k, v := range q.Props {
		if k == "RedrivePolicy" {
			raw, _ := json.Marshal(v)
			out[k] = string(raw)
		} else if k != "QueueName" && k != "Tags" {
			out[k] = wire.Text(v)
		}
	}
	if call.Protocol != wire.Query {
		return map[string]any{"Attributes": wire.Entries(out)}, nil
	}
	list := wire.Flat{}
	for k, v := range out {
		list = append(list, map[string]any{"Name": k, "Value": v})
	}
	return map[string]any{"Attribute": list}, nil
}

func setQueueAttributes(c *cloud.Cloud, call *wire.Call) (any, error) {
	q, err := queue(c, call)
	if err != nil {
		return nil, err
	}
	return nil, c.Change(place(call), queueType, q.ID, func(r *cloud.Resource) error {
		for k, v := range queueAttributeInput(call) {
			r.Props[k] = v
		}
		return nil
	})
}

func queueTags(c *cloud.Cloud, call *wire.Call) (any, error) {
	q, err := queue(c, call)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Tags": wire.Entries(q.AllTags())}, nil
}
