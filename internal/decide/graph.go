package decide

import (
	"slices"
)

// Edges gives the names of the objects that one depends on, none for an object
// that does not exist.
type Edges func(name string) []string

// maxReached bounds how far dependencies are followed, in objects.
const maxReached = 2000

// Reached are all objects that one depends on, directly or not, sorted; itself
// only when it is in a circle.
func Reached(name string, edges Edges) []string {
	all, _ := walk(name, edges)
	return all
}

// Cycle is a shortest way from an object back to itself, both ends included;
// nil when there is none.
func Cycle(name string, edges Edges) []string {
	_, from := walk(name, edges)
	if _, returns := from[name]; !returns {
		return nil
	}
	way := []string{name}
	for at := from[name]; at != name; at = from[at] {
		way = append(way, at)
	}
	way = append(way, name)
	slices.Reverse(way)
	return way
}

// Circle are the objects that depend on the named one and that it depends on,
// sorted, without itself.
func Circle(name string, edges Edges) []string {
	var all []string
	for _, other := range Reached(name, edges) {
		if other != name && slices.Contains(Reached(other, edges), name) {
			all = append(all, other)
		}
	}
	return all
}

// walk follows dependencies, the nearest first; from says how each was reached.
func walk(name string, edges Edges) (all []string, from map[string]string) {
	from = map[string]string{}
	for next := []string{name}; len(next) > 0 && len(from) < maxReached; next = next[1:] {
		for _, to := range edges(next[0]) {
			if _, known := from[to]; known {
				continue
			}
			from[to] = next[0]
			all = append(all, to)
			if to != name {
				next = append(next, to)
			}
		}
	}
	slices.Sort(all)
	return all, from
}
