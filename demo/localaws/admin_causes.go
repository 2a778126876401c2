package localaws

import (
	"cmp"
	"net/http"
	"time"

	"awscdk.dev/operator/demo/localaws/cfn"
	"awscdk.dev/operator/demo/localaws/cloud"
)

// causesRoutes are about what explains failures: CloudTrail's delay, hooks that say
// no, tasks that ECS has stopped.
func (s *Server) causesRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /_localaws/trail", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Delay string `json:"delay"`
		}
		if !readJSON(w, r, &in) {
			return
		}
		d, err := time.ParseDuration(cmp.Or(in.Delay, "0s"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Cloud.DelayTrail(d)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_localaws/hooks", func(w http.ResponseWriter, r *http.Request) {
		var h cfn.Hook
		if !readJSON(w, r, &h) {
			return
		}
		if err := s.CloudFormation.AddHook(h); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_localaws/stopped-tasks", func(w http.ResponseWriter, r *http.Request) {
		var in cloud.StoppedTasks
		if !readJSON(w, r, &in) {
			return
		}
		s.Cloud.SetStoppedTasks(cloud.Place{Account: s.account(r), Region: r.URL.Query().Get("region")}, in)
		w.WriteHeader(http.StatusNoContent)
	})
}
