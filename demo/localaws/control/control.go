// Package control watches and disturbs the local AWS: it keeps the journal of
// calls, and holds the faults and throttles that tests ask for.
package control

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Entry is one call in the journal.
type Entry struct {
	Time      time.Time `json:"time"`
	Service   string    `json:"service"`
	Action    string    `json:"action"`
	AccessKey string    `json:"accessKey"`
	Account   string    `json:"account"`
	Region    string    `json:"region"`
	Target    string    `json:"target,omitempty"` // the stack, bucket or name the call is about
	Agent     string    `json:"agent,omitempty"`
	Status    int       `json:"status"`
	Error     string    `json:"error,omitempty"` // its code
	Write     bool      `json:"write"`
}

// Fault is a failure to come. Empty fields match everything.
type Fault struct {
	Service string `json:"service,omitempty"` // "resource" for CloudFormation's resource operations
	Action  string `json:"action,omitempty"`  // for "resource": "AWS::SNS::Topic:Create"
	Target  string `json:"target,omitempty"`
	Skip    int    `json:"skip,omitempty"`  // let so many calls pass first
	Count   int    `json:"count,omitempty"` // how often, 0 for once, -1 for ever
	Code    string `json:"code,omitempty"`  // the error to answer with
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`  // its HTTP status, 400 if not given, 500 without a code
	Latency string `json:"latency,omitempty"` // a Go duration to wait before going on
	Hang    bool   `json:"hang,omitempty"`    // never answer; the client's patience ends the call
	After   bool   `json:"after,omitempty"`   // do what was asked, then fail: the answer is lost
}

// Throttle limits how often an action is served per second.
type Throttle struct {
	Service string  `json:"service"`
	Action  string  `json:"action,omitempty"` // empty: all actions of the service together
	Rate    float64 `json:"rate"`             // calls a second; 0 removes the throttle
	Burst   int     `json:"burst,omitempty"`

	tokens float64
	last   time.Time
}

// Control is safe for use from many goroutines.
type Control struct {
	now       func() time.Time
	mu        sync.Mutex
	journal   []Entry
	dropped   int
	counts    map[Counted]int
	faults    []*Fault
	throttles []*Throttle
}

// maxJournal bounds the journal; older entries are dropped and counted.
const maxJournal = 20_000

// New makes a control without faults.
func New(now func() time.Time) *Control { return &Control{now: now} }

// Record adds a call to the journal.
func (c *Control) Record(e Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.journal) >= maxJournal {
		c.journal = slices.Delete(c.journal, 0, maxJournal/2)
		c.dropped += maxJournal / 2
	}
	c.journal = append(c.journal, e)
	if c.counts == nil {
		c.counts = map[Counted]int{}
	}
	c.counts[Counted{e.Service, e.Action, e.Write, e.Error != ""}]++
}

// Counted is what calls are counted by.
type Counted struct {
	Service, Action string
	Write, Refused  bool
}

// Counts says how often each action was called since the start, however long
// ago, well or not. Forgetting the journal does not change it.
func (c *Control) Counts() map[Counted]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Filter chooses entries of the journal. Empty fields match everything.
type Filter struct {
	Service, Action, AccessKey, Target string
	WritesOnly                         bool
}

// Calls returns the calls so far that the filter matches, oldest first.
func (c *Control) Calls(f Filter) []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Entry{}
	for _, e := range c.journal {
		if matches(f.Service, e.Service) && matches(f.Action, e.Action) && matches(f.AccessKey, e.AccessKey) &&
			(f.Target == "" || strings.Contains(e.Target, f.Target)) && (e.Write || !f.WritesOnly) {
			out = append(out, e)
		}
	}
	return out
}

func matches(want, have string) bool { return want == "" || want == have }

// Reset forgets the journal, the faults and the throttles.
func (c *Control) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal, c.faults, c.throttles, c.dropped = nil, nil, nil, 0
}

// ForgetCalls empties the journal only.
func (c *Control) ForgetCalls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal, c.dropped = nil, 0
}

// AddFault plans a failure.
func (c *Control) AddFault(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Count == 0 {
		f.Count = 1
	}
	c.faults = append(c.faults, &f)
}

// Faults returns what is planned.
func (c *Control) Faults() []Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Fault{}
	for _, f := range c.faults {
		out = append(out, *f)
	}
	return out
}

// ClearFaults forgets what is planned.
func (c *Control) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// Take returns the fault that this call meets, nil for none, and counts it.
func (c *Control) Take(service, action, target string) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, f := range c.faults {
		if !matches(f.Service, service) || !matches(f.Action, action) || !strings.Contains(target, f.Target) ||
			f.Service == "" && service == "resource" {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
		}
		taken := *f
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			c.faults = slices.Delete(c.faults, i, i+1)
		}
		return &taken
	}
	return nil
}

// Error is the error that a fault answers with, nil if it only delays.
func (f *Fault) Error() error {
	delays := f.Latency != "" || f.Hang
	if delays && f.Code == "" && f.Status == 0 {
		return nil
	}
	e := &wire.Error{Code: f.Code, Message: cmp.Or(f.Message, "injected failure"), Status: cmp.Or(f.Status, http.StatusBadRequest)}
	if e.Code == "" {
		e.Code, e.Status = "InternalFailure", cmp.Or(f.Status, http.StatusInternalServerError)
	}
	return e
}

// SetThrottle limits an action, replacing an earlier limit for the same.
func (c *Control) SetThrottle(t Throttle) error {
	if t.Rate < 0 || t.Service == "" {
		return fmt.Errorf("a throttle needs a service and a rate of 0 or more")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throttles = slices.DeleteFunc(c.throttles, func(o *Throttle) bool { return o.Service == t.Service && o.Action == t.Action })
	if t.Rate > 0 {
		t.Burst = max(t.Burst, 1)
		t.tokens, t.last = float64(t.Burst), c.now()
		c.throttles = append(c.throttles, &t)
	}
	return nil
}

// Throttled says whether this call comes too soon.
func (c *Control) Throttled(service, action string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.throttles {
		if t.Service != service || !matches(t.Action, action) {
			continue
		}
		now := c.now()
		t.tokens = min(float64(t.Burst), t.tokens+t.Rate*now.Sub(t.last).Seconds())
		t.last = now
		if t.tokens < 1 {
			return true
		}
		t.tokens--
	}
	return false
}

// readPrefixes begin the names of actions that change nothing.
var readPrefixes = []string{"Get", "List", "Describe", "Head", "Lookup", "Validate", "Detect", "AssumeRole"}

// IsWrite says whether an action changes something. DetectStackDrift and
// AssumeRole start things but change no resource.
func IsWrite(action string) bool {
	return !slices.ContainsFunc(readPrefixes, func(p string) bool { return strings.HasPrefix(action, p) })
}
