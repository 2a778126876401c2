package runner

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

// The log is kept in pieces: piece 0 is its head and stays, the others are
// its tail, of which only the newest stay. Together they are 10 MiB at most.
const (
	headSize  = 4 << 20
	pieceSize = 2 << 20
	tailCount = 3
)

// Log is a run's log: redacted, each line led by its step. It is safe for
// concurrent use. A log that cannot be written is not worth failing a run for,
// so writing never fails.
type Log struct {
	redact *redact.Redactor

	mu  sync.Mutex
	out io.WriteCloser
}

// OpenLog begins the log of a run in its folder.
func OpenLog(dir run.Dir, redactor *redact.Redactor) (*Log, error) {
	file, err := createPiece(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("open the run's log: %w", err)
	}
	return NewLog(&pieces{dir: dir, file: file}, redactor), nil
}

// NewLog returns a log that is written to out, whole lines at a time.
func NewLog(out io.WriteCloser, redactor *redact.Redactor) *Log {
	return &Log{redact: redactor, out: out}
}

// Writer returns a writer whose lines are led by the step's name. Close
// writes what has no newline yet.
func (l *Log) Writer(step string) io.WriteCloser {
	w := &stepWriter{log: l, lead: "[" + step + "] "}
	w.Lines = l.redact.Lines(w.keep)
	return w
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
	return l.out.Close()
}

// append writes whole lines.
func (l *Log) append(lines []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(lines)
}

// pieces are the files of a log, bounded in all.
type pieces struct {
	dir   run.Dir
	piece int
	size  int
	file  *os.File
}

func createPiece(dir run.Dir, n int) (*os.File, error) {
	return regular.Create(dir.Log(n))
}

// Write begins a new piece when this one is full.
func (p *pieces) Write(lines []byte) (int, error) {
	limit := pieceSize
	if p.piece == 0 {
		limit = headSize
	}
	if p.size+len(lines) > limit && p.size > 0 {
		p.next()
	}
	n, err := p.file.Write(lines)
	p.size += n
	return n, err
}

func (p *pieces) next() {
	file, err := createPiece(p.dir, p.piece+1)
	if err != nil {
		return // the piece at hand grows instead; the disk is full anyway
	}
	_ = p.file.Close()
	p.file, p.size = file, 0
	p.piece++
	if old := p.piece - tailCount; old > 0 {
		_ = os.Remove(p.dir.Log(old))
	}
}

// Close implements io.Closer.
func (p *pieces) Close() error { return p.file.Close() }

// stepWriter makes lines of what one command says. They are written together
// where they come together.
type stepWriter struct {
	*redact.Lines
	log  *Log
	lead string

	mu  sync.Mutex
	out bytes.Buffer
}

func (w *stepWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flush()
	return w.Lines.Write(p)
}

// Close writes what is left.
func (w *stepWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.flush()
	return w.Lines.Close()
}

func (w *stepWriter) keep(line []byte) {
	w.out.WriteString(w.lead)
	w.out.Write(line)
	w.out.WriteByte('\n')
}

func (w *stepWriter) flush() {
	if w.out.Len() > 0 {
		w.log.append(w.out.Bytes())
		w.out.Reset()
	}
}
