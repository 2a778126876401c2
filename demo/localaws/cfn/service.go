// Package cfn is CloudFormation: templates, change sets, stacks and their
// operations, events and drift, on the resources of package cloud.
package cfn

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Service is CloudFormation for all accounts and regions.
type Service struct {
	// Fault, if set, may fail a resource operation such as
	// ("AWS::SNS::Topic", "Create"); its error is the reason shown.
	Fault func(typ, operation string) error

	cloud *cloud.Cloud
	speed float64
	// minute is how long a minute of the monitoring time lasts.
	minute time.Duration

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	stacks     map[string]*Stack
	tokens     map[string]string
	detections map[string]*detection
	signals    map[string][]signal
	// caller is the access key of the call that is being answered.
	caller      string
	hooks       []*Hook
	hookResults []*hookResult
	signalled   *sync.Cond
}

// New makes a CloudFormation without stacks. At speed 1 a resource takes 10 to
// 200 ms by its type, at speed 2 half of that, at speed 0 no time. A minute of
// monitoring time lasts as long as is given.
func New(c *cloud.Cloud, speed float64, minute time.Duration) *Service {
	s := &Service{
		cloud: c, speed: speed, minute: minute, stacks: map[string]*Stack{}, tokens: map[string]string{},
		detections: map[string]*detection{}, signals: map[string][]signal{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.signalled = sync.NewCond(&s.mu)
	return s
}

// Close abandons all operations and waits for them to end.
func (s *Service) Close() {
	s.stop()
	s.mu.Lock()
	s.signalled.Broadcast()
	s.mu.Unlock()
	s.running.Wait()
}

// Handle answers one call.
func (s *Service) Handle(c *wire.Call) (any, error) {
	h, ok := handlers[c.Action]
	if !ok {
		return nil, wire.NotImplemented("cloudformation", c.Action)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caller = c.AccessKey
	return h(s, c)
}

type handler func(s *Service, c *wire.Call) (any, error)

var handlers map[string]handler

func init() {
	handlers = map[string]handler{}
	for _, group := range []map[string]handler{stackHandlers, changeSetHandlers, readHandlers, driftHandlers, templateHandlers} {
		for name, h := range group {
			handlers[name] = h
		}
	}
}

func place(c *wire.Call) cloud.Place { return cloud.Place{Account: c.Account, Region: c.Region} }

// pause waits as long as an operation on a resource of the type takes. It
// returns false if ctx ended before.
func (s *Service) pause(ctx context.Context, base time.Duration, extra time.Duration) bool {
	wait := extra
	if s.speed > 0 {
		wait += time.Duration(float64(base) / s.speed * (0.75 + rand.Float64()/2)) //nolint:gosec // only a delay
	}
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// background runs f until the service closes.
func (s *Service) background(f func(ctx context.Context)) {
	s.running.Go(func() { f(s.ctx) })
}
