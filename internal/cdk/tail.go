package cdk

import (
	"bytes"
	"io"
	"regexp"
	"sync"

	"awscdk.dev/operator/internal/redact"
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

// tail passes output on line by line and keeps its end, without secrets.
type tail struct {
	mu   sync.Mutex
	log  io.Writer
	line []byte
	kept *redact.Tail
}

func newTail(log io.Writer, redactor *redact.Redactor) *tail {
	return &tail{log: log, kept: redactor.Tail(tailSize)}
}

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
	_ = t.kept.Close()
}

func (t *tail) pass() {
	line := colours.ReplaceAll(t.line, nil)
	if t.log != nil {
		_, _ = t.log.Write(line)
	}
	_, _ = t.kept.Write(line)
	t.line = t.line[:0]
}
