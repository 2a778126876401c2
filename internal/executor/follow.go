package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

const (
	// pumpSize is how much of a log is passed on at one look, in bytes. A run
	// that says more than that ten times a second is not passed on in full.
	pumpSize = 128 << 10
	// lastSize is how much of the end is passed on when the run is over.
	lastSize = 64 << 10
	// maxPieces bounds the search for the pieces of a log.
	maxPieces = 1 << 20
)

// follower passes on what is added to a log.
type follower struct {
	dir    run.Dir
	piece  int
	offset int64
	part   []byte // a line that has not ended yet
}

// skip goes to the present end: what is there was passed on by another.
func (t *follower) skip() {
	pieces := pieces(t.dir)
	if len(pieces) == 0 {
		return
	}
	t.piece = pieces[len(pieces)-1]
	if info, err := os.Stat(t.dir.Log(t.piece)); err == nil {
		t.offset = info.Size()
	}
}

// pump passes on what is new, each line led by lead. With last it goes on to
// the end of the log, leaving out what is too much. A log that cannot be
// read is no reason to fail anything.
func (t *follower) pump(w io.Writer, lead string, last bool) {
	if w == nil {
		return
	}
	t.copy(w, lead, pumpSize)
	if !last {
		return
	}
	if left := t.left(); left > lastSize {
		t.skip()
		skipped := left - min(left, lastSize)
		t.offset = max(0, t.offset-lastSize)
		t.part = nil
		fmt.Fprintf(w, "%s… (%d bytes left out; the run's log has more)\n", lead, skipped)
	}
	t.copy(w, lead, 2*lastSize)
	if len(t.part) > 0 {
		fmt.Fprintf(w, "%s%s\n", lead, t.part)
		t.part = nil
	}
}

// copy passes on at most budget bytes.
func (t *follower) copy(w io.Writer, lead string, budget int) {
	for budget > 0 {
		data := t.read(budget)
		if len(data) == 0 {
			if !t.advance() {
				return
			}
			continue
		}
		budget -= len(data)
		t.lines(w, lead, data)
	}
}

func (t *follower) read(size int) []byte {
	f, err := regular.Open(t.dir.Log(t.piece))
	if err != nil {
		return nil
	}
	defer f.Close()
	data := make([]byte, size)
	n, _ := f.ReadAt(data, t.offset)
	t.offset += int64(n)
	return data[:n]
}

// advance goes to the next piece that there is, if there is one.
func (t *follower) advance() bool {
	for _, n := range pieces(t.dir) {
		if n > t.piece {
			t.piece, t.offset = n, 0
			return true
		}
	}
	return false
}

// maxPart is how much of a line is kept until it ends. A run writes none as
// long, but what it runs can write into its log, too.
const maxPart = 64 << 10

func (t *follower) lines(w io.Writer, lead string, data []byte) {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte{'\n'}) {
			// What writes no line end, such as a file of zeros, is cut.
			if t.part = append(t.part, line...); len(t.part) > maxPart {
				out.WriteString(lead)
				out.Write(t.part)
				out.WriteByte('\n')
				t.part = t.part[:0]
			}
			break
		}
		out.WriteString(lead)
		out.Write(t.part)
		out.Write(line)
		t.part = t.part[:0]
	}
	_, _ = w.Write(out.Bytes())
}

// left counts the bytes that were not passed on.
func (t *follower) left() int64 {
	var total int64
	for _, n := range pieces(t.dir) {
		if info, err := os.Stat(t.dir.Log(n)); err == nil && n >= t.piece {
			total += info.Size()
		}
	}
	return total - t.offset
}

// pieces lists the numbers of the pieces of a log, in order.
func pieces(dir run.Dir) []int {
	entries, err := os.ReadDir(string(dir))
	if err != nil {
		return nil
	}
	var list []int
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "log.%d", &n); err == nil && n >= 0 && n < maxPieces && dir.Log(n) == string(dir)+"/"+e.Name() {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// openLog reads the pieces one after the other and says where some are missing.
func openLog(dir run.Dir) (io.ReadCloser, error) {
	list := pieces(dir)
	if len(list) == 0 {
		return nil, fmt.Errorf("open the run's log: %w", os.ErrNotExist)
	}
	all := &wholeLog{}
	var readers []io.Reader
	for i, n := range list {
		f, err := regular.Open(dir.Log(n))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the run's log: %w", err), all.Close())
		}
		if i > 0 && n != list[i-1]+1 {
			readers = append(readers, bytes.NewReader([]byte("… (the middle of the log is not kept)\n")))
		}
		all.files = append(all.files, f)
		readers = append(readers, f)
	}
	all.Reader = io.MultiReader(readers...)
	return all, nil
}

type wholeLog struct {
	io.Reader
	files []*os.File
}

// Close closes all pieces.
func (w *wholeLog) Close() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
