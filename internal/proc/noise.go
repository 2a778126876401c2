package proc

import (
	"regexp"
	"strings"
)

var (
	// warning is the first line of a warning of Node.js, hint its last.
	warning = regexp.MustCompile(`^\(node:\d+\) `)
	hint    = regexp.MustCompile("^\\(Use `node --trace-")
	// support is the last but one line of the AWS SDK's warning about old
	// versions of Node.js: nobody who reads a message can do anything about it.
	support = regexp.MustCompile(`^(More|For more) information.* https://a\.co/`)
	// chatter are lines that tools print whatever they do: jsii's box about
	// versions of Node.js, npm's news, the CDK's flags and notices.
	chatter = regexp.MustCompile(`^(!!+( .*)?$|npm (notice|warn deprecated)\b|npm WARN deprecated\b|\d+ feature flags are not configured\.|\[WARNING\] aws-cdk-lib\.\S+ is deprecated)`)
)

// longest is how many lines a warning of Node.js may have.
const longest = 12

// WithoutNoise leaves out of an output what says nothing about its outcome:
// warnings of Node.js and of the AWS SDK, banners and news. It is for texts that
// become messages, where they would hide what matters; logs keep all. An output
// of noise alone stays as it is.
func WithoutNoise(output string) string {
	lines := strings.Split(output, "\n")
	var kept []string
	for i := 0; i < len(lines); i++ {
		switch {
		case warning.MatchString(lines[i]):
			i += warningEnd(lines[i:])
		case !chatter.MatchString(lines[i]):
			kept = append(kept, lines[i])
		}
	}
	if text := strings.Trim(strings.Join(kept, "\n"), "\n"); strings.TrimSpace(text) != "" {
		return text
	}
	return output
}

// warningEnd is the index of the last line of a warning, which begins with
// the first of the lines. Node.js ends only the first warning of a process with
// a hint; that of the SDK is of several lines even without it.
func warningEnd(lines []string) int {
	end := 0
	for i, line := range lines[:min(len(lines), longest)] {
		switch {
		case i > 0 && warning.MatchString(line):
			return end
		case hint.MatchString(line):
			return i
		case support.MatchString(line):
			end = i
		}
	}
	return end
}
