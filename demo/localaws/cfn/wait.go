package cfn

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// signal is what a client PUTs to a wait condition handle.
type signal struct {
	Status   string
	UniqueID string `json:"UniqueId"`
	Data     string
	Reason   string
}

// Signal delivers a signal to the handle whose URL has the given path.
func (s *Service) Signal(path string, body []byte) error {
	var sig signal
	if err := json.Unmarshal(body, &sig); err != nil {
		return wire.Invalid("read signal: %s", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals[path] = append(s.signals[path], sig)
	s.signalled.Broadcast()
	return nil
}

// awaitSignals waits for as many SUCCESS signals as a wait condition counts.
func (s *Service) awaitSignals(ctx context.Context, r *StackResource) error {
	seconds, _ := strconv.Atoi(wire.Text(r.Props["Timeout"]))
	count, err := strconv.Atoi(wire.Text(r.Props["Count"]))
	if err != nil {
		count = 1
	}
	handle := wire.Text(r.Props["Handle"])
	if handle == "" {
		return nil
	}
	if u, err := url.Parse(handle); err == nil {
		handle = u.Path
	}
	limit, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	wake := context.AfterFunc(limit, func() {
		s.mu.Lock()
		s.signalled.Broadcast()
		s.mu.Unlock()
	})
	defer wake()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		received := map[string]bool{}
		for _, sig := range s.signals[handle] {
			if sig.Status != "SUCCESS" {
				return awsErrorf("WaitCondition received failed message: '%s' for uniqueId: %s", sig.Reason, sig.UniqueID)
			}
			received[sig.UniqueID] = true
		}
		if len(received) >= count {
			return nil
		}
		if ctx.Err() != nil {
			return context.Canceled
		}
		if limit.Err() != nil {
			return awsErrorf("WaitCondition timed out. Received %d conditions when expecting %d", len(received), count)
		}
		s.signalled.Wait()
	}
}
