package localaws

import (
	"fmt"
	"net/http"
	"slices"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// rolloutFacts say how far the rollouts of a service or an alias get: at speed 0
// nothing but a pause or an alarm would keep them.
type rolloutFacts struct {
	Service string `json:"service"` // ARN, name or logical ID of an ECS service or a Lambda alias
	// StayAt is a lifecycle stage of ECS, or Canary or Linear for an alias, at
	// which they stay; empty: they go on.
	StayAt string `json:"stayAt,omitempty"`
	// ExpirePauses has the pauses that wait time out now.
	ExpirePauses bool `json:"expirePauses,omitempty"`
}

func (s *Server) setRollout(w http.ResponseWriter, r *http.Request) {
	var in rolloutFacts
	if !readJSON(w, r, &in) {
		return
	}
	found := slices.DeleteFunc(s.Cloud.All(), func(have cloud.Resource) bool {
		of := have.Type == cloud.ServiceType || have.Type == cloud.AliasType
		return !of || in.Service == "" || have.ID != in.Service && have.Logical != in.Service && wire.Text(have.Attrs["Name"]) != in.Service
	})
	if len(found) != 1 {
		http.Error(w, fmt.Sprintf("%d services and aliases are called %q, there must be one", len(found), in.Service), http.StatusNotFound)
		return
	}
	s.Cloud.Hold(found[0].ID, in.StayAt)
	if in.ExpirePauses {
		s.Cloud.ExpirePauses(found[0].ID)
	}
	w.WriteHeader(http.StatusNoContent)
}
