package prom

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Dashboard is what the tests have to know of a Grafana dashboard.
type Dashboard struct {
	Title      string `json:"title"`
	Templating struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Panels []Panel `json:"panels"`
}

// Variable is a choice above the dashboard.
type Variable struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Definition string `json:"definition"`
}

// Panel is one picture with its queries.
type Panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

// fill replaces what Grafana fills in: everything is chosen, and rates are
// taken over a minute.
var fill = strings.NewReplacer("$namespace", ".*", "$stack", ".*", "$__rate_interval", "1m", "$__interval", "1s", "$__range", "1h")

// Exprs are the queries of the panel, as Grafana would send them.
func (p Panel) Exprs() []string {
	var all []string
	for _, target := range p.Targets {
		all = append(all, fill.Replace(target.Expr))
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// CheckDashboard fails the test unless every query of every panel, and every
// choice above them, has data.
func CheckDashboard(t *testing.T, s *Server) {
	t.Helper()
	var d Dashboard
	Read(t, "dashboard.json", &d)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("the variable %s is no label_values(metric, label): %s", v.Name, v.Definition)
			continue
		}
		s.hasData(t, "variable "+v.Name, fmt.Sprintf(`count by (%s) (%s)`, m[2], fill.Replace(m[1])))
	}
	for _, p := range d.Panels {
		for _, expr := range p.Exprs() {
			s.hasData(t, "panel "+p.Title, expr)
		}
	}
}

// hasData fails the test unless the expression has a number, within a minute.
func (s *Server) hasData(t *testing.T, what, expr string) {
	t.Run(what, func(t *testing.T) {
		(&Server{t: t, url: s.url}).Eventually(expr+" has data", func() error {
			samples, err := s.Query(expr)
			if err != nil {
				return err
			}
			for _, sample := range samples {
				if sample.Value != "NaN" {
					return nil
				}
			}
			return fmt.Errorf("%d values, none a number", len(samples))
		})
	})
}
