package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// asking is how many questions of this kind are asked of AWS at once: they are
	// about what went wrong, and must not take what deployments need.
	asking = 4
	// patience is how long one may take.
	patience = 45 * time.Second
)

// background is what is asked of AWS outside of passes, one question of each kind
// for an object at a time.
type background struct {
	mu    sync.Mutex
	asked map[subject]*reply
	slots chan struct{}
}

// subject is what an object asks about.
type subject struct {
	name types.NamespacedName
	kind string
}

type reply struct {
	question string
	cancel   context.CancelFunc
	known    bool
	value    any
}

// ask gives the answer to a question, once there is one. When it is asked first,
// begin says how it is answered: that is done in the background, and told is called
// afterwards. Another question about the same takes its place.
func (b *background) ask(about subject, question string, told func(), begin func() func(context.Context) any) (value any, known bool) {
	if a, asked := b.heard(about, question); asked {
		return a.value, a.known
	}
	do := begin()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(about)
	if b.asked == nil {
		b.asked, b.slots = map[subject]*reply{}, make(chan struct{}, asking)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &reply{question: question, cancel: cancel}
	b.asked[about] = a
	go func() {
		defer cancel()
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-b.slots }()
		ctx, end := context.WithTimeout(ctx, patience)
		defer end()
		value := do(ctx)
		b.mu.Lock()
		a.value, a.known = value, true
		b.mu.Unlock()
		told()
	}()
	return nil, false
}

// heard is what is known of a question, and whether it was asked.
func (b *background) heard(about subject, question string) (reply, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.asked[about]; a != nil && a.question == question {
		return *a, true
	}
	return reply{}, false
}

// leave forgets what an object asked about one subject.
func (b *background) leave(about subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(about)
}

// drop is leave; the caller holds mu.
func (b *background) drop(about subject) {
	if a := b.asked[about]; a != nil {
		a.cancel()
		delete(b.asked, about)
	}
}
