package cloud

import (
	"cmp"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Target is something that a load balancer sends requests to.
type Target struct{ ID, Port string }

func (t Target) String() string { return t.ID + ":" + t.Port }

// Health is what a load balancer thinks of a target.
type Health struct{ State, Reason, Description string }

// TargetFrom reads a target; one without a port has its group's.
func TargetFrom(group *Resource, p wire.Params) Target {
	return Target{ID: p.String("Id"), Port: cmp.Or(p.String("Port"), group.Text("Port"))}
}

// Targets are those of the group's template and those that were registered
// since.
func (r *Resource) Targets() []Target {
	var out []Target
	for _, list := range []wire.Params{r.Props, r.Attrs} {
		for _, t := range list.Maps("Targets") {
			out = append(out, TargetFrom(r, t))
		}
	}
	return out
}

// AddTarget registers a target. Where the template has targets it is drift;
// else it is kept beside the properties, where updates leave it alone.
func (r *Resource) AddTarget(t Target) {
	for _, there := range r.Targets() {
		if there == t {
			return
		}
	}
	where := r.Attrs
	if _, ok := r.Props["Targets"]; ok {
		where = r.Props
	}
	entry := map[string]any{"Id": t.ID}
	if t.Port != "" {
		entry["Port"] = t.Port
	}
	where["Targets"] = append(wire.Params(where).List("Targets"), entry)
}

// RemoveTarget takes a target away, and says whether it was there.
func (r *Resource) RemoveTarget(t Target) bool {
	found := false
	for _, where := range []map[string]any{r.Props, r.Attrs} {
		if _, ok := where["Targets"]; !ok {
			continue
		}
		kept := []any{}
		for _, entry := range wire.Params(where).Maps("Targets") {
			if TargetFrom(r, entry) == t {
				found = true
				continue
			}
			kept = append(kept, map[string]any(entry))
		}
		where["Targets"] = kept
	}
	return found
}

// SetHealth says what a target's health is from now on, and with an empty ID
// that of all targets without one of their own. An empty state is no opinion.
func (r *Resource) SetHealth(t Target, h Health) {
	all, _ := r.Attrs["Health"].(map[string]any)
	if all == nil {
		all = map[string]any{}
		r.Attrs["Health"] = all
	}
	name := healthKey(t)
	if t.ID == "" {
		clear(all)
	}
	if h.State == "" {
		delete(all, name)
		return
	}
	all[name] = map[string]any{"State": h.State, "Reason": h.Reason, "Description": h.Description}
}

func healthKey(t Target) string {
	if t.ID == "" {
		return "*"
	}
	return t.String()
}

// TargetHealth is the health that a test gave the target. Else a target of a
// group that a listener uses is healthy: nothing runs here that could be ill.
func (r *Resource) TargetHealth(t Target, used bool) Health {
	all := wire.Params(r.Attrs).Map("Health")
	for _, name := range []string{healthKey(t), "*"} {
		if all.Has(name) {
			h := all.Map(name)
			return Health{State: h.String("State"), Reason: h.String("Reason"), Description: h.String("Description")}
		}
	}
	if !used {
		return Health{"unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"}
	}
	return Health{State: "healthy"}
}
