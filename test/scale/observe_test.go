package scale

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	"k8s.io/client-go/rest"
)

// patience bounds each wait.
const patience = 6 * time.Minute

// requests counts what the API server was asked, by "VERB resource/subresource".
// Leases and what clients do to find out about the server are left out.
type requests map[string]int

// requests reads the API server's own metrics.
func (s *bench) requests() requests {
	s.Helper()
	hc, err := rest.HTTPClientFor(s.Config)
	if err != nil {
		s.Fatal(err)
	}
	all := requests{}
	for line := range lines(s, hc, strings.TrimSuffix(s.Config.Host, "/")+"/metrics") {
		labels, value, ok := sample(line, "apiserver_request_total")
		if !ok || labels["resource"] == "" || labels["resource"] == "leases" || strings.Contains(labels["group"], "k8s.io") && labels["resource"] != "events" {
			continue
		}
		key := labels["verb"] + " " + labels["resource"]
		if labels["subresource"] != "" {
			key += "/" + labels["subresource"]
		}
		all[key] += int(value)
	}
	return all
}

// writes are those since an earlier count.
func (r requests) writes(before requests) (n int) {
	for key, times := range r {
		switch verb, _, _ := strings.Cut(key, " "); verb {
		case "PATCH", "PUT", "POST", "DELETE", "APPLY":
			n += times - before[key]
		}
	}
	return n
}

// reads are the single objects that were read since an earlier count.
func (r requests) reads(before requests) (n int) {
	for key, times := range r {
		if strings.HasPrefix(key, "GET ") {
			n += times - before[key]
		}
	}
	return n
}

// of counts the writes of a resource.
func (r requests) of(resource string) (n int) {
	for key, times := range r {
		if verb, what, _ := strings.Cut(key, " "); what == resource && (verb == "POST" || verb == "PATCH" || verb == "PUT") {
			n += times
		}
	}
	return n
}

func (r requests) since(before requests) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(r)) {
		if n := r[key] - before[key]; n > 0 {
			all = append(all, fmt.Sprintf("%s %d", key, n))
		}
	}
	return strings.Join(all, ", ")
}

// calls counts what AWS was asked.
type calls []awstest.Count

func (s *bench) awsCalls() calls { return s.AWS.Counts(s) }

func (c calls) succeeded(action string) (n int) {
	for _, one := range c {
		if one.Action == action {
			n += one.Succeeded
		}
	}
	return n
}

// tried counts the calls of an action, well or refused.
func (c calls) tried(action string) (n int) {
	for _, one := range c {
		if one.Action == action {
			n += one.Succeeded + one.Refused
		}
	}
	return n
}

// cloudFormation counts all calls of that service.
func (c calls) cloudFormation() (n int) {
	for _, one := range c {
		if one.Service == "cloudformation" {
			n += one.Succeeded + one.Refused
		}
	}
	return n
}

// written counts calls that change something. To look for drift is none.
func (c calls) written() (n int) {
	for _, one := range c {
		if one.Write && one.Action != "DetectStackDrift" && !strings.HasPrefix(one.Action, "AssumeRole") {
			n += one.Succeeded + one.Refused
		}
	}
	return n
}

func (c calls) all() (n int) {
	for _, one := range c {
		n += one.Succeeded + one.Refused
	}
	return n
}

func (c calls) since(before calls) string {
	var all []string
	for _, one := range c {
		n := one.Succeeded + one.Refused
		for _, was := range before {
			if was.Service == one.Service && was.Action == one.Action {
				n -= was.Succeeded + was.Refused
			}
		}
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %d", one.Action, n))
		}
	}
	return strings.Join(all, ", ")
}

// awaitSeen waits until every object has a status.
func (s *bench) awaitSeen(before requests) {
	s.Helper()
	const write = "PATCH cdktsstacks/status"
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) {
		if s.requests()[write]-before[write] >= s.objects && s.seen() == s.objects {
			return
		}
	}
	s.Fatalf("%d of %d objects were seen within %s", s.seen(), s.objects, patience)
}

func (s *bench) seen() (n int) {
	s.Helper()
	var all v1alpha1.CdkTsStackList
	if err := s.Client.List(s.Context(), &all); err != nil {
		s.Fatal(err)
	}
	for i := range all.Items {
		if len(all.Items[i].Status.Conditions) > 0 {
			n++
		}
	}
	return n
}

// awaitReady waits until a manager has found every stack as it should be.
func (s *bench) awaitReady(m *rig.Manager) {
	s.Helper()
	ready := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) {
		ready = 0
		for line := range lines(s, http.DefaultClient, m.Metrics) {
			if bytes.HasPrefix(line, []byte("cdktsstack_ready{")) && bytes.HasSuffix(line, []byte("} 1")) {
				ready++
			}
		}
		if ready == s.objects {
			return
		}
	}
	s.Fatalf("%d of %d stacks were found in sync within %s", ready, s.objects, patience)
}

// lines are those of a page.
func lines(s *bench, hc *http.Client, url string) func(func([]byte) bool) {
	s.Helper()
	answer, err := hc.Get(url)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("GET %s: %s, %v", url, answer.Status, err)
	}
	return func(yield func([]byte) bool) {
		for scanner := bufio.NewScanner(bytes.NewReader(page)); scanner.Scan(); {
			if !yield(scanner.Bytes()) {
				return
			}
		}
	}
}

// sample reads a line of a metric in Prometheus's text format.
func sample(line []byte, name string) (labels map[string]string, value float64, ok bool) {
	rest, found := strings.CutPrefix(string(line), name+"{")
	if !found {
		return nil, 0, false
	}
	inner, number, found := strings.Cut(rest, "} ")
	if !found {
		return nil, 0, false
	}
	labels = map[string]string{}
	for pair := range strings.SplitSeq(inner, ",") {
		key, quoted, _ := strings.Cut(pair, "=")
		labels[key] = strings.Trim(quoted, `"`)
	}
	value, err := strconv.ParseFloat(number, 64)
	return labels, value, err == nil
}
