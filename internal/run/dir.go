package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"awscdk.dev/operator/internal/regular"
)

// Dir is the folder of one run. Whoever starts a run and whoever carries it
// out speak through its files; all of them but the lock appear whole or not
// at all.
type Dir string

// maxFile bounds what is read of a run's small files, in bytes.
const maxFile = 4 << 20

// Request is the file that holds the Request.
func (d Dir) Request() string { return d.file("request.json") }

// Progress is the file in which a stage leaves for the next one what it found.
func (d Dir) Progress() string { return d.file("progress.json") }

// Result is the file that holds the Result once the run is done.
func (d Dir) Result() string { return d.file("result.json") }

// Step is the file that holds the present step's name.
func (d Dir) Step() string { return d.file("step") }

// Process is the file in which the run's process says who it is, once it has
// begun.
func (d Dir) Process() string { return d.file("process.json") }

// Began is the file by which a run marks that its work begins: a run that ended
// without it and without a result has done nothing and can be started again.
func (d Dir) Began() string { return d.file("began") }

// Lock is the file that the run's process holds locked for as long as it lives.
func (d Dir) Lock() string { return d.file("lock") }

// Stderr holds what the process itself said while it fell.
func (d Dir) Stderr() string { return d.file("stderr") }

// Scratch lists the folders that nobody needs once the run is done.
func (d Dir) Scratch() []string {
	return []string{d.Workspace(), d.Home(), d.Temp(), d.Assembly(), d.State()}
}

// Assembly is where the cloud assembly goes.
func (d Dir) Assembly() string { return d.file("assembly") }

// State is where the CDK keeps what it wants to remember.
func (d Dir) State() string { return d.file("state") }

// Workspace is where the checkout goes.
func (d Dir) Workspace() string { return d.file("workspace") }

// Home is HOME of all that the run starts.
func (d Dir) Home() string { return d.file("home") }

// Temp is TMPDIR of all that the run starts.
func (d Dir) Temp() string { return d.file("tmp") }

// Log is the n-th piece of the log; see Log.
func (d Dir) Log(n int) string { return d.file(fmt.Sprintf("log.%d", n)) }

func (d Dir) file(name string) string { return filepath.Join(string(d), name) }

// Create makes the folder and those in it, readable by nobody else.
func (d Dir) Create() error {
	for _, dir := range append([]string{string(d)}, d.Scratch()...) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create the run's folder: %w", err)
		}
	}
	return nil
}

// WriteRequest saves what the run is to do.
func (d Dir) WriteRequest(r Request) error { return WriteJSON(d.Request(), r) }

// ReadRequest reads what the run is to do.
func (d Dir) ReadRequest() (Request, error) {
	var r Request
	return r, ReadJSON(d.Request(), &r)
}

// WriteResult says that the run is done.
func (d Dir) WriteResult(r Result) error { return WriteJSON(d.Result(), r) }

// ReadResult returns the run's result; the error is os.ErrNotExist while the
// run is not done.
func (d Dir) ReadResult() (*Result, error) {
	var r Result
	if err := ReadJSON(d.Result(), &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// WriteBegan marks that the run's work begins.
func (d Dir) WriteBegan() error { return writeWhole(d.Began(), nil) }

// HasBegun tells whether the run's work has begun. When that cannot be seen it
// counts as begun. Runs of versions that set no mark wrote Process before they
// began; today it is written after the mark.
func (d Dir) HasBegun() bool {
	for _, mark := range []string{d.Began(), d.Process()} {
		if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

// WriteStep says what the run is doing.
func (d Dir) WriteStep(step string) error { return writeWhole(d.Step(), []byte(step)) }

// ReadStep returns what the run is doing, "" when it has not said so yet.
func (d Dir) ReadStep() (string, error) {
	data, err := readBounded(d.Step())
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// WriteJSON saves a value in a file that appears whole or not at all.
func WriteJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return writeWhole(path, data)
}

// ReadJSON reads what WriteJSON saved.
func ReadJSON(path string, value any) error {
	data, err := readBounded(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return nil
}

// ReadInput reads JSON of a file that a volume of Kubernetes brings, which is
// a link. An error does not say what is in it.
func ReadInput(path string, value any) error {
	data, err := regular.ReadLinked(path, maxFile)
	if err != nil {
		return err
	}
	if json.Unmarshal(data, value) != nil {
		return fmt.Errorf("read %s: it does not hold what is expected", filepath.Base(path))
	}
	return nil
}

func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func readBounded(path string) ([]byte, error) { return regular.Read(path, maxFile) }
