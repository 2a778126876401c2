package cloud

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// LogGroupType is the type of a log group.
const LogGroupType = "AWS::Logs::LogGroup"

// LogEvent is one line of a log stream.
type LogEvent struct {
	Stream  string
	At      int64 // milliseconds since 1970
	Message string
}

// logKey tells a group from one of the same name that was deleted.
type logKey struct {
	place   Place
	group   string
	created time.Time
}

func (c *Cloud) logsOf(place Place, group string) (map[string][]LogEvent, bool) {
	r, ok := c.get(place, LogGroupType, group)
	if !ok {
		return nil, false
	}
	key := logKey{place, group, r.Created}
	if c.logs == nil {
		c.logs = map[logKey]map[string][]LogEvent{}
	}
	if c.logs[key] == nil {
		c.logs[key] = map[string][]LogEvent{}
	}
	return c.logs[key], true
}

// CreateLogStream makes an empty stream.
func (c *Cloud) CreateLogStream(place Place, group, stream string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	streams, ok := c.logsOf(place, group)
	if !ok {
		return ErrNotFound
	}
	if _, taken := streams[stream]; taken {
		return ErrExists
	}
	streams[stream] = []LogEvent{}
	return nil
}

// PutLogEvents adds lines to a stream.
func (c *Cloud) PutLogEvents(place Place, group, stream string, lines []LogEvent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	streams, ok := c.logsOf(place, group)
	if !ok {
		return ErrNotFound
	}
	if _, there := streams[stream]; !there {
		return ErrNotFound
	}
	streams[stream] = append(streams[stream], lines...)
	return nil
}

// LogStreams are the names of the streams of a group.
func (c *Cloud) LogStreams(place Place, group string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	streams, ok := c.logsOf(place, group)
	if !ok {
		return nil, ErrNotFound
	}
	return slices.Sorted(maps.Keys(streams)), nil
}

// LogEvents are the lines of the streams that in chooses, oldest first.
func (c *Cloud) LogEvents(place Place, group string, in func(stream string) bool) ([]LogEvent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	streams, ok := c.logsOf(place, group)
	if !ok {
		return nil, ErrNotFound
	}
	var all []LogEvent
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		if in(name) {
			all = append(all, streams[name]...)
		}
	}
	slices.SortStableFunc(all, func(a, b LogEvent) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		return strings.Compare(a.Stream, b.Stream)
	})
	return all, nil
}
