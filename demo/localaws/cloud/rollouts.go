package cloud

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// ServiceDeployment is ECS bringing another revision of a service into service.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
type ServiceDeployment struct {
	ARN, Service, Cluster string
	Place                 Place
	// Config is the service's DeploymentConfiguration.
	Config map[string]any
	// Status and Stage are in the words of the API.
	Status, Stage, Reason string
	// SourceRevision is what was in service before, "" for a new service.
	SourceRevision, TargetRevision string
	// Weight and TestWeight are the percentage of requests that the target
	// revision gets.
	Weight, TestWeight float64
	Hooks              []PauseHook
	Triggered          []string
	Created, Updated   time.Time
	Finished           time.Time

	source, target map[string]any
	steps          []rolloutStep
	at             int
	since          time.Time // when the present step began
}

// PauseHook is a lifecycle hook that waits for somebody.
type PauseHook struct {
	ID, Stage, Status, TimeoutAction string
	Expires                          time.Time
}

// rolloutStep is a stage with what holds from its beginning.
type rolloutStep struct {
	stage        string
	weight, test float64
	minutes      int // it lasts at least
}

// Active says whether the deployment is still going on.
func (d *ServiceDeployment) Active() bool { return d.Finished.IsZero() }

func (d *ServiceDeployment) strategy() string {
	return cmp.Or(wire.Params(d.Config).String("Strategy"), "ROLLING")
}

// stepsOf are the stages of a strategy, in order.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html
func stepsOf(config wire.Params, fresh bool) []rolloutStep {
	strategy := config.String("Strategy")
	if !shifts(strategy) {
		return []rolloutStep{{weight: 100}}
	}
	steps := []rolloutStep{
		{stage: "PRE_SCALE_UP"}, {stage: "SCALE_UP"}, {stage: "POST_SCALE_UP"},
		{stage: "TEST_TRAFFIC_SHIFT", test: 100}, {stage: "POST_TEST_TRAFFIC_SHIFT", test: 100},
	}
	steps = append(steps, shiftsOf(strategy, config, fresh)...)
	return append(steps,
		rolloutStep{stage: "POST_PRODUCTION_TRAFFIC_SHIFT", weight: 100, test: 100},
		rolloutStep{stage: "BAKE_TIME", weight: 100, test: 100, minutes: config.Int("BakeTimeInMinutes", 0)},
		rolloutStep{stage: "CLEAN_UP", weight: 100, test: 100})
}

// shiftsOf are the steps in which production traffic moves. A new service has none
// to move.
func shiftsOf(strategy string, config wire.Params, fresh bool) []rolloutStep {
	var out []rolloutStep
	before := 0.0
	shift := func(weight float64, minutes int) {
		out = append(out, rolloutStep{stage: "PRE_PRODUCTION_TRAFFIC_SHIFT", weight: before, test: 100},
			rolloutStep{stage: "PRODUCTION_TRAFFIC_SHIFT", weight: weight, test: 100, minutes: minutes})
		before = weight
	}
	switch canary, linear := config.Map("CanaryConfiguration"), config.Map("LinearConfiguration"); {
	case fresh:
	case strategy == "CANARY":
		shift(float64(canary.Int("CanaryPercent", 5)), canary.Int("CanaryBakeTimeInMinutes", 10))
	case strategy == "LINEAR":
		step := max(linear.Int("StepPercent", 10), 3)
		for weight := step; weight < 100; weight += step {
			shift(float64(weight), linear.Int("StepBakeTimeInMinutes", 6))
		}
	}
	shift(100, 0)
	return out
}

// deployService starts a service deployment when next is another revision than
// the one in service. One that is going on is given up for it; when next is what
// was in service before, it is only rolled back.
func (c *Cloud) deployService(r *Resource, next map[string]any) {
	live, _ := r.Attrs["Live"].(map[string]any)
	target := revisionOf(next)
	for _, d := range c.deployments {
		if d.Service != r.ID || !d.Active() {
			continue
		}
		c.advance(d)
		if !d.Active() {
			live, _ = r.Attrs["Live"].(map[string]any)
			continue
		}
		if reflect.DeepEqual(target, d.target) {
			return
		}
		c.undo(d, "Service deployment was superseded.")
	}
	if reflect.DeepEqual(live, target) {
		return
	}
	name := strings.TrimPrefix(r.ID[strings.LastIndex(r.ID, ":service/")+1:], "service/")
	d := &ServiceDeployment{
		ARN: ARN("ecs", r.Place, "service-deployment/%s/%s", name, Random(21)), Service: r.ID, Place: r.Place,
		Cluster: ARN("ecs", r.Place, "cluster/%s", clusterName(wire.Text(next["Cluster"]))), Config: Clone(wire.Params(next).Map("DeploymentConfiguration")),
		Status: "IN_PROGRESS", SourceRevision: wire.Text(r.Attrs["Revision"]), TargetRevision: ARN("ecs", r.Place, "service-revision/%s/%s", name, digits(16)),
		source: live, target: Clone(target), Created: c.Now(), Updated: c.Now(), since: c.Now(),
	}
	d.steps = stepsOf(d.Config, live == nil)
	c.deployments[d.ARN] = d
	c.order = append(c.order, d.ARN)
	c.enter(d)
}

// advance brings a deployment as far as it can get by now: until a pause, the
// stage at which a test holds it, or one that takes longer.
func (c *Cloud) advance(d *ServiceDeployment) {
	for d.Active() {
		if fired := c.firing(d); len(fired) > 0 {
			d.Triggered = fired
			c.undo(d, "ECS deployment rolled back: alarms "+strings.Join(fired, ", ")+" are in ALARM state.")
			return
		}
		if !c.answered(d) || !d.Active() {
			return
		}
		step := d.steps[d.at]
		if hold := c.holds[d.Service]; hold != "" && hold == step.stage || c.Now().Sub(d.since) < time.Duration(step.minutes)*c.minute {
			return
		}
		if d.at++; d.at == len(d.steps) {
			c.done(d)
			return
		}
		c.enter(d)
	}
}

// enter begins the present step, and pauses there if a hook says so.
func (c *Cloud) enter(d *ServiceDeployment) {
	step := d.steps[d.at]
	d.Stage, d.Weight, d.TestWeight, d.since, d.Updated = step.stage, step.weight, step.test, c.Now(), c.Now()
	c.route(d)
	for _, hook := range wire.Params(d.Config).Maps("LifecycleHooks") {
		if !slices.Contains(hook.Strings("LifecycleStages"), step.stage) {
			continue
		}
		timeout := hook.Map("TimeoutConfiguration")
		minutes := time.Duration(timeout.Int("TimeoutInMinutes", 1440)) * time.Minute
		d.Hooks = append(d.Hooks, PauseHook{
			ID: "ecs-pause-" + Random(43), Stage: step.stage, Status: "AWAITING_ACTION",
			TimeoutAction: cmp.Or(timeout.String("Action"), "ROLLBACK"), Expires: c.Now().Add(minutes),
		})
	}
}

// answered says whether no pause waits any more. One that nobody answered in time
// has its timeout action.
func (c *Cloud) answered(d *ServiceDeployment) bool {
	for i := range d.Hooks {
		h := &d.Hooks[i]
		switch {
		case h.Status != "AWAITING_ACTION":
			continue
		case c.Now().Before(h.Expires):
			return false
		}
		h.Status = "TIMED_OUT"
		if h.TimeoutAction == "ROLLBACK" {
			c.undo(d, "ECS deployment rolled back: the pause lifecycle hook timed out.")
			return true
		}
	}
	return true
}

// firing are the alarms of a deployment that fire, if they roll it back.
func (c *Cloud) firing(d *ServiceDeployment) []string {
	alarms := wire.Params(d.Config).Map("Alarms")
	var fired []string
	if !alarms.Bool("Enable") || !alarms.Bool("Rollback") {
		return nil
	}
	for _, name := range alarms.Strings("AlarmNames") {
		if a, ok := c.get(d.Place, "AWS::CloudWatch::Alarm", name); ok && wire.Text(a.Attrs["StateValue"]) == "ALARM" {
			fired = append(fired, name)
		}
	}
	return fired
}

// route writes the weights of the present step into the listener rules.
func (c *Cloud) route(d *ServiceDeployment) {
	service, ok := c.get(d.Place, ServiceType, d.Service)
	if !shifts(d.strategy()) {
		return
	}
	live, swapped := "", false
	if ok {
		live, swapped = wire.Text(service.Attrs["LiveGroup"]), service.Attrs["LiveGroup"] != nil
	}
	for _, lb := range wire.Params(d.target).Maps("LoadBalancers") {
		a := lb.Map("AdvancedConfiguration")
		blue, green := lb.String("TargetGroupArn"), a.String("AlternateTargetGroupArn")
		if swapped && live == green {
			blue, green = green, blue
		}
		if d.source == nil {
			green, blue = blue, green // a new service begins at the target group that it names
		}
		c.forward(d.Place, a.String("ProductionListenerRule"), green, int(d.Weight), blue)
		if test := a.String("TestListenerRule"); test != "" {
			c.forward(d.Place, test, green, int(d.TestWeight), blue)
		}
	}
}

// done ends a deployment well: its revision is the one in service.
func (c *Cloud) done(d *ServiceDeployment) {
	d.Status, d.Finished, d.Updated = "SUCCESSFUL", c.Now(), c.Now()
	service, ok := c.get(d.Place, ServiceType, d.Service)
	if !ok {
		return
	}
	for _, lb := range wire.Params(d.target).Maps("LoadBalancers") {
		blue, green := lb.String("TargetGroupArn"), lb.Map("AdvancedConfiguration").String("AlternateTargetGroupArn")
		if d.source == nil || wire.Text(service.Attrs["LiveGroup"]) == green {
			green = blue
		}
		service.Attrs["LiveGroup"] = green
	}
	service.Attrs["Live"], service.Attrs["Revision"] = d.target, d.TargetRevision
}

// undo rolls a deployment back: what was in service before gets all requests.
func (c *Cloud) undo(d *ServiceDeployment, reason string) {
	if d.source != nil {
		d.Weight, d.TestWeight = 0, 0
		c.route(d)
	}
	d.Status, d.Reason, d.Finished, d.Updated = "ROLLBACK_SUCCESSFUL", reason, c.Now(), c.Now()
}

// Deployments are the service deployments of a place, the newest first.
func (c *Cloud) Deployments(place Place) []ServiceDeployment {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []ServiceDeployment
	for _, arn := range slices.Backward(c.order) {
		if d := c.deployments[arn]; d != nil && d.Place == place {
			c.advance(d)
			copied := *d
			copied.Hooks = slices.Clone(d.Hooks)
			out = append(out, copied)
		}
	}
	return out
}

// Answer continues a paused deployment, or rolls it back. Without a hook it rolls
// back one that is going on. It says whether there was something to answer.
func (c *Cloud) Answer(place Place, arn, hook, action string) (found, taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.deployments[arn]
	if d == nil || d.Place != place {
		return false, false
	}
	c.advance(d)
	if hook == "" {
		if taken = d.Active(); taken {
			c.undo(d, "Service deployment stopped by the user.")
		}
		return true, taken
	}
	for i := range d.Hooks {
		h := &d.Hooks[i]
		if h.ID != hook || h.Status != "AWAITING_ACTION" {
			continue
		}
		h.Status = "SUCCEEDED"
		if action == "ROLLBACK" {
			h.Status = "FAILED"
			c.undo(d, "Service deployment rolled back by the user at a pause.")
		}
		c.advance(d)
		return true, true
	}
	return true, false
}

// Rolled says whether no deployment of a service is going on, which the last one is,
// and why it was rolled back, if it was and is none that was known before.
func (c *Cloud) Rolled(place Place, service, known string) (done bool, last string, failure error) {
	for _, d := range c.Deployments(place) {
		if d.Service != service {
			continue
		}
		if d.Active() {
			return false, d.ARN, nil
		}
		if d.Status != "SUCCESSFUL" && d.ARN != known {
			return true, d.ARN, awsErrorf("Error occurred during operation 'ECS Deployment %s': %s", d.ARN, d.Reason)
		}
		return true, d.ARN, nil
	}
	return true, "", nil
}

// Hold keeps the deployments of a service, or of an alias, at a stage, until
// another is named; "" lets them go on.
func (c *Cloud) Hold(id, stage string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[id] = stage
}

// ExpirePauses has the pauses of a service time out now.
func (c *Cloud) ExpirePauses(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.deployments {
		for i := range d.Hooks {
			if d.Service == service && d.Hooks[i].Status == "AWAITING_ACTION" {
				d.Hooks[i].Expires = c.Now()
			}
		}
	}
}

// SetMinute says how long a minute of a rollout lasts; 0 is no time.
func (c *Cloud) SetMinute(d time.Duration) { c.minute = d }
