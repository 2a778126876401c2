package localaws

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"awscdk.dev/operator/demo/localaws/control"
)

// adminRoutes are the endpoint's own paths, under /_localaws/. All speak JSON.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_localaws/health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"status": "ok", "account": s.config.Account})
	})
	mux.HandleFunc("GET /_localaws/calls", s.listCalls)
	mux.HandleFunc("GET /_localaws/counts", s.listCounts)
	mux.HandleFunc("DELETE /_localaws/calls", func(w http.ResponseWriter, _ *http.Request) {
		s.Control.ForgetCalls()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_localaws/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Control.Faults()) })
	mux.HandleFunc("POST /_localaws/faults", s.addFault)
	mux.HandleFunc("DELETE /_localaws/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Control.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_localaws/throttles", s.setThrottle)
	mux.HandleFunc("POST /_localaws/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Control.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_localaws/state", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"resources": s.Cloud.All(), "stacks": s.CloudFormation.Stacks()})
	})
	mux.HandleFunc("POST /_localaws/bootstrap", func(w http.ResponseWriter, r *http.Request) {
		s.Bootstrap(r.URL.Query().Get("account"), r.URL.Query().Get("region"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /_localaws/issuers", s.publishKeys)
	mux.HandleFunc("PUT /_localaws/signal/{account}/{region}/{id}", s.signal)
	s.worldRoutes(mux)
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v)
}

// listCalls answers with the calls that match the query (service, action,
// accessKey, target, writes=true), and how often each action was called.
func (s *Server) listCalls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	calls := s.Control.Calls(control.Filter{
		Service: q.Get("service"), Action: q.Get("action"), AccessKey: q.Get("accessKey"), Target: q.Get("target"),
		WritesOnly: q.Get("writes") == "true",
	})
	counts := map[string]int{}
	for _, c := range calls {
		counts[c.Service+":"+c.Action]++
	}
	writeJSON(w, map[string]any{"calls": calls, "counts": counts, "total": len(calls)})
}

// listCounts answers with how often each action was called since the start. The
// journal is bounded, and this is not.
func (s *Server) listCounts(w http.ResponseWriter, _ *http.Request) {
	type count struct {
		Service, Action string
		Write           bool
		Succeeded       int
		Refused         int
	}
	byAction := map[[2]string]*count{}
	for k, n := range s.Control.Counts() {
		key := [2]string{k.Service, k.Action}
		if byAction[key] == nil {
			byAction[key] = &count{Service: k.Service, Action: k.Action, Write: k.Write}
		}
		if k.Refused {
			byAction[key].Refused += n
		} else {
			byAction[key].Succeeded += n
		}
	}
	writeJSON(w, slices.SortedFunc(maps.Values(byAction), func(a, b *count) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Action, b.Action))
	}))
}

func (s *Server) addFault(w http.ResponseWriter, r *http.Request) {
	var f control.Fault
	if !readJSON(w, r, &f) {
		return
	}
	s.Control.AddFault(f)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) setThrottle(w http.ResponseWriter, r *http.Request) {
	var t control.Throttle
	if !readJSON(w, r, &t) {
		return
	}
	if err := s.Control.SetThrottle(t); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// signal takes a signal for a wait condition.
func (s *Server) signal(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	if err := decoder.Decode(&raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.CloudFormation.Signal(r.URL.Path, raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// publishKeys takes what OIDC issuers publish of their keys: {"issuer": JWKS}.
func (s *Server) publishKeys(w http.ResponseWriter, r *http.Request) {
	var issuers map[string]json.RawMessage
	if !readJSON(w, r, &issuers) {
		return
	}
	for issuer, keys := range issuers {
		s.Cloud.PublishKeys(issuer, keys)
	}
	w.WriteHeader(http.StatusNoContent)
}
