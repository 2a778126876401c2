package runner

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// The log is kept in pieces: piece 0 is its head and stays, the others are
// its tail, of which only the newest stay. Together they are 10 MiB at most.
const (
	headSize  = 4 << 20
	pieceSize = 2 << 20
	tailCount = 3
	// maxLine cuts lines, in bytes.
	maxLine = 32 << 10
	// maxKeyLines bounds how long a private key that never ends hides the log.
	maxKeyLines = 200
)

// Log is a run's log: redacted, bounded, each line led by its step. It is
// safe for concurrent use. A log that cannot be written is not worth failing
// a run for, so writing never fails.
type Log struct {
	dir    Dir
	redact *Redactor

	mu    sync.Mutex
	piece int
	size  int
	file  *os.File
}

// OpenLog begins the log of a run.
func OpenLog(dir Dir, redact *Redactor) (*Log, error) {
	file, err := createPiece(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("open the run's log: %w", err)
	}
	return &Log{dir: dir, redact: redact, file: file}, nil
}

func createPiece(dir Dir, n int) (*os.File, error) {
	return os.OpenFile(dir.Log(n), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

// Writer returns a writer whose lines are led by the step's name. Close
// writes what has no newline yet.
func (l *Log) Writer(step string) io.WriteCloser {
	return &stepWriter{log: l, lead: "[" + step + "] "}
}

// Printf writes one line.
func (l *Log) Printf(step, format string, args ...any) {
	w := l.Writer(step)
	fmt.Fprintf(w, format, args...)
	_ = w.Close()
}

// Close ends the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// append writes whole lines and begins a new piece when this one is full.
func (l *Log) append(lines []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := pieceSize
	if l.piece == 0 {
		limit = headSize
	}
	if l.size+len(lines) > limit && l.size > 0 {
		l.next()
	}
	n, _ := l.file.Write(lines)
	l.size += n
}

func (l *Log) next() {
	file, err := createPiece(l.dir, l.piece+1)
	if err != nil {
		return // the piece at hand grows instead; the disk is full anyway
	}
	_ = l.file.Close()
	l.file, l.size = file, 0
	l.piece++
	if old := l.piece - tailCount; old > 0 {
		_ = os.Remove(l.dir.Log(old))
	}
}

// stepWriter makes lines of what one command says.
type stepWriter struct {
	log  *Log
	lead string

	mu   sync.Mutex
	line []byte
	// cut is true while the rest of a line that was too long is passed over.
	cut bool
	// key counts down the lines of a private key that are still passed over.
	key int
}

func (w *stepWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(p)
}

func (w *stepWriter) write(p []byte) (int, error) {
	var out bytes.Buffer
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest = after
		w.add(&out, line)
		if ended {
			w.end(&out)
		}
	}
	if out.Len() > 0 {
		w.log.append(out.Bytes())
	}
	return len(p), nil
}

// add takes a part of a line and writes it early when it grows too long.
func (w *stepWriter) add(out *bytes.Buffer, part []byte) {
	if w.cut {
		return
	}
	room := maxLine + w.log.redact.longest - len(w.line)
	w.line = append(w.line, part[:min(len(part), room)]...)
	if len(part) <= room {
		return
	}
	// The end may be the beginning of a secret: it is left out.
	text := w.log.redact.String(string(w.line))
	text = text[:max(0, min(maxLine, len(text)-w.log.redact.longest))]
	w.emit(out, text+" … (line cut)")
	w.line, w.cut = w.line[:0], true
}

func (w *stepWriter) end(out *bytes.Buffer) {
	if w.cut {
		w.cut = false
		return
	}
	line := bytes.TrimSuffix(w.line, []byte{'\r'})
	last := bytes.Contains(line, []byte("-----END"))
	switch {
	case bytes.Contains(line, []byte("-----BEGIN")) && bytes.Contains(line, []byte("PRIVATE KEY-----")) && !last:
		w.key = maxKeyLines
		w.emit(out, w.log.redact.String(string(line)))
	case w.key > 0 && last:
		w.key = 0
	case w.key > 0:
		w.key--
	default:
		w.emit(out, w.log.redact.String(string(line)))
	}
	w.line = w.line[:0]
}

func (w *stepWriter) emit(out *bytes.Buffer, line string) {
	out.WriteString(w.lead)
	out.WriteString(line)
	out.WriteByte('\n')
}

// Close writes the line that was not ended.
func (w *stepWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) > 0 || w.cut {
		_, _ = w.write([]byte{'\n'})
	}
	return nil
}
