package enclave

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a file system of a few bytes at a folder, which is made; release takes it down.
func SmallDisk(folder string, bytes int) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size="+strconv.Itoa(bytes)); err != nil {
		return nil, fmt.Errorf("mount a small disk at %s: %w", folder, err)
	}
	return func() { _ = unix.Unmount(folder, unix.MNT_DETACH) }, nil
}
