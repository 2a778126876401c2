package redact

import (
	"bytes"
	"sync"
)

// Tail keeps the end of what is written to it, without secrets. They are taken
// out before anything is cut off: nobody recognises a piece of a secret. It is
// safe for concurrent use.
type Tail struct {
	*Lines
	size int

	mu   sync.Mutex
	kept []byte
}

// Tail returns a writer that keeps so many bytes. Close adds a last line that
// has no end.
func (r *Redactor) Tail(size int) *Tail {
	t := &Tail{size: size}
	t.Lines = r.Lines(t.keep)
	return t
}

func (t *Tail) keep(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(append(t.kept, line...), '\n')
	if over := len(t.kept) - t.size; over > t.size {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
}

// String returns the end of what was written: whole lines, or the end of the
// last line when that is longer than all that is kept.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := bytes.TrimSpace(t.kept)
	if over := len(kept) - t.size; over > 0 {
		kept = kept[over:]
		if _, rest, ok := bytes.Cut(kept, []byte{'\n'}); ok {
			kept = rest
		}
	}
	return string(bytes.ToValidUTF8(kept, []byte("?")))
}
