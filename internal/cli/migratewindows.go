package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// hours is a window that a script keeps: days and hours in which it goes on.
type hours struct {
	days     []string
	from, to int // to is exclusive
	zone     string
	// line is the condition, as it stands.
	line string
}

var (
	dateOf = regexp.MustCompile(`\b([A-Za-z_]\w*)=["']?\$\(\s*(?:TZ=\S+\s+)?date\s+["']?\+["']?%-?([HkuI])["']?\s*\)`)
	// tests are the parts of a condition: [ "$DAY" -gt 5 ] and [[ $HOUR -lt 9 ]].
	tests     = regexp.MustCompile(`\[\[?\s+["']?\$\{?(\w+)\}?["']?\s+-(gt|ge|lt|le)\s+(\d+)\s+\]\]?`)
	condition = regexp.MustCompile(`^\s*if\s+(.+?)\s*;\s*then\s*$`)
	zoneOf    = regexp.MustCompile(`\bTZ=["']?([A-Za-z]+/[A-Za-z_/+-]+)`)
)

// readHours reads a window out of a script, when it is said in one condition that
// consists of comparisons with the hour and the day of the week and of nothing
// else: whatever is said in another way is not guessed at.
func readHours(script string) (hours, bool) {
	variables := map[string]string{}
	for _, found := range dateOf.FindAllStringSubmatch(script, -1) {
		variables[found[1]] = strings.NewReplacer("k", "H").Replace(found[2])
	}
	rows := strings.Split(script, "\n")
	for i, line := range rows {
		found := condition.FindStringSubmatch(line)
		if found == nil || !refuses(rows[i+1:]) {
			continue
		}
		if h, ok := hoursOf(found[1], variables); ok {
			h.line = strings.TrimSpace(line)
			h.zone = "UTC"
			if z := zoneOf.FindStringSubmatch(script); z != nil {
				h.zone = z[1]
			}
			return h, true
		}
	}
	return hours{}, false
}

// refuses says whether what follows an if ends with an error before its else.
func refuses(rows []string) bool {
	depth := 0
	for _, row := range rows {
		words := strings.Fields(strings.ReplaceAll(row, ";", " "))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch words[0] {
		case "if", "case":
			depth++
		case "fi", "esac":
			depth--
		}
		if depth < 0 || depth == 0 && (words[0] == "else" || words[0] == "elif") {
			return false
		}
		if words[0] != "echo" && exitsWithError.MatchString(row) {
			return true
		}
	}
	return false
}

var weekdays = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// hoursOf reads the condition under which a script refuses: any of the hour
// before the first or after the last, and the day after the last.
func hoursOf(text string, variables map[string]string) (hours, bool) {
	h := hours{from: -1, to: -1}
	rest := tests.ReplaceAllString(text, "")
	if strings.Trim(strings.ReplaceAll(rest, "||", ""), " \t") != "" {
		return h, false
	}
	days := -1
	for _, found := range tests.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(found[3])
		if err != nil || n > 24 {
			return h, false
		}
		switch variables[found[1]] + found[2] {
		case "Hlt":
			n, h.from = h.from, n
		case "Hle":
			n, h.from = h.from, n+1
		case "Hgt":
			n, h.to = h.to, n+1 // the whole of that hour is let through
		case "Hge":
			n, h.to = h.to, n
		case "ugt":
			n, days = days, n
		case "uge":
			n, days = days, n-1
		default:
			return h, false
		}
		if n != -1 {
			return h, false // said twice
		}
	}
	if h.from < 0 || h.to <= h.from || h.to > 24 || days > 7 || days == 0 {
		return h, false
	}
	if days > 0 && days < 7 {
		h.days = weekdays[:days]
	}
	return h, true
}

// lines is the field that says the same.
func (h hours) lines() []string {
	window := fmt.Sprintf(`- {from: "%02d:00", to: "%02d:00"}`, h.from, h.to)
	if len(h.days) > 0 {
		window = fmt.Sprintf(`- {days: [%s], from: "%02d:00", to: "%02d:00"}`, strings.Join(h.days, ", "), h.from, h.to)
	}
	// The script is asked when a deployment begins, so one that has begun goes on.
	return []string{"windows:", "  timeZone: " + h.zone, "  overrun: Finish", "  allow:", "    " + window}
}

// suggestWindows says which windows a script keeps.
func (c *checked) suggestWindows(h hookScript) {
	if c.obj.Spec.Windows != nil {
		return
	}
	const text = "each attempt outside of it is a failed one, and after the last the object is Stalled. spec.windows holds the finished plan until the opening, and honours the annotation emergency-deployment once, with an emergency-reason. Where it is set, take the hours out of the script, which goes on failing"
	kept, ok := readHours(h.script)
	if !ok {
		c.find(hint, h.path(), "it reads the clock and can fail. If that is a deployment window: "+text+" (docs/how-to/deployment-windows.md)")
		return
	}
	remark := fmt.Sprintf(". As the script has it: days %s, from %02d:00 up to %02d:00 of %s", daysOf(kept), kept.from, kept.to, kept.zone)
	if kept.zone == "UTC" {
		remark += ", which date says in the operator unless TZ is set"
	}
	if strings.Contains(kept.line, "-gt "+strconv.Itoa(kept.to-1)) {
		remark += fmt.Sprintf("; it lets %02d:59 through", kept.to-1)
	}
	c.find(hint, h.path(), "it looks as if it keeps a deployment window: "+text+remark+":", kept.lines()...)
	c.additions = append(c.additions, addition{field: "windows", lines: kept.lines()})
}

func daysOf(h hours) string {
	if len(h.days) == 0 {
		return "all"
	}
	return strings.Join(h.days, " ")
}
