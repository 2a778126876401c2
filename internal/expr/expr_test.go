package expr_test

import (
	"errors"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/expr"
)

func env(t *testing.T) *expr.Env {
	t.Helper()
	e, err := expr.New("body", "status")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBool(t *testing.T) {
	vars := map[string]any{"status": 200, "body": map[string]any{
		"count": 2.0, "alerts": []any{map[string]any{"labels": map[string]any{"severity": "critical"}}},
	}}
	for source, want := range map[string]bool{
		"status == 200 && body.count == 2":                           true,
		"body.alerts.exists(a, a.labels.severity == 'critical')":     true,
		"body.?missing.orValue(0) == 0":                              true,
		"has(body.nothing)":                                          false,
		"body.alerts.all(i, a, i < 1 && a.labels.severity != 'low')": true,
		"body.count > 1":                                             true,
	} {
		program, err := env(t).Bool(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := program.Bool(t.Context(), vars); err != nil || got != want {
			t.Errorf("%s is %v, %v", source, got, err)
		}
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	for source, want := range map[string]string{
		"body.count ==":                   "line 1, column",
		"bodi.count == 0":                 "undeclared reference to 'bodi'",
		"'text'":                          "gives a string, and a bool is needed",
		"":                                "line 1, column",
		strings.Repeat("a", 9000):         "at most 8192",
		"body.count == 0 &&\n  nosuch(1)": "line 2, column",
	} {
		if _, err := env(t).Bool(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q gives %v, want %q", source, err, want)
		}
	}
}

func TestWhatFailsWhenEvaluated(t *testing.T) {
	many := make([]any, 3000)
	for i := range many {
		many[i] = float64(i)
	}
	for source, want := range map[string]string{
		"body.count == 0": "no such key: count",
		"body":            "gave a map, and a bool is needed",
		"body.many.all(a, body.many.all(b, body.many.all(c, a+b+c >= 0.0)))": expr.ErrCost.Error(),
	} {
		program, err := env(t).Bool(source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := program.Bool(t.Context(), map[string]any{"status": 1, "body": map[string]any{"many": many}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", source, err, want)
		}
	}
}

func TestListAndString(t *testing.T) {
	list, err := env(t).List("body.names.filter(n, n.startsWith('a'))")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]any{"status": 1, "body": map[string]any{"names": []any{"ab", "b"}}}
	if got, err := list.List(t.Context(), vars); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	text, err := env(t).String("'%s is here'.format([body.names[0]])")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := text.String(t.Context(), vars); err != nil || got != "ab is here" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := text.String(t.Context(), nil); errors.Is(err, expr.ErrCost) || err == nil {
		t.Errorf("without variables it gives %v", err)
	}
}
