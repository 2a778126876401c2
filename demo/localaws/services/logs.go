package services

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

func noGroup(err error) error {
	if errors.Is(err, cloud.ErrNotFound) {
		return wire.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
	}
	return err
}

func createLogStream(c *cloud.Cloud, call *wire.Call) (any, error) {
	err := c.CreateLogStream(place(call), call.Params.String("logGroupName"), call.Params.String("logStreamName"))
	if errors.Is(err, cloud.ErrExists) {
		return nil, wire.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	return nil, noGroup(err)
}

func putLogEvents(c *cloud.Cloud, call *wire.Call) (any, error) {
	stream := call.Params.String("logStreamName")
	var lines []cloud.LogEvent
	for _, e := range call.Params.Maps("logEvents") {
		at, err := strconv.ParseInt(e.String("timestamp"), 10, 64)
		if err != nil {
			return nil, wire.Errorf("InvalidParameterException", "Log event timestamp is not a number")
		}
		lines = append(lines, cloud.LogEvent{Stream: stream, At: at, Message: e.String("message")})
	}
	if !slices.IsSortedFunc(lines, func(a, b cloud.LogEvent) int { return int(a.At - b.At) }) {
		return nil, wire.Errorf("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
	}
	err := c.PutLogEvents(place(call), call.Params.String("logGroupName"), stream, lines)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, wire.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	return map[string]any{"nextSequenceToken": "0"}, err
}

func describeLogStreams(c *cloud.Cloud, call *wire.Call) (any, error) {
	names, err := c.LogStreams(place(call), call.Params.String("logGroupName"))
	if err != nil {
		return nil, noGroup(err)
	}
	list := []any{}
	for _, name := range names {
		if strings.HasPrefix(name, call.Params.String("logStreamNamePrefix")) {
			list = append(list, map[string]any{"logStreamName": name})
		}
	}
	return map[string]any{"logStreams": list}, nil
}

// within keeps the lines of the time that is asked about: its start included, its
// end not.
func within(all []cloud.LogEvent, p wire.Params) []cloud.LogEvent {
	return slices.DeleteFunc(all, func(e cloud.LogEvent) bool {
		return p.Has("startTime") && e.At < int64(p.Int("startTime", 0)) || p.Has("endTime") && e.At >= int64(p.Int("endTime", 0))
	})
}

// getLogEvents is one stream. What follows a page is an empty one with the same
// token, which is how it says that there is no more.
func getLogEvents(c *cloud.Cloud, call *wire.Call) (any, error) {
	group, stream := call.Params.String("logGroupName"), call.Params.String("logStreamName")
	names, err := c.LogStreams(place(call), group)
	if err != nil {
		return nil, noGroup(err)
	}
	if !slices.Contains(names, stream) {
		return nil, wire.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	all, err := c.LogEvents(place(call), group, func(s string) bool { return s == stream })
	if err != nil {
		return nil, noGroup(err)
	}
	all = within(all, call.Params)
	limit := min(call.Params.Int("limit", 10_000), 10_000)
	switch {
	case call.Params.Has("nextToken"):
		all = nil
	case call.Params.Bool("startFromHead"):
		all = all[:min(limit, len(all))]
	default:
		all = all[max(0, len(all)-limit):]
	}
	list := []any{}
	for _, e := range all {
		list = append(list, map[string]any{"timestamp": e.At, "message": e.Message, "ingestionTime": e.At})
	}
	return map[string]any{"events": list, "nextForwardToken": "f/0/s", "nextBackwardToken": "b/0/s"}, nil
}

func filterLogEvents(c *cloud.Cloud, call *wire.Call) (any, error) {
	if call.Params.String("filterPattern") != "" {
		return nil, wire.NotImplemented("logs", "FilterLogEvents with filterPattern")
	}
	streams, prefix := call.Params.Strings("logStreamNames"), call.Params.String("logStreamNamePrefix")
	all, err := c.LogEvents(place(call), call.Params.String("logGroupName"), func(s string) bool {
		return (len(streams) == 0 || slices.Contains(streams, s)) && strings.HasPrefix(s, prefix)
	})
	if err != nil {
		return nil, noGroup(err)
	}
	all = within(all, call.Params)
	first := min(call.Params.Int("nextToken", 0), len(all))
	last := min(first+min(call.Params.Int("limit", 10_000), 10_000), len(all))
	list := []any{}
	for i, e := range all[first:last] {
		list = append(list, map[string]any{"logStreamName": e.Stream, "timestamp": e.At, "message": e.Message, "ingestionTime": e.At, "eventId": strconv.Itoa(first + i)})
	}
	out := map[string]any{"events": list}
	if last < len(all) {
		out["nextToken"] = strconv.Itoa(last)
	}
	return out, nil
}
