package freeze_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
	"awscdk.dev/operator/internal/freeze"
)

func check(t *testing.T, expression string) *freeze.Check {
	t.Helper()
	c, err := freeze.Parse(v1alpha1.Freeze{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{DeployWhen: expression}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMayDeploy(t *testing.T) {
	for name, c := range map[string]struct {
		expression string
		answer     answer.Answer
		may        bool
		err        string
	}{
		"nothing is open":                {"body.count == 0", answer.Answer{Status: 200, Body: []byte(`{"count": 0}`)}, true, ""},
		"something is open":              {"body.count == 0", answer.Answer{Status: 200, Body: []byte(`{"count": 2}`)}, false, ""},
		"another answer of a kind":       {"body.count == 0", answer.Answer{Status: 201, Body: []byte(`{"count": 0}`)}, true, ""},
		"an error that looks calm":       {"body.?count.orValue(0) == 0", answer.Answer{Status: 503, Body: []byte(`{"error": "down"}`)}, false, "it answers 503 Service Unavailable"},
		"a status that nobody knows":     {"body.count == 0", answer.Answer{Status: 799}, false, "it answers 799"},
		"a status that is asked for":     {"status == 404", answer.Answer{Status: 404, Body: []byte("not found")}, true, ""},
		"a status of one's own":          {"body.all(status, status == 'ok')", answer.Answer{Status: 500, Body: []byte(`["ok"]`)}, false, "it answers 500"},
		"a sign-in page":                 {"body.count == 0", answer.Answer{Status: 200, Body: []byte("<html>")}, false, "deployWhen cannot be evaluated on its answer (200, not JSON)"},
		"JSON of another kind":           {"body.count == 0", answer.Answer{Status: 200, Body: []byte(`{"total": 0}`)}, false, "no such key: count"},
		"two values":                     {"body.count == 0", answer.Answer{Status: 200, Body: []byte(`{"count": 0}{"count": 1}`)}, false, "not JSON"},
		"what is no yes or no":           {"body.open", answer.Answer{Status: 200, Body: []byte(`{"open": "no"}`)}, false, "a bool is needed"},
		"text":                           {"body.trim() == 'OK'", answer.Answer{Status: 200, Body: []byte("OK\n")}, true, ""},
		"a header":                       {"headers['x-open'] == '0'", answer.Answer{Status: 200, Headers: map[string]string{"x-open": "0"}}, true, ""},
		"no answer at all":               {"body == ''", answer.Answer{Status: 204}, true, ""},
		"what costs too much":            {"body.all(a, body.all(b, body.all(c, a + b + c < 0.0 || true)))", answer.Answer{Status: 200, Body: []byte("[" + strings.Repeat("1,", 2000) + "1]")}, false, "costs too much"},
		"a document that is very nested": {"body == []", answer.Answer{Status: 200, Body: []byte(strings.Repeat("[", 1<<19))}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			may, err := check(t, c.expression).MayDeploy(t.Context(), c.answer)
			switch {
			case may != c.may:
				t.Errorf("may deploy: %t, %v", may, err)
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestMistakesAreNamedWithTheFreeze(t *testing.T) {
	err := freeze.Validate([]v1alpha1.Freeze{
		{Name: "good", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "true"}},
		{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "body.count = 0"}},
	})
	if err == nil || !strings.Contains(err.Error(), `http.deployWhen of the freeze "incidents" cannot be used: line 1, column 12`) {
		t.Error(err)
	}
	if err := freeze.Validate([]v1alpha1.Freeze{{Name: "n", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "size(body)"}}}); err == nil || !strings.Contains(err.Error(), "gives a int, and a bool is needed") {
		t.Error(err)
	}
}

// TestTheDocumentedExpressions evaluates those of docs/how-to/freezes.md on answers
// as the services document them, with and without something open.
func TestTheDocumentedExpressions(t *testing.T) {
	page, err := os.ReadFile("../../docs/how-to/freezes.md")
	if err != nil {
		t.Fatal(err)
	}
	for service, expressions := range documented(t, string(page)) {
		for _, state := range []string{"calm", "open"} {
			body, err := os.ReadFile(filepath.Join("testdata", service+"-"+state+".json"))
			if err != nil {
				t.Errorf("%s is documented: %v", service, err)
				continue
			}
			for _, expression := range expressions {
				may, err := check(t, expression).MayDeploy(t.Context(), answer.Answer{Status: 200, Body: body})
				if err != nil || may != (state == "calm") {
					t.Errorf("%s, %s: %s gives %t, %v", service, state, expression, may, err)
				}
			}
		}
	}
}

// documented are the expressions of a page, by the name of the freeze before them.
func documented(t *testing.T, page string) map[string][]string {
	t.Helper()
	all, name := map[string][]string{}, ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if found, is := strings.CutPrefix(line, "- name: "); is {
			name = found
		}
		if found, is := strings.CutPrefix(line, "deployWhen: "); is {
			all[name] = append(all[name], strings.Trim(found, `"`))
		}
	}
	if len(all) < 5 {
		t.Errorf("only %d services are documented", len(all))
	}
	return all
}

// TestManyExpressionsAreForgotten: what is remembered is bounded, and right.
func TestManyExpressionsAreForgotten(t *testing.T) {
	for i := range 2500 {
		c := check(t, fmt.Sprint("body == ", i%1250, ".0"))
		if may, err := c.MayDeploy(t.Context(), answer.Answer{Status: 200, Body: fmt.Append(nil, i%1250)}); err != nil || !may {
			t.Fatalf("%d: %t, %v", i, may, err)
		}
	}
}

// BenchmarkParse is what a pass over an object with a freeze costs more.
func BenchmarkParse(b *testing.B) {
	f := v1alpha1.Freeze{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "body.incidents.all(i, i.status == 'resolved' || i.urgency == 'low')"}}
	for b.Loop() {
		if _, err := freeze.Parse(f); err != nil {
			b.Fatal(err)
		}
	}
}
