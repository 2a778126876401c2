package admission

import (
	"slices"
	"strings"
)

// longestName is the longest name that may be a field's by mistake.
const longestName = 64

// Nearest says which field is probably meant by one that does not exist: a
// misspelt neighbour, or the only field of that name elsewhere; "" when neither
// is there. The path may hold indices, which the answer does not have.
func (v *Validator) Nearest(path string) string {
	path = plain(path)
	cut := strings.LastIndexByte(path, '.')
	if cut < 0 {
		return ""
	}
	parent, name := path[:cut], path[cut+1:]
	if len(name) > longestName {
		return ""
	}
	best, least := "", max(2, len(name)/3)+1
	var elsewhere []string
	for _, field := range v.fields {
		at := strings.LastIndexByte(field, '.')
		if strings.EqualFold(field[at+1:], name) {
			elsewhere = append(elsewhere, field)
		}
		if field[:at] != parent {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(field[at+1:])); d < least && d < len(name) {
			best, least = field, d
		}
	}
	if best == "" && len(elsewhere) > 0 {
		// Fields of one name may be in several places; the shallowest is what
		// people mean.
		return slices.MinFunc(elsewhere, func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
	}
	return best
}

// plain takes the indices out of a path.
func plain(path string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(path, "[") {
		if _, rest, ok := strings.Cut(part, "]"); ok {
			part = rest
		}
		out.WriteString(part)
	}
	return out.String()
}

// distance is how many letters have to be added, taken away, changed or swapped
// with their neighbour to make one word of the other.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		above, before, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], above[j-2]+1)
			}
		}
		rows = [3][]int{before, row, above}
	}
	return rows[1][len(b)]
}
