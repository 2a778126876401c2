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

func TestTheMessageOfAFreeze(t *testing.T) {
	const open = `{"incidents": [{"id": "INC-7", "title": "checkout is down"}, {"id": "INC-9", "title": "slow"}]}`
	for name, c := range map[string]struct{ expression, body, want string }{
		"none":                     {"", open, ""},
		"which are open":           {"body.incidents.map(i, i.id + ' ' + i.title).join(', ')", open, "INC-7 checkout is down, INC-9 slow"},
		"one that does not fit":    {"body.open[0]", open, "messageExpression cannot be evaluated: no such key: open"},
		"what is no text":          {"body.incidents", open, "messageExpression cannot be evaluated: "},
		"an answer that is a text": {"body.trim()", "maintenance\n", "maintenance"},
	} {
		t.Run(name, func(t *testing.T) {
			check, err := freeze.Parse(v1alpha1.Freeze{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "false", MessageExpression: c.expression}})
			if err != nil {
				t.Fatal(err)
			}
			if got := check.Message(t.Context(), answer.Answer{Status: 200, Body: []byte(c.body)}); got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
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
	if err := freeze.Validate([]v1alpha1.Freeze{{Name: "n", HTTP: v1alpha1.FreezeHTTP{DeployWhen: "true", MessageExpression: "size(body)"}}}); err == nil || !strings.Contains(err.Error(), `http.messageExpression of the freeze "n" cannot be used: the expression gives a int, and a string is needed`) {
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
	checks, messages := documented(t, string(page))
	for service, expressions := range checks {
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
			for _, expression := range messages[service] {
				c, err := freeze.Parse(v1alpha1.Freeze{Name: service, HTTP: v1alpha1.FreezeHTTP{DeployWhen: "false", MessageExpression: expression}})
				if err != nil {
					t.Errorf("%s: %v", service, err)
					continue
				}
				if got := c.Message(t.Context(), answer.Answer{Status: 200, Body: body}); strings.Contains(got, "cannot be evaluated") || got == "" && state == "open" {
					t.Errorf("%s, %s: %s gives %q", service, state, expression, got)
				}
			}
		}
	}
}

// documented are the expressions of a page, by the name of the freeze before them.
func documented(t *testing.T, page string) (checks, messages map[string][]string) {
	t.Helper()
	all, name := map[string][]string{}, ""
	messages = map[string][]string{}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if found, is := strings.CutPrefix(line, "- name: "); is {
			name = found
		}
		if found, is := strings.CutPrefix(line, "deployWhen: "); is {
			all[name] = append(all[name], strings.Trim(found, `"`))
		}
		if found, is := strings.CutPrefix(line, "messageExpression: "); is {
			found, _, _ = strings.Cut(found, "   #")
			messages[name] = append(messages[name], found)
		}
	}
	if len(all) < 5 || len(messages) < 2 {
		t.Errorf("only %d services are documented, %d with messages", len(all), len(messages))
	}
	return all, messages
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
