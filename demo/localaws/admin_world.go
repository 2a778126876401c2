package localaws

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// The requests here say what nobody can find out where nothing runs: whether
// targets are well, which alarms fire, where databases and load balancers answer, what it costs.

// worldRoutes adds them to the endpoint's own paths.
func (s *Server) worldRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /_localaws/target-health", s.setTargetHealth)
	mux.HandleFunc("POST /_localaws/alarm", s.setAlarm)
	mux.HandleFunc("POST /_localaws/db-instance", s.setDatabase)
	mux.HandleFunc("POST /_localaws/load-balancer", s.setLoadBalancer)
	mux.HandleFunc("GET /_localaws/costs", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, slices.Concat([]cloud.Cost{}, s.Cloud.Costs(s.account(r))))
	})
	mux.HandleFunc("PUT /_localaws/costs", s.setCosts)
	mux.HandleFunc("DELETE /_localaws/costs", func(w http.ResponseWriter, r *http.Request) {
		s.Cloud.SetCosts(s.account(r), nil)
		w.WriteHeader(http.StatusNoContent)
	})
}

// account is the one that the request names, or the usual one.
func (s *Server) account(r *http.Request) string {
	return cmp.Or(r.URL.Query().Get("account"), s.config.Account)
}

// targetHealth is the health of a target, or of all targets of a group.
type targetHealth struct {
	TargetGroup string `json:"targetGroup"`      // ARN, name or logical ID
	Target      string `json:"target,omitempty"` // empty: all of them
	Port        int    `json:"port,omitempty"`   // 0: the group's
	State       string `json:"state"`            // empty: as if nobody had said anything
	Reason      string `json:"reason,omitempty"`
	Description string `json:"description,omitempty"`
}

// healthStates are the states of targets, with the reasons AWS gives for them.
var healthStates = map[string]string{
	"": "", "healthy": "", "initial": "Elb.RegistrationInProgress", "unhealthy": "Target.FailedHealthChecks",
	"unused": "Target.NotInUse", "draining": "Target.DeregistrationInProgress", "unavailable": "Elb.InternalError",
}

func (s *Server) setTargetHealth(w http.ResponseWriter, r *http.Request) {
	var in targetHealth
	if !readJSON(w, r, &in) {
		return
	}
	reason, ok := healthStates[in.State]
	if !ok {
		http.Error(w, fmt.Sprintf("no target is in state %q", in.State), http.StatusBadRequest)
		return
	}
	s.edit(w, r, cloud.TargetGroupType, in.TargetGroup, func(group *cloud.Resource) {
		t := cloud.Target{}
		if in.Target != "" {
			t = cloud.TargetFrom(group, wire.Params{"Id": in.Target, "Port": number(in.Port)})
		}
		group.SetHealth(t, cloud.Health{State: in.State, Reason: cmp.Or(in.Reason, reason), Description: in.Description})
	})
}

// alarmState is the state of an alarm.
type alarmState struct {
	Alarm  string `json:"alarm"` // name or logical ID
	State  string `json:"state"` // OK, ALARM or INSUFFICIENT_DATA
	Reason string `json:"reason,omitempty"`
}

func (s *Server) setAlarm(w http.ResponseWriter, r *http.Request) {
	var in alarmState
	if !readJSON(w, r, &in) {
		return
	}
	if !cloud.IsAlarmState(in.State) {
		http.Error(w, fmt.Sprintf("no alarm is in state %q", in.State), http.StatusBadRequest)
		return
	}
	s.edit(w, r, cloud.AlarmType, in.Alarm, func(alarm *cloud.Resource) {
		alarm.SetAlarm(in.State, cmp.Or(in.Reason, "Set by a test"), "", s.Cloud.Now())
	})
}

// databaseFacts are where a database answers and how it is; what is empty stays as it is.
type databaseFacts struct {
	Instance string `json:"instance"` // identifier or logical ID
	Address  string `json:"address,omitempty"`
	Port     int    `json:"port,omitempty"`
	Status   string `json:"status,omitempty"` // such as available, stopped, backing-up
}

func (s *Server) setDatabase(w http.ResponseWriter, r *http.Request) {
	var in databaseFacts
	if !readJSON(w, r, &in) {
		return
	}
	s.edit(w, r, cloud.DatabaseType, in.Instance, func(db *cloud.Resource) {
		setAttributes(db, map[string]string{"Address": in.Address, "Port": number(in.Port), "Status": in.Status})
	})
}

// balancerFacts are where a load balancer answers and how it is; what is empty stays as it is.
type balancerFacts struct {
	LoadBalancer string `json:"loadBalancer"` // ARN, name or logical ID
	DNSName      string `json:"dnsName,omitempty"`
	State        string `json:"state,omitempty"` // active, provisioning, active_impaired or failed
}

func (s *Server) setLoadBalancer(w http.ResponseWriter, r *http.Request) {
	var in balancerFacts
	if !readJSON(w, r, &in) {
		return
	}
	s.edit(w, r, cloud.LoadBalancerType, in.LoadBalancer, func(lb *cloud.Resource) {
		setAttributes(lb, map[string]string{"DNSName": in.DNSName, "State": in.State})
	})
}

// number writes a port; 0 is none.
func number(port int) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(port)
}

func setAttributes(r *cloud.Resource, values map[string]string) {
	for name, v := range values {
		if v != "" {
			r.Attrs[name] = v
		}
	}
}

// edit alters the one resource of a type that has the ID, name or logical ID.
// The query's account and region choose where several have it.
func (s *Server) edit(w http.ResponseWriter, r *http.Request, typ, ref string, change func(*cloud.Resource)) {
	account, region := r.URL.Query().Get("account"), r.URL.Query().Get("region")
	found := slices.DeleteFunc(s.Cloud.All(), func(have cloud.Resource) bool {
		return have.Type != typ || account != "" && have.Place.Account != account || region != "" && have.Place.Region != region ||
			ref == "" || have.ID != ref && have.Logical != ref && wire.Text(have.Attrs["Name"]) != ref
	})
	if len(found) != 1 {
		http.Error(w, fmt.Sprintf("%d resources of type %s are called %q, there must be one", len(found), typ, ref), http.StatusNotFound)
		return
	}
	err := s.Cloud.Change(found[0].Place, typ, found[0].ID, func(there *cloud.Resource) error {
		change(there)
		return nil
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) setCosts(w http.ResponseWriter, r *http.Request) {
	var costs []cloud.Cost
	if !readJSON(w, r, &costs) {
		return
	}
	for _, c := range costs {
		if err := c.Validate(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.Cloud.SetCosts(s.account(r), costs)
	w.WriteHeader(http.StatusNoContent)
}
