package cloud

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Types of CodeDeploy and Lambda that other packages name too.
const (
	ApplicationType     = "AWS::CodeDeploy::Application"
	DeploymentGroupType = "AWS::CodeDeploy::DeploymentGroup"
	AliasType           = "AWS::Lambda::Alias"
)

var codeDeployTypes = map[string]*Type{
	ApplicationType: {Named: "ApplicationName", Replace: []string{"ApplicationName", "ComputePlatform"}, Delay: 20 * time.Millisecond},
	DeploymentGroupType: {
		Named: "DeploymentGroupName", Replace: []string{"DeploymentGroupName", "ApplicationName"}, Required: []string{"ApplicationName", "ServiceRoleArn"},
		Delay: 20 * time.Millisecond, Hook: needsAll(reference{ApplicationType, "ApplicationName", "No application found for name: %s"}),
	},
}

// AliasShift is CodeDeploy moving the requests of an alias to another version.
type AliasShift struct {
	ID, Application, Group, Config string
	Place                          Place
	// Alias is its ARN, From and To are versions.
	Alias, From, To string
	// Weight is the percentage of requests that To gets.
	Weight float64
	// Status is Created, InProgress, Succeeded, Failed or Stopped.
	Status, Reason   string
	RolledBack       bool
	Alarms           []string
	Created, Updated time.Time

	steps []rolloutStep
	at    int
	since time.Time
}

// Active says whether the shift is still going on.
func (s *AliasShift) Active() bool { return s.Status == "InProgress" }

// Shift starts moving an alias, as its deployment group is configured.
func (c *Cloud) Shift(place Place, alias, from, to, application, group string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.get(place, DeploymentGroupType, group)
	if !ok || g.Text("ApplicationName") != application {
		return awsErrorf("No deployment group found for name: %s", group)
	}
	alarms := wire.Params(g.Props).Map("AlarmConfiguration")
	s := &AliasShift{
		ID: "d-" + Random(9), Application: application, Group: group, Config: g.Text("DeploymentConfigName"), Place: place, Alias: alias,
		From: from, To: to, Status: "InProgress", Created: c.Now(), Updated: c.Now(), since: c.Now(),
	}
	if alarms.Bool("Enabled") {
		for _, a := range alarms.Maps("Alarms") {
			s.Alarms = append(s.Alarms, a.String("Name"))
		}
	}
	s.steps = aliasSteps(s.Config)
	s.Weight = s.steps[0].weight
	c.shifts = append(c.shifts, s)
	return nil
}

// stepwise are the configurations that move an alias in steps.
var stepwise = regexp.MustCompile(`^CodeDeployDefault\.Lambda(Canary|Linear)([1-9][0-9]?)Percent(?:Every)?([0-9]+)Minutes?$`)

// aliasSteps reads the name of a deployment configuration of CodeDeploy's own, such
// as CodeDeployDefault.LambdaCanary10Percent5Minutes.
func aliasSteps(config string) []rolloutStep {
	var out []rolloutStep
	parts := stepwise.FindStringSubmatch(config)
	if parts == nil {
		return append(out, rolloutStep{stage: "All", weight: 100})
	}
	p, _ := strconv.Atoi(parts[2]) // the expression lets only numbers through
	m, _ := strconv.Atoi(parts[3])
	if parts[1] == "Canary" {
		out = append(out, rolloutStep{stage: "Canary", weight: float64(p), minutes: m})
	} else {
		for w := p; w < 100; w += p {
			out = append(out, rolloutStep{stage: "Linear", weight: float64(w), minutes: m})
		}
	}
	return append(out, rolloutStep{stage: "All", weight: 100})
}

// shift brings a shift as far as it can get by now.
func (c *Cloud) shift(s *AliasShift) {
	for s.Active() {
		for _, name := range s.Alarms {
			if a, ok := c.get(s.Place, "AWS::CloudWatch::Alarm", name); ok && wire.Text(a.Attrs["StateValue"]) == "ALARM" {
				s.end("Stopped", "The deployment was stopped because the alarm "+name+" is in ALARM state", true, c.Now())
				return
			}
		}
		step := s.steps[s.at]
		if hold := c.holds[s.Alias]; hold != "" && hold == step.stage || c.Now().Sub(s.since) < time.Duration(step.minutes)*c.minute {
			return
		}
		if s.at++; s.at == len(s.steps) {
			s.end("Succeeded", "", false, c.Now())
			return
		}
		s.Weight, s.since, s.Updated = s.steps[s.at].weight, c.Now(), c.Now()
	}
}

func (s *AliasShift) end(status, reason string, back bool, now time.Time) {
	s.Status, s.Reason, s.RolledBack, s.Updated = status, reason, back, now
	if back {
		s.Weight = 0
	}
}

// Shifts are the shifts of a place, the newest first.
func (c *Cloud) Shifts(place Place) []AliasShift {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []AliasShift
	for _, s := range slices.Backward(c.shifts) {
		if s.Place == place {
			c.shift(s)
			out = append(out, *s)
		}
	}
	return out
}

// StopShift ends a shift; back gives the requests back to the version before. It
// says whether there was such a shift, and whether it was going on.
func (c *Cloud) StopShift(place Place, id string, back bool) (found, taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.shifts {
		if s.ID != id || s.Place != place {
			continue
		}
		c.shift(s)
		if taken = s.Active(); taken {
			s.end("Stopped", "The deployment was stopped by the user", back, c.Now())
		}
		return true, taken
	}
	return false, false
}

// Shifted says whether no shift of an alias is going on, which the last one is, and
// why it was stopped, if it was and is none that was known before.
func (c *Cloud) Shifted(place Place, alias, known string) (done bool, last string, failure error) {
	for _, s := range c.Shifts(place) {
		if s.Alias != alias {
			continue
		}
		if s.Active() {
			return false, s.ID, nil
		}
		if s.Status != "Succeeded" && s.ID != known {
			return true, s.ID, awsErrorf("CodeDeploy deployment %s: %s", s.ID, s.Reason)
		}
		return true, s.ID, nil
	}
	return true, "", nil
}
