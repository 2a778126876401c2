package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

// open reads what the run is to do.
func open(o MainOptions) (*Session, error) {
	dir, err := realPath(string(o.Dir))
	if err != nil {
		return nil, err
	}
	data, err := realPath(o.Data)
	if err != nil {
		return nil, err
	}
	s := &Session{Dir: run.Dir(dir), Data: data, now: o.Now}
	if s.Request, err = o.Dir.ReadRequest(); err != nil {
		return nil, err
	}
	if s.Secrets, err = readSecrets(o.Stdin); err != nil {
		return nil, err
	}
	redactor := s.Secrets.Redactor(s.Request.Repository)
	redactor.Learn(redact.EnvironSecrets(environ())...)
	s.Log, err = OpenLog(o.Dir, redactor)
	return s, err
}

func readSecrets(stdin io.Reader) (s run.Secrets, err error) {
	data, err := io.ReadAll(io.LimitReader(stdin, maxSecrets+1))
	if err != nil {
		return s, fmt.Errorf("read the run's secrets: %w", err)
	}
	if len(data) > maxSecrets {
		return s, fmt.Errorf("read the run's secrets: more than %d bytes", maxSecrets)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		// The decoder's message may quote what it read.
		return s, errors.New("read the run's secrets: standard input holds no JSON object of secrets")
	}
	return s, emptyStdin(stdin)
}

// realPath is a folder's path without symbolic links: tools report paths
// without them, and user code is held to its folder by comparing paths.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("find the folder of the run: %w", err)
	}
	return real, nil
}

// emptyStdin puts nothing in the place of a standard input that held secrets,
// so that nobody can read it once more.
func emptyStdin(stdin io.Reader) error {
	if stdin != os.Stdin {
		return nil
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("empty standard input: %w", err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return fmt.Errorf("empty standard input: %w", err)
	}
	return nil
}
