package services

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var trailHandlers = map[string]Handler{"LookupEvents": lookupEvents}

// attributes are what events can be looked up by, one at a time.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupAttribute.html
var attributes = map[string]func(e cloud.TrailEvent, value string) bool{
	"EventId":      func(e cloud.TrailEvent, v string) bool { return e.ID == v },
	"EventName":    func(e cloud.TrailEvent, v string) bool { return e.Name == v },
	"EventSource":  func(e cloud.TrailEvent, v string) bool { return e.Source == v },
	"ReadOnly":     func(e cloud.TrailEvent, v string) bool { return strconv.FormatBool(e.ReadOnly) == v },
	"Username":     func(e cloud.TrailEvent, v string) bool { return e.Username == v },
	"ResourceName": func(e cloud.TrailEvent, v string) bool { return slices.Contains(e.Resources, v) },
	"AccessKeyId":  func(e cloud.TrailEvent, v string) bool { return e.AccessKey == v },
}

func lookupEvents(c *cloud.Cloud, call *wire.Call) (any, error) {
	filters := call.Params.Maps("LookupAttributes")
	if len(filters) > 1 {
		return nil, wire.Errorf("InvalidLookupAttributesException", "You can only specify one lookup attribute.")
	}
	matches := func(cloud.TrailEvent) bool { return true }
	for _, f := range filters {
		by, known := attributes[f.String("AttributeKey")]
		if !known {
			return nil, wire.NotImplemented("cloudtrail", "LookupEvents by "+f.String("AttributeKey"))
		}
		matches = func(e cloud.TrailEvent) bool { return by(e, f.String("AttributeValue")) }
	}
	size := call.Params.Int("MaxResults", 50)
	if size < 1 || size > 50 {
		return nil, wire.Errorf("InvalidMaxResultsException", "The value for MaxResults must be between 1 and 50.")
	}
	from, to, err := span(call.Params, c.Now())
	if err != nil {
		return nil, err
	}
	told, ok := c.Trail(place(call))
	if !ok {
		return nil, wire.Errorf("ThrottlingException", "Rate exceeded")
	}
	list := []any{}
	for _, e := range told {
		if matches(e) && !e.Time.Before(from) && !e.Time.After(to) {
			list = append(list, trailView(e, call))
		}
	}
	first := min(call.Params.Int("NextToken", 0), len(list))
	last := min(first+size, len(list))
	out := map[string]any{"Events": list[first:last]}
	if last < len(list) {
		out["NextToken"] = strconv.Itoa(last)
	}
	return out, nil
}

// span is the time that is asked about: 90 days at most.
func span(p wire.Params, now time.Time) (from, to time.Time, err error) {
	from, to = now.AddDate(0, 0, -90), now
	if p.Has("StartTime") {
		from = at(p["StartTime"], from)
	}
	if p.Has("EndTime") {
		to = at(p["EndTime"], to)
	}
	if to.Before(from) {
		return from, to, wire.Errorf("InvalidTimeRangeException", "The start time must be before the end time.")
	}
	return from, to, nil
}

// at reads a time as the JSON protocol writes it: seconds since 1970.
func at(v any, otherwise time.Time) time.Time {
	seconds, err := strconv.ParseFloat(wire.Text(v), 64)
	if err != nil {
		return otherwise
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC()
}

func trailView(e cloud.TrailEvent, call *wire.Call) map[string]any {
	user := map[string]any{"type": "IAMUser", "arn": e.User, "accountId": call.Account, "accessKeyId": e.AccessKey, "userName": e.Username}
	if e.Role != "" {
		user["type"] = "AssumedRole"
		delete(user, "userName")
		user["sessionContext"] = map[string]any{"sessionIssuer": map[string]any{"type": "Role", "arn": e.Role, "accountId": call.Account}}
	}
	record := map[string]any{
		"eventVersion": "1.11", "eventID": e.ID, "eventTime": e.Time.Format(time.RFC3339), "eventSource": e.Source, "eventName": e.Name,
		"awsRegion": call.Region, "readOnly": e.ReadOnly, "userIdentity": user, "requestParameters": e.Request, "eventType": "AwsApiCall",
		"managementEvent": true, "recipientAccountId": call.Account, "sourceIPAddress": "127.0.0.1",
	}
	if e.InvokedBy != "" {
		user["invokedBy"], record["sourceIPAddress"], record["userAgent"] = e.InvokedBy, e.InvokedBy, e.InvokedBy
	}
	if e.ErrorCode != "" {
		record["errorCode"], record["errorMessage"] = e.ErrorCode, e.ErrorMessage
	}
	text, _ := json.Marshal(record)
	resources := []any{}
	for _, name := range e.Resources {
		resources = append(resources, map[string]any{"ResourceName": name})
	}
	return map[string]any{
		"EventId": e.ID, "EventName": e.Name, "EventSource": e.Source, "EventTime": e.Time, "ReadOnly": strconv.FormatBool(e.ReadOnly),
		"Username": e.Username, "AccessKeyId": e.AccessKey, "Resources": resources, "CloudTrailEvent": string(text),
	}
}
