package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/run"
)

// sealed returns a file that holds the secrets of a run and is on no disk. It
// is complete and cannot be changed any more before the run's process begins:
// a manager that is killed while it starts a run leaves no process behind that
// waits for the rest of its secrets.
func sealed(secrets run.Secrets) (*os.File, error) {
	input, err := json.Marshal(secrets)
	if err != nil {
		return nil, errors.New("encode the run's secrets")
	}
	f, err := memoryFile()
	if err != nil {
		return nil, fmt.Errorf("make room for the run's secrets: %w", err)
	}
	_, err = f.Write(input)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the run's secrets: %w", err), f.Close())
	}
	return f, nil
}

// memoryFile makes a file without a name, see memfd_create(2).
func memoryFile() (*os.File, error) {
	const name, flags = "secrets", unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	// Hardened hosts ask for MFD_NOEXEC_SEAL, kernels before 6.3 do not know it.
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
