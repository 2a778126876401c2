package runner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"awscdk.dev/operator/internal/regular"
)

const (
	// maxValues and maxValueBytes bound what a hook may report.
	maxValues     = 50
	maxValueBytes = 64 << 10
)

var valueName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// readValues reads the numbers that a hook has left in the file
// CDK_METRICS_FILE: lines of a name and a number, '#' begins a comment. What
// is neither is named in the log and left out.
func readValues(path string, log *Log, step string) map[string]float64 {
	f, err := regular.Open(path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			log.Printf(step, "the values in CDK_METRICS_FILE are not read: %v", err)
		}
		return nil
	}
	defer f.Close()
	values := make(map[string]float64)
	lines := bufio.NewScanner(io.LimitReader(f, maxValueBytes))
	for n := 1; lines.Scan() && len(values) < maxValues; n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		name, value, err := parseValue(text)
		if err != nil {
			log.Printf(step, "CDK_METRICS_FILE, line %d: %v", n, err)
			continue
		}
		values[name] = value
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

func parseValue(text string) (string, float64, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 || !valueName.MatchString(fields[0]) {
		return "", 0, errors.New("want a name of a-z, 0-9 and '_', a space and a number")
	}
	value, err := strconv.ParseFloat(fields[1], 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return "", 0, fmt.Errorf("%s has no number", fields[0])
	}
	return fields[0], value, nil
}
