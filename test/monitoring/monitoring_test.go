// Package monitoring_test checks config/monitoring with the real promtool and
// a real Prometheus, and against what docs/reference/metrics.md promises.
package monitoring_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/test/monitoring/prom"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	prom.Read(t, "prometheusrule.yaml", &rule)
	var all []alert
	for _, group := range rule.Spec.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// promtool runs in a folder with the rules and their tests.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	dir := t.TempDir()
	prom.WriteRules(t, filepath.Join(dir, "rules.yaml"))
	must(t, os.CopyFS(dir, os.DirFS("testdata")))
	cmd := exec.Command(prom.Tool(t, "promtool"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusAcceptsTheRules(t *testing.T) {
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
}

func TestEveryAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	for _, file := range testFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) { promtool(t, "test", "rules", filepath.Base(file)) })
	}
}

func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.test.yaml")
	must(t, err)
	return files
}

// A rule without a test of both kinds would pass the test above.
func TestNoAlertIsWithoutTestsOfBothKinds(t *testing.T) {
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, file := range testFiles(t) {
		var content struct {
			Tests []struct {
				AlertRuleTest []struct {
					AlertName string `json:"alertname"`
					ExpAlerts []any  `json:"exp_alerts"`
				} `json:"alert_rule_test"`
			} `json:"tests"`
		}
		data, err := os.ReadFile(file)
		must(t, err)
		must(t, yaml.Unmarshal(data, &content))
		for _, test := range content.Tests {
			for _, c := range test.AlertRuleTest {
				fires[c.AlertName] = fires[c.AlertName] || len(c.ExpAlerts) > 0
				rests[c.AlertName] = rests[c.AlertName] || len(c.ExpAlerts) == 0
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !rests[a.Alert] {
			t.Errorf("%s: shown to fire: %v, shown not to fire: %v; want both", a.Alert, fires[a.Alert], rests[a.Alert])
		}
	}
}

func TestAlertsHaveOneOfFourSeveritiesAndSayWhatIsWrong(t *testing.T) {
	found := map[string]bool{}
	for _, a := range alerts(t) {
		found[a.Labels["severity"]] = true
		if !slices.Contains([]string{"critical", "high", "medium", "low"}, a.Labels["severity"]) {
			t.Errorf("%s has severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", a.Alert)
		}
	}
	if len(found) != 4 {
		t.Errorf("the severities %v are used, want all four", found)
	}
}

func TestTheGuideSaysWhatToDoAboutEveryAlert(t *testing.T) {
	guide := read(t, "docs/how-to/monitoring.md")
	for _, a := range alerts(t) {
		row := regexp.MustCompile(`(?m)^\| ` + "`" + a.Alert + "`" + ` \| (\w+) \|`).FindStringSubmatch(guide)
		if row == nil || row[1] != a.Labels["severity"] {
			t.Errorf("docs/how-to/monitoring.md has no row for %s with severity %s: %q", a.Alert, a.Labels["severity"], row)
		}
	}
}

func TestEveryMetricThatIsAskedForIsDocumented(t *testing.T) {
	documented := map[string]bool{"up": true} // Prometheus' own
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(read(t, "docs/reference/metrics.md"), -1) {
		documented[m[1]] = true
	}
	exprs := map[string]string{}
	for _, a := range alerts(t) {
		exprs["alert "+a.Alert] = a.Expr
	}
	var d prom.Dashboard
	prom.Read(t, "dashboard.json", &d)
	for _, p := range d.Panels {
		exprs["panel "+p.Title] = strings.Join(p.Exprs(), " ")
	}
	for name, expr := range exprs {
		for _, metric := range metricsOf(expr) {
			if !documented[metric] {
				t.Errorf("%s asks for %s, which docs/reference/metrics.md does not have", name, metric)
			}
		}
	}
}

var (
	matchers  = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	grouping  = regexp.MustCompile(`\b(by|without|on|ignoring)\s*\([^)]*\)`)
	metricish = regexp.MustCompile(`\b[a-z][a-z0-9]*(_[a-z0-9]+)*\b\s*\(?`)
	suffix    = regexp.MustCompile(`_(bucket|count|sum)$`)
)

// metricsOf are the metrics of an expression: its words that are no function,
// operator, label or duration.
func metricsOf(expr string) []string {
	expr = grouping.ReplaceAllString(matchers.ReplaceAllString(expr, ""), "")
	var all []string
	for _, word := range metricish.FindAllString(expr, -1) {
		if strings.HasSuffix(word, "(") || slices.Contains([]string{"and", "or", "unless", "offset"}, strings.TrimSpace(word)) {
			continue
		}
		all = append(all, suffix.ReplaceAllString(strings.TrimSpace(word), ""))
	}
	return all
}

func TestMetricsOfAnExpressionAreFound(t *testing.T) {
	got := metricsOf(`histogram_quantile(0.9, sum by (le, step) (rate(a_seconds_bucket{b="c_d"}[5m]))) > 3 or sum(e_total unless on (f_g) e_total offset 1h) / up`)
	if diff := cmp.Diff([]string{"a_seconds", "e_total", "e_total", "up"}, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestARealPrometheusHasDataForEveryPanelAndNoErrorInARule(t *testing.T) {
	s := prom.Start(t, serve(t))
	prom.CheckDashboard(t, s)

	s.Eventually("the namespace of a metric is that of the stack", func() error {
		samples, err := s.Query(`cdktsstack_ready{namespace!="awscdk-operator-system", exported_namespace=""}`)
		if err != nil || len(samples) == 0 {
			return fmt.Errorf("%d such series (%w)", len(samples), err)
		}
		return nil
	})
	s.Eventually("every rule was evaluated without an error", func() error { return rulesAreWell(s, len(alerts(t))) })
}

func rulesAreWell(s *prom.Server, want int) error {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := s.Get("/api/v1/rules", &data); err != nil {
		return err
	}
	n := 0
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			if rule.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", rule.Name, rule.Health, rule.LastError)
			}
			n++
		}
	}
	if n != want {
		return fmt.Errorf("%d rules are loaded, want %d", n, want)
	}
	return nil
}

// Panels that share an id or lie on one another are not shown by Grafana.
func TestPanelsHaveIDsAndPlacesOfTheirOwn(t *testing.T) {
	var d prom.Dashboard
	prom.Read(t, "dashboard.json", &d)
	ids, places, queries := map[int]string{}, map[[2]int]string{}, 0
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%s and %s have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		queries += len(p.Targets)
		if p.Type != "row" && (len(p.Targets) == 0 || p.Description == "") {
			t.Errorf("%s asks for nothing, or does not say what it shows", p.Title)
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s is wider than the dashboard", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := places[[2]int{x, y}]; taken && other != p.Title {
					t.Errorf("%s and %s overlap", other, p.Title)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
	}
	if queries < 20 {
		t.Errorf("the dashboard was read to have %d queries, want many", queries)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", path))
	must(t, err)
	return string(data)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
