package cloud

import (
	"slices"
	"time"
)

// TrailEvent is a call as CloudTrail tells of it.
type TrailEvent struct {
	ID, Name, Source string // such as CreateTopic, sns.amazonaws.com
	Time             time.Time
	User, Username   string // the ARN of who called, and the name of the user or of the session
	Role             string // the ARN of the role of a session
	AccessKey        string
	InvokedBy        string // the service that called in the user's name
	ErrorCode        string
	ErrorMessage     string
	ReadOnly         bool
	Request          map[string]any
	Resources        []string // names and ARNs
}

const (
	// maxTrail bounds what is kept of the calls of an account and region.
	maxTrail = 20_000
	// trailRate is how many look-ups a second CloudTrail answers, for each account
	// and region.
	trailRate = 2.0
)

// trail is what CloudTrail has of an account and region.
type trail struct {
	events []TrailEvent // oldest first
	tokens float64
	asked  time.Time
}

// RecordTrail notes a call.
func (c *Cloud) RecordTrail(place Place, e TrailEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.trailOf(place)
	if len(t.events) >= maxTrail {
		t.events = slices.Delete(t.events, 0, maxTrail/2)
	}
	e.ID, e.Time = UUID(), c.Now()
	t.events = append(t.events, e)
}

func (c *Cloud) trailOf(place Place) *trail {
	if c.trails == nil {
		c.trails = map[Place]*trail{}
	}
	if c.trails[place] == nil {
		c.trails[place] = &trail{tokens: trailRate, asked: c.Now()}
	}
	return c.trails[place]
}

// DelayTrail says how long after a call CloudTrail tells of it.
func (c *Cloud) DelayTrail(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trailDelay = d
}

// Trail is what CloudTrail tells by now, newest first; ok is false when it is asked
// too often.
func (c *Cloud) Trail(place Place) (told []TrailEvent, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, now := c.trailOf(place), c.Now()
	t.tokens = min(trailRate, t.tokens+trailRate*now.Sub(t.asked).Seconds())
	t.asked = now
	if t.tokens < 1 {
		return nil, false
	}
	t.tokens--
	for _, e := range slices.Backward(t.events) {
		if !e.Time.Add(c.trailDelay).After(now) {
			told = append(told, e)
		}
	}
	return told, true
}
