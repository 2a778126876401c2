package services

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var costHandlers = map[string]Handler{"GetCostAndUsage": costAndUsage}

// costMetrics are the metrics that are sums of money; here they are all the same.
var costMetrics = []string{"BlendedCost", "UnblendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"}

func costAndUsage(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "TimePeriod", "Granularity", "Metrics", "GroupBy", "Filter", "NextPageToken"); err != nil {
		return nil, err
	}
	metrics := call.Params.Strings("Metrics")
	for _, m := range metrics {
		if !slices.Contains(costMetrics, m) {
			return nil, notImplemented(call, "metric "+m)
		}
	}
	periods, err := costPeriods(call)
	if err != nil {
		return nil, err
	}
	group, err := costGrouping(call)
	if err != nil {
		return nil, err
	}
	costs, results := c.Costs(call.Account), []any{}
	for _, p := range periods {
		sums := map[string]*big.Rat{}
		for _, cost := range costs {
			take, err := costChosen(call, call.Params.Map("Filter"), cost)
			if err != nil {
				return nil, err
			}
			if take && cost.Within(p[0], p[1]) {
				addCost(sums, group(cost), cost.Amount)
			}
		}
		results = append(results, costResult(p, sums, metrics, len(call.Params.List("GroupBy")) > 0))
	}
	definitions := call.Params.List("GroupBy")
	return map[string]any{"ResultsByTime": results, "GroupDefinitions": definitions, "DimensionValueAttributes": []any{}}, nil
}

// costPeriods cuts the time that is asked for into days or calendar months.
func costPeriods(call *wire.Call) ([][2]string, error) {
	period := call.Params.Map("TimePeriod")
	start, err := time.Parse(time.DateOnly, period.String("Start"))
	end, err2 := time.Parse(time.DateOnly, period.String("End"))
	if err != nil || err2 != nil {
		return nil, wire.Errorf("ValidationException", "Start time %s is invalid. Valid format is: yyyy-MM-dd.", period.String("Start"))
	}
	if !start.Before(end) {
		return nil, wire.Errorf("ValidationException", "Start date (and hour) should be before end date (and hour)")
	}
	next := func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	switch granularity := call.Params.String("Granularity"); granularity {
	case "DAILY":
	case "MONTHLY":
		next = func(t time.Time) time.Time { return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC) }
	default:
		return nil, notImplemented(call, "granularity "+granularity)
	}
	var out [][2]string
	for t := start; t.Before(end); t = next(t) {
		until := next(t)
		if until.After(end) {
			until = end
		}
		out = append(out, [2]string{t.Format(time.DateOnly), until.Format(time.DateOnly)})
		if len(out) > 10_000 {
			return nil, wire.Errorf("ValidationException", "end date past the beginning of next month")
		}
	}
	return out, nil
}

// costGrouping returns what tells the groups of the call apart, joined by newlines.
func costGrouping(call *wire.Call) (func(cloud.Cost) string, error) {
	by := call.Params.Maps("GroupBy")
	for _, g := range by {
		if g.String("Type") != "TAG" && (g.String("Type") != "DIMENSION" || g.String("Key") != "SERVICE") {
			return nil, notImplemented(call, "grouping by "+g.String("Type")+" "+g.String("Key"))
		}
	}
	return func(c cloud.Cost) string {
		var keys []string
		for _, g := range by {
			if g.String("Type") == "TAG" {
				keys = append(keys, g.String("Key")+"$"+c.Tags[g.String("Key")])
				continue
			}
			keys = append(keys, c.Service)
		}
		return strings.Join(keys, "\n")
	}, nil
}

func addCost(sums map[string]*big.Rat, group, amount string) {
	if sums[group] == nil {
		sums[group] = new(big.Rat)
	}
	if n, ok := new(big.Rat).SetString(amount); ok {
		sums[group].Add(sums[group], n)
	}
}

// costResult is one period's answer. With groups AWS gives no total.
func costResult(period [2]string, sums map[string]*big.Rat, metrics []string, grouped bool) map[string]any {
	total, groups := map[string]any{}, []any{}
	if !grouped {
		total = costAmounts(sums[""], metrics)
	}
	for _, group := range slices.Sorted(maps.Keys(sums)) {
		if grouped {
			groups = append(groups, map[string]any{"Keys": strings.Split(group, "\n"), "Metrics": costAmounts(sums[group], metrics)})
		}
	}
	return map[string]any{
		"TimePeriod": map[string]any{"Start": period[0], "End": period[1]}, "Total": total, "Groups": groups, "Estimated": true,
	}
}

func costAmounts(sum *big.Rat, metrics []string) map[string]any {
	text := "0"
	if sum != nil {
		text = sum.FloatString(10)
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	out := map[string]any{}
	for _, m := range metrics {
		out[m] = map[string]any{"Amount": text, "Unit": "USD"}
	}
	return out
}

// costChosen evaluates a filter expression; an empty one lets everything through.
func costChosen(call *wire.Call, filter wire.Params, cost cloud.Cost) (bool, error) {
	for kind, v := range filter {
		var take bool
		var err error
		switch kind {
		case "Dimensions":
			if key := filter.Map(kind).String("Key"); key != "SERVICE" {
				return false, notImplemented(call, "filter by dimension "+key)
			}
			take = slices.Contains(filter.Map(kind).Strings("Values"), cost.Service)
		case "Tags":
			value, has := cost.Tags[filter.Map(kind).String("Key")]
			take = has && slices.Contains(filter.Map(kind).Strings("Values"), value)
		case "Not":
			take, err = costChosen(call, filter.Map(kind), cost)
			take = !take
		case "And", "Or":
			take, err = costChosenOf(call, kind == "And", filter.Maps(kind), cost)
		default:
			return false, notImplemented(call, "filter "+kind+" "+wire.Text(v))
		}
		if err != nil || !take {
			return false, err
		}
	}
	return true, nil
}

func costChosenOf(call *wire.Call, all bool, filters []wire.Params, cost cloud.Cost) (bool, error) {
	for _, f := range filters {
		take, err := costChosen(call, f, cost)
		if err != nil || take != all {
			return take, err
		}
	}
	return all, nil
}
