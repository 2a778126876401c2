package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// cursor is a place in the log of a container.
type cursor struct {
	pods                      corev1client.PodsGetter
	namespace, pod, container string
	// lead is what lines begin with that are wanted; it is taken off. Of those,
	// stages are wanted; all, if there is none.
	lead   string
	stages []string
	until  time.Time
	// last is the time of the last line, and same how many had that time: the API
	// server can only be asked for what is not older.
	last time.Time
	same int

	out io.Writer
}

// read passes on what is new and counts the lines. With follow it goes on to the
// container's end.
func (c *cursor) read(ctx context.Context, follow bool) (lines int, err error) {
	options := &corev1.PodLogOptions{Container: c.container, Follow: follow, Timestamps: true}
	if !c.last.IsZero() {
		since := metav1.NewTime(c.last)
		options.SinceTime = &since
	}
	stream, err := c.pods.Pods(c.namespace).GetLogs(c.pod, options).Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	from, skip := c.last, c.same
	for r := bufio.NewReaderSize(stream, longestLine); ; {
		line, rest, err := r.ReadLine()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		text, at := stamped(string(line))
		if at.Equal(from) && skip > 0 {
			skip--
		} else if c.isNew(at, from) && c.tell(text) {
			lines++
		}
		for ; rest && err == nil; _, rest, err = r.ReadLine() { // what is longer is left out
		}
	}
}

// longestLine is how much of a line is shown, in bytes.
const longestLine = 64 << 10

// stamped takes the time off a line.
func stamped(line string) (text string, at time.Time) {
	stamp, text, _ := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return line, time.Time{}
	}
	return text, at
}

// isNew notes the time of a line, and says whether it is one of those between
// from and the end.
func (c *cursor) isNew(at, from time.Time) bool {
	switch {
	case at.IsZero():
		return true
	case at.Before(from), !c.until.IsZero() && at.After(c.until.Add(time.Second)): // times of the status are whole seconds
		return false
	case at.Equal(c.last):
		c.same++
	default:
		c.last, c.same = at, 1
	}
	return true
}

// tell writes a line if it is wanted.
func (c *cursor) tell(text string) bool {
	if c.lead != "" {
		var ours bool
		if text, ours = strings.CutPrefix(text, c.lead); !ours || !c.wanted(text) {
			return false
		}
	}
	_, _ = fmt.Fprintln(c.out, printable(text))
	return true
}

// wanted says whether a line that is led by its step is of a stage that is
// wanted.
func (c *cursor) wanted(text string) bool {
	if len(c.stages) == 0 {
		return true
	}
	step, _, _ := strings.Cut(strings.TrimPrefix(text, "["), "]")
	stage, known := stages[step]
	if !known {
		stage = "hook" // it is led by the hook's name
	}
	return slices.Contains(c.stages, stage)
}

// stages are the containers of runs, by what their lines are led with.
var stages = map[string]string{
	"Starting": "clone", "Cloning": "clone", "Installing": "install", "Synthesizing": "synth", "Publishing": "publish", "Inspecting": "inspect",
}
