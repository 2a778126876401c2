package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// tryLock takes a lock that all processes of the machine respect. It ends
// with the process that holds it, however that ends.
func tryLock(path string) (unlock func(), ok bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("lock a git mirror: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, false, f.Close()
	}
	if err != nil {
		_ = f.Close()
		return nil, false, fmt.Errorf("lock a git mirror: %w", err)
	}
	return func() { _ = f.Close() }, true, nil
}

// waitLock is tryLock, again and again until ctx ends.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	const between = 20 * time.Millisecond
	for {
		unlock, ok, err := tryLock(path)
		if ok || err != nil {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(between):
		}
	}
}
