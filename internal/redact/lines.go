package redact

import (
	"bytes"
	"slices"
	"sync"
)

const (
	// maxLine cuts lines, in bytes.
	maxLine = 32 << 10
	// maxHeld bounds the lines that wait for what follows them, in bytes,
	// beside the longest secret.
	maxHeld = 64 << 10
	// maxKeyLines bounds how long a private key that never ends hides the rest.
	maxKeyLines = 200
	// wrapped is the length from which the letters at the end of a line may go
	// on in the next: tools wrap base64 at 64 or 76 columns, hexadecimal digits
	// at 60, and indent it.
	wrapped = 40
)

// Lines passes on what is written to it line by line, without secrets. It is
// safe for concurrent use. Lines that may hold a secret together are held back
// until the last of them is there.
type Lines struct {
	redactor *Redactor
	next     func(line []byte)

	mu   sync.Mutex
	line []byte
	held []byte
	// cut is true while the rest of a line that was too long is passed over.
	cut bool
	// key counts down the lines of a private key that are still passed over.
	key int
}

// Lines returns a writer that gives next each line, without its end. The line
// is next's own only until it returns. Close gives what has no end yet.
func (r *Redactor) Lines(next func(line []byte)) *Lines {
	return &Lines{redactor: r, next: next}
}

// Write never fails.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest = after
		l.add(line)
		if ended {
			l.end()
		}
	}
	return len(p), nil
}

// Close passes on what was held back and the line that has no end.
func (l *Lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 || l.cut {
		l.end()
	}
	l.release()
	return nil
}

// add takes a part of a line and passes it on early when it grows too long.
func (l *Lines) add(part []byte) {
	if l.cut {
		return
	}
	known := l.redactor.now()
	room := max(0, maxLine+known.longest-len(l.line))
	l.line = append(l.line, part[:min(len(part), room)]...)
	if len(part) <= room {
		return
	}
	// The end may be the beginning of a secret: it is left out.
	text := known.redact(append(l.held, l.line...))
	text = text[:max(0, min(len(l.held)+maxLine, len(text)-known.longest))]
	l.held, l.line, l.cut = l.held[:0], l.line[:0], true
	l.pass(append(bytes.Clone(text), " … (line cut)"...))
}

func (l *Lines) end() {
	if l.cut {
		l.cut = false
		return
	}
	line := bytes.TrimSuffix(l.line, []byte{'\r'})
	last := bytes.Contains(line, []byte("-----END"))
	switch {
	case bytes.Contains(line, []byte("-----BEGIN")) && bytes.Contains(line, []byte("PRIVATE KEY-----")) && !last:
		l.key = maxKeyLines
		l.hold(line)
		l.release()
	case l.key > 0 && last:
		l.key = 0
	case l.key > 0:
		l.key--
	default:
		l.hold(line)
		if !goesOn(line) {
			l.release()
		}
	}
	l.line = l.line[:0]
}

// hold keeps a line until it is known what follows.
func (l *Lines) hold(line []byte) {
	l.held = append(append(l.held, line...), '\n')
	known := l.redactor.now()
	if len(l.held) <= maxHeld+2*known.longest {
		return
	}
	// A secret that begins in the last part may end in what is not there yet.
	keep := known.lineBefore(l.held, len(l.held)-known.longest)
	rest := bytes.Clone(l.held[keep:])
	l.held = l.held[:keep]
	l.release()
	l.held = append(l.held, rest...)
}

// lineBefore is where the last line begins, at or before a place, that is in
// no secret together with the line before it.
func (k *known) lineBefore(text []byte, at int) int {
	found := k.find(text)
	for {
		at = bytes.LastIndexByte(text[:at], '\n') + 1
		within := slices.IndexFunc(found, func(s span) bool { return s.from < at && s.to > at })
		if within < 0 {
			return at
		}
		at = found[within].from
	}
}

// release passes on the lines that were held back.
func (l *Lines) release() {
	if len(l.held) == 0 {
		return
	}
	l.pass(bytes.TrimSuffix(l.redactor.now().redact(l.held), []byte{'\n'}))
	l.held = l.held[:0]
}

func (l *Lines) pass(text []byte) {
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		l.next(line)
	}
}

// goesOn tells whether a line ends in so many letters of base64 that the next
// one may be their continuation.
func goesOn(line []byte) bool {
	n := 0
	for n < len(line) && n < wrapped && letterAlphabet.symbols[line[len(line)-1-n]] < stop {
		n++
	}
	return n == wrapped
}
