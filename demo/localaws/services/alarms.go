package services

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var alarmHandlers = map[string]Handler{
	"DescribeAlarms":      describeAlarms,
	"SetAlarmState":       setAlarmState,
	"GetMetricStatistics": emptyList("Datapoints"),
	"GetMetricData":       emptyList("MetricDataResults"),
	"PutMetricData":       func(*cloud.Cloud, *wire.Call) (any, error) { return nil, nil },
}

// maxAlarms is how many alarms a request may name, and a page have.
const maxAlarms = 100

// describeAlarms tells of alarms of metrics; there are no composite ones. Names of
// alarms that do not exist are passed over, as AWS does.
func describeAlarms(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "MaxRecords", "NextToken"); err != nil {
		return nil, err
	}
	names, types, size := call.Params.Strings("AlarmNames"), call.Params.Strings("AlarmTypes"), call.Params.Int("MaxRecords", 50)
	switch {
	case len(names) > maxAlarms:
		return nil, wire.Errorf("ValidationError", "The collection AlarmNames must not have a size greater than %d.", maxAlarms)
	case size < 1 || size > maxAlarms:
		return nil, wire.Errorf("ValidationError", "The value %d for parameter MaxRecords must be between 1 and %d", size, maxAlarms)
	case len(types) > 0 && !slices.Contains(types, "MetricAlarm"):
		return map[string]any{"MetricAlarms": []any{}, "CompositeAlarms": []any{}}, nil
	}
	all := slices.DeleteFunc(c.List(place(call), cloud.AlarmType), func(a cloud.Resource) bool {
		return len(names) > 0 && !slices.Contains(names, a.ID) || !strings.HasPrefix(a.ID, call.Params.String("AlarmNamePrefix")) ||
			call.Params.Has("StateValue") && a.Attrs["StateValue"] != call.Params.String("StateValue")
	})
	from, err := strconv.Atoi(call.Params.String("NextToken"))
	if call.Params.Has("NextToken") && (err != nil || from > len(all)) {
		return nil, wire.Errorf("InvalidNextToken", "The next token is not valid")
	}
	out := map[string]any{"CompositeAlarms": []any{}}
	if to := from + size; to < len(all) {
		out["NextToken"], all = strconv.Itoa(to), all[:to]
	}
	list := []any{}
	for _, a := range all[from:] {
		list = append(list, alarmView(a))
	}
	out["MetricAlarms"] = list
	return out, nil
}

func alarmView(a cloud.Resource) map[string]any {
	view := map[string]any{"AlarmName": a.ID, "AlarmArn": attributeOf(a, "Arn"), "ActionsEnabled": orElse(a, "ActionsEnabled", "true") == "true"}
	for _, k := range []string{"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp"} {
		if v := a.Attrs[k]; v != nil {
			view[k] = v
		}
	}
	for _, k := range []string{"MetricName", "Namespace", "ComparisonOperator", "Statistic", "AlarmDescription", "TreatMissingData"} {
		if v := a.Text(k); v != "" {
			view[k] = v
		}
	}
	for _, k := range []string{"EvaluationPeriods", "DatapointsToAlarm", "Threshold", "Period"} {
		if n, err := strconv.ParseFloat(a.Text(k), 64); err == nil {
			view[k] = n
		}
	}
	return view
}

func setAlarmState(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "AlarmName", "StateValue", "StateReason", "StateReasonData"); err != nil {
		return nil, err
	}
	name, state, reason, data := call.Params.String("AlarmName"), call.Params.String("StateValue"), call.Params.String("StateReason"), call.Params.String("StateReasonData")
	switch {
	case name == "" || !call.Params.Has("StateReason"):
		return nil, wire.Errorf("ValidationError", "AlarmName and StateReason must be given")
	case !cloud.IsAlarmState(state):
		return nil, wire.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]", state)
	case data != "" && !json.Valid([]byte(data)):
		return nil, wire.Errorf("InvalidFormat", "StateReasonData must be valid JSON")
	}
	err := c.Change(place(call), cloud.AlarmType, name, func(r *cloud.Resource) error {
		r.SetAlarm(state, reason, data, c.Now())
		return nil
	})
	return nil, missing(err, "ResourceNotFound", "Alarm %s does not exist", name)
}
