package cdk

import (
	"bytes"
	"io"
	"regexp"
	"sync"
)

const (
	// tailSize is how much of the end of an output is kept, in bytes.
	tailSize = 16 << 10
	// maxLine is where a line without an end is passed on anyway, in bytes.
	maxLine = 16 << 10
)

// colours are the terminal's control sequences (ECMA-48 CSI) that some tools
// print even when told not to.
var colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// tail passes output on line by line and keeps its end.
type tail struct {
	mu   sync.Mutex
	log  io.Writer
	line []byte
	kept []byte
}

func newTail(log io.Writer) *tail { return &tail{log: log} }

// Write never fails: a log that cannot be written must not end a deployment.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 {
			end = len(p)
		}
		t.line = append(t.line, p[:end]...)
		p = p[end:]
		if t.line[len(t.line)-1] == '\n' || len(t.line) >= maxLine {
			t.pass()
		}
	}
	return n, nil
}

// flush passes on a last line that has no end.
func (t *tail) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) > 0 {
		t.line = append(t.line, '\n')
		t.pass()
	}
}

func (t *tail) pass() {
	line := colours.ReplaceAll(t.line, nil)
	if t.log != nil {
		_, _ = t.log.Write(line)
	}
	t.kept = append(t.kept, line...)
	if over := len(t.kept) - tailSize; over > tailSize {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.line = t.line[:0]
}

// String returns the end of the output, whole lines of it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.kept
	if over := len(kept) - tailSize; over > 0 {
		kept = kept[over:]
		kept = kept[bytes.IndexByte(kept, '\n')+1:]
	}
	return string(bytes.TrimSpace(kept))
}
