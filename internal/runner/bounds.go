package runner

import (
	"context"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

// bound ends the run's context when its time or memory is used up, or when
// it is told to go.
func (s *Session) bound(ctx context.Context, deadline time.Time, mem memory) (context.Context, func()) {
	r := s.Request
	ctx, cancel := context.WithCancelCause(ctx)
	stopTimer := func() {}
	if !deadline.IsZero() {
		timedOut := problem.TimedOut.New("the %s took longer than %s; raise spec.timeout or make it faster", r.What(), r.Timeout)
		ctx, stopTimer = context.WithTimeoutCause(ctx, deadline.Sub(s.now()), timedOut)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		select {
		case <-signals:
			cancel(problem.Cancelled.New("the %s was cancelled", r.What()))
		case <-ctx.Done():
		}
	}()
	go mem.watch(ctx, cancel)
	go watchDisk(ctx, s.Dir, leastFree(s.Dir), cancel)
	return ctx, func() {
		signal.Stop(signals)
		stopTimer()
		cancel(nil)
	}
}

// watch looks again and again until the context ends or the look says that it
// is over.
func watch(ctx context.Context, look func() (over bool)) {
	ticker := time.NewTicker(memoryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if look() {
			return
		}
	}
}

// leastSpace is how much of the disk a run leaves to all others, in bytes: half
// of what the executor wants to be free before it starts one.
const leastSpace = 256 << 20

// leastFree is leastSpace, or less where the folder's volume is small.
func leastFree(dir run.Dir) uint64 {
	volume, err := space.Of(string(dir))
	if err != nil {
		return leastSpace
	}
	return min(leastSpace, volume.Total/8)
}

// makeRoom deletes what the caches hold and nobody uses, before the disk is so
// full that the run has to be ended.
func (s *Session) makeRoom(ctx context.Context) {
	const enoughSpace, pause = 2 * leastSpace, time.Minute
	data := space.Data(s.Data)
	enough := func() bool {
		free, err := space.Of(s.Data)
		return err != nil || free.Bytes >= enoughSpace || ctx.Err() != nil
	}
	var tried time.Time
	watch(ctx, func() (over bool) {
		if now := s.now(); now.Sub(tried) >= pause && !enough() {
			tried = now
			// What cannot be deleted leaves the disk as full as it is.
			_ = data.Reclaim(now, false, enough)
		}
		return false
	})
}

// watchDisk ends the run when the disk that all runs share is nearly full,
// before the others and the operator itself run out of it.
func watchDisk(ctx context.Context, dir run.Dir, least uint64, cancel context.CancelCauseFunc) {
	watch(ctx, func() (over bool) {
		free, err := space.Of(string(dir))
		if over = err == nil && free.Bytes < least; over {
			cancel(problem.NoDiskSpace.New(
				"the disk of the runs was nearly full (%d MiB free) and the run was ended; let it write less, or enlarge the operator's volume", free.Bytes>>20).With(problem.Retries))
		}
		return over
	})
}
