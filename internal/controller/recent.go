package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// recentFor is how long a Secret that was read may serve looks of other objects.
const recentFor = 30 * time.Second

// recent are Secrets that were read a moment ago. They serve passes that only look,
// so that the drift checks of a thousand stacks with one Secret do not read it
// two thousand times; whatever changes something reads its Secret itself.
type recent struct {
	mu   sync.Mutex
	kept map[types.NamespacedName]readSecret
	// sweptAt is when those that are too old were dropped last.
	sweptAt time.Time
}

type readSecret struct {
	data map[string][]byte
	at   time.Time
}

func (r *recent) get(name types.NamespacedName, now time.Time) (map[string][]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, known := r.kept[name]
	return s.data, known && now.Sub(s.at) < recentFor
}

func (r *recent) put(name types.NamespacedName, data map[string][]byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.sweptAt) >= recentFor {
		kept := map[types.NamespacedName]readSecret{}
		for n, s := range r.kept {
			if now.Sub(s.at) < recentFor {
				kept[n] = s
			}
		}
		r.kept, r.sweptAt = kept, now
	}
	r.kept[name] = readSecret{data, now}
}
