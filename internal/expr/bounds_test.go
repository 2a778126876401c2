package expr_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/expr"
)

// large are values as they are in an answer or a template of a MiB.
func large() map[string]any {
	many := make([]any, 200_000)
	for i := range many {
		many[i] = float64(i)
	}
	return map[string]any{"status": 1, "body": map[string]any{"many": many, "text": strings.Repeat("a", 1<<20)}}
}

// TestWhatOneCallCostsIsBoundedBefore: CEL counts a call when it has returned.
// Each of these would take minutes, or gigabytes.
func TestWhatOneCallCostsIsBoundedBefore(t *testing.T) {
	vars := large()
	text, many := "body.text", "body.many"
	for _, source := range []string{
		"body.many.distinct().size() > 0", "sets.equivalent(body.many, body.many)", "sets.contains(body.many, body.many)", "sets.intersects(body.many, body.many.map(x, x + 0.5))",
		"body.text.replace('', body.text) == ''", "body.text.replace('a', '" + strings.Repeat("x", 4000) + "') == ''", "body.text.replace('a', body.text, 1000000) == ''",
		"[" + strings.Repeat(text+",", 500) + text + "].join('') == ''", "body.many.map(x, 'a').join(body.text) == ''",
		"'" + strings.Repeat("%s", 400) + "'.format([" + strings.Repeat(text+",", 399) + text + "]) == ''",
		"'%s'.format([[" + strings.Repeat(text+",", 400) + text + "]]) == ''",
		"(" + strings.Repeat(many+"+", 100) + many + ").sort().size() > 0", "(" + strings.Repeat(many+"+", 100) + many + ").reverse().size() > 0",
		"(" + strings.Repeat(many+"+", 100) + many + ") == (" + strings.Repeat(many+"+", 90) + many + ")",
		"-1.0 in (" + strings.Repeat(many+"+", 100) + many + ")",
		"[" + strings.Repeat(many+",", 400) + many + "].flatten().size() > 0",
		"body.text.matches('(" + strings.Repeat("(a?){500}", 50) + ")*b')",
	} {
		program, err := env(t).Bool(source)
		if err != nil {
			t.Errorf("%.60s: %v", source, err)
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = program.Bool(t.Context(), vars)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, expr.ErrCost) {
			t.Errorf("%.60s gives %v", source, err)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 256 {
			t.Errorf("%.60s takes %d MiB", source, took)
		}
	}
}

func TestAPatternThatIsNoneIsAMistake(t *testing.T) {
	if _, err := env(t).Bool("body.text.matches('(')"); err == nil || !strings.Contains(err.Error(), "missing closing )") {
		t.Error(err)
	}
}

func TestWhatIsUsualIsNotBounded(t *testing.T) {
	vars := large()
	for _, source := range []string{
		"body.text.replace('a', 'b').startsWith('b')", "body.many.size() == 200000", "body.many == body.many", "199999.0 in body.many",
		"[3, 1, 2, 1].distinct().sort() == [1, 2, 3]", "sets.contains([1, 2, 3], [1])", "['a', 'b'].join(', ') == 'a, b'", "'%s is %d'.format(['a', 1]) == 'a is 1'",
		"body.text.matches('^a+$')", "['x', 'y'].exists(n, n.matches('^[a-z]{1,63}$') && n.replace('x', 'z') == 'z')", "body.many.sort().size() == 200000",
		"'a-b'.split('-').reverse() == ['b', 'a']", "body.text" + strings.Repeat(".replace('a', 'a')", 5) + " == body.text", "'x'" + strings.Repeat(".replace('x', 'x')", 60) + " == 'x'",
		"body.text != body.many", "1 != 2", "body.many[1] == 1", "[[1], [2]].flatten() == [1, 2]", "'k' in {'k': 1}", "'abc'.reverse() == 'cba'",
		"[1, 2, 3].slice(0, 1) == [1]", "['a', 'b'].join() == 'ab'", "[{'n': 2}, {'n': 1}].sortBy(e, e.n)[0].n == 1", "'aaa'.replace('a', 'b', 1) == 'baa'",
		"body.many.exists(n, n in [199999.0, 5.0])", "!body.text.matches('b' + 'c')",
	} {
		program, err := env(t).Bool(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := program.Bool(t.Context(), vars); err != nil || !got {
			t.Errorf("%s gives %v, %v", source, got, err)
		}
	}
}
