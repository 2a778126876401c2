package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// balanced is what the local AWS says at a moment.
type balanced struct {
	listeners map[string]listener // by ARN
	groups    map[string][]target // by ARN
	healthy   map[target]bool
	releases  map[string]string // of colours: what their machines are to run
}

type listener struct {
	port    int
	weights map[string]int // of target groups
}

// target is a place that a target group sends requests to, and is asked for its
// health at a path.
type target struct{ group, address, path string }

// resource is a resource of the local AWS, in CloudFormation's words.
type resource struct {
	Type, ID string
	Props    struct {
		Name, Value     string
		Port            number
		HealthCheckPath string
		Targets         []targetDescription
		DefaultActions  []struct {
			TargetGroupArn string
			ForwardConfig  struct{ TargetGroups []weighted }
		}
	}
	Attrs struct {
		Health map[string]struct{ State string }
	}
}

type targetDescription struct {
	ID   string `json:"Id"`
	Port number
}

type weighted struct {
	TargetGroupArn string
	Weight         *number
}

// number is one, whether it is written as a number or as a text.
type number int

func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(data), `"`))
	*n = number(value)
	return err
}

func (b *balancing) look(ctx context.Context) (balanced, error) {
	seen := balanced{listeners: map[string]listener{}, groups: map[string][]target{}, healthy: map[target]bool{}, releases: map[string]string{}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.aws+"/_localaws/state", http.NoBody)
	if err != nil {
		return seen, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return seen, err
	}
	defer answer.Body.Close()
	var all struct{ Resources []json.RawMessage }
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		return seen, err
	}
	for _, data := range all.Resources {
		if err := seen.add(data); err != nil {
			return seen, fmt.Errorf("%w: %s", err, data)
		}
	}
	return seen, nil
}

// add adds a resource, if it is one of those that matter.
func (s *balanced) add(data []byte) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::SSM::Parameter":
	default:
		return nil
	}
	var r resource
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	switch kind.Type {
	case "AWS::ElasticLoadBalancingV2::Listener":
		s.listeners[r.ID] = listener{int(r.Props.Port), r.weights()}
	case "AWS::ElasticLoadBalancingV2::TargetGroup":
		s.addGroup(&r)
	default:
		if name, is := strings.CutPrefix(r.Props.Name, "/shop/"); is {
			s.releases[strings.TrimSuffix(name, "/release")] = r.Props.Value
		}
	}
	return nil
}

func (s *balanced) addGroup(r *resource) {
	s.groups[r.ID] = nil
	for _, d := range r.Props.Targets {
		t := target{r.ID, fmt.Sprintf("%s:%d", d.ID, d.Port), r.Props.HealthCheckPath}
		s.groups[r.ID] = append(s.groups[r.ID], t)
		s.healthy[t] = r.Attrs.Health[t.address].State == "healthy"
	}
}

// weights are those of the groups that a listener forwards to.
func (r *resource) weights() map[string]int {
	all := map[string]int{}
	for _, action := range r.Props.DefaultActions {
		if action.TargetGroupArn != "" {
			all[action.TargetGroupArn] = 1
		}
		for _, group := range action.ForwardConfig.TargetGroups {
			all[group.TargetGroupArn] = 1
			if group.Weight != nil {
				all[group.TargetGroupArn] = int(*group.Weight)
			}
		}
	}
	return all
}
