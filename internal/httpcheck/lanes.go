package httpcheck

// lanes bounds how much is done at once, in all and for each namespace: one whose
// endpoints hang holds up its own. The caller holds a lock.
type lanes struct {
	inFlight, perNamespace int

	total   int
	running map[string]int // by namespace
	queue   []lane         // waiting for a free place, first come first served
}

// lane is something that waits for its turn.
type lane struct {
	namespace string
	// begin begins it, and says whether that was still wanted.
	begin func() bool
}

func newLanes(inFlight, perNamespace int) lanes {
	if inFlight <= 0 {
		inFlight = 16
	}
	if perNamespace <= 0 {
		perNamespace = 4
	}
	return lanes{inFlight: inFlight, perNamespace: perNamespace, running: map[string]int{}}
}

// add has something begun as soon as there is room.
func (l *lanes) add(namespace string, begin func() bool) {
	l.queue = append(l.queue, lane{namespace, begin})
	l.dispatch()
}

// done says that something has ended.
func (l *lanes) done(namespace string) {
	l.total--
	if l.running[namespace]--; l.running[namespace] == 0 {
		delete(l.running, namespace)
	}
	l.dispatch()
}

func (l *lanes) dispatch() {
	waiting := l.queue[:0]
	for _, one := range l.queue {
		if l.total >= l.inFlight || l.running[one.namespace] >= l.perNamespace {
			waiting = append(waiting, one)
			continue
		}
		if one.begin() {
			l.total++
			l.running[one.namespace]++
		}
	}
	clear(l.queue[len(waiting):])
	l.queue = waiting
}
