package verification

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
	"awscdk.dev/operator/internal/expr"
)

// ErrUnusable is an expression that cannot be evaluated whatever the answer is.
var ErrUnusable = errors.New("the expression cannot be used")

// HTTP says what is wrong with one answer of an http check, nil for nothing. The
// text begins with what was asked, stays the same while the answer does, and is
// made fit to be shown by hide.
func HTTP(ctx context.Context, c *v1alpha1.HTTPCheck, asked string, a answer.Answer, hide func(error) error) error {
	expression, err := healthyWhen(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	want := int(ptr.Deref(c.Status, 0))
	if want == 0 && expression == nil {
		want = 200
	}
	if want != 0 && a.Status != want {
		return fmt.Errorf("%s answers %s, not %d", asked, answer.StatusText(a.Status), want)
	}
	if expression == nil {
		return nil
	}
	if want != 0 && !expression.JudgesStatus() {
		a.Status = 200 // it was judged
	}
	switch is, err := expression.Holds(ctx, "healthyWhen", a); {
	case errors.Is(err, expr.ErrCost):
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	case err != nil:
		return fmt.Errorf("%s: %w", asked, hide(err))
	case !is:
		return fmt.Errorf("%s answers, and healthyWhen is false for what it says", asked)
	}
	return nil
}

// noise is what an answer may take longer than before without being degraded.
const noise = 10 * time.Millisecond

// Latencies judges how long the answers of an http check took, all of which were
// healthy, against its limit and against those after earlier deployments.
func Latencies(c *v1alpha1.HTTPCheck, took []time.Duration, baseline []v1alpha1.Latency) Verdict {
	p50, p95 := quantile(took, 0.5), quantile(took, 0.95)
	measured := fmt.Sprintf("%s, the median of %d", milliseconds(p50), len(took))
	if len(took) > 1 {
		measured += fmt.Sprintf("; p95 %s", milliseconds(p95))
	}
	v := healthy("%s", measured)
	if c.MaxLatency != nil && p95 > c.MaxLatency.Duration {
		v = unhealthy(measured, fmt.Sprintf("it answers, and takes longer than maxLatency (%s)", c.MaxLatency.Duration))
	}
	if f, err := factor(c); err == nil && len(baseline) > 0 && v.Result == v1alpha1.CheckHealthy {
		usual := time.Duration(median(baseline)) * time.Millisecond
		if float64(p50) > f*float64(usual) && p50-usual >= noise {
			v = unhealthy(measured, fmt.Sprintf("it answers, and takes more than %s times as long as after the last good deployments (degradedAbove; %s then)", c.DegradedAbove, milliseconds(usual)))
		}
	}
	v.Latency = &v1alpha1.Latency{P50MS: ms(p50), P95MS: ms(p95)}
	return v
}

// quantile is the least of the values that a part of them does not exceed.
func quantile(all []time.Duration, part float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(int(math.Ceil(part*float64(len(sorted))))-1, 0)]
}

// median is that of the medians of deployments; of two in the middle the higher.
func median(baseline []v1alpha1.Latency) int64 {
	var all []int64
	for _, b := range baseline {
		all = append(all, b.P50MS)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) int64 { return max(d.Round(time.Millisecond).Milliseconds(), 1) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", ms(d)) }

// factor is degradedAbove.
func factor(c *v1alpha1.HTTPCheck) (float64, error) {
	f, err := strconv.ParseFloat(c.DegradedAbove, 64)
	if err != nil || math.IsNaN(f) || f <= 1 {
		return 0, errFactor
	}
	return f, nil
}
