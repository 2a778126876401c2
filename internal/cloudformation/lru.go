package cloudformation

import "container/list"

// lru keeps the entries that were used last.
type lru[K comparable, V any] struct {
	max     int
	order   *list.List // of lruEntry, last used first
	entries map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{max: size, order: list.New(), entries: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	e, ok := l.entries[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(lruEntry[K, V]).value, true
}

// put adds a key that is not there yet.
func (l *lru[K, V]) put(key K, value V) {
	l.entries[key] = l.order.PushFront(lruEntry[K, V]{key, value})
	if l.order.Len() <= l.max {
		return
	}
	last := l.order.Remove(l.order.Back()).(lruEntry[K, V])
	delete(l.entries, last.key)
}
