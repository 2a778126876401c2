package cloudformation

import (
	"regexp"
	"strings"

	"awscdk.dev/operator/internal/decide"
)

// The ways in which CloudFormation says that an export stands in the way. It has
// no code for them. Names of exports may have colons, and end before the verb.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
var (
	exportInUse = regexp.MustCompile(`(?:Cannot (?:delete|update) export (\S+)|Export (\S+) cannot be (?:deleted|updated)) as it is in use by ([^.]+)`)
	noExport    = regexp.MustCompile(`No export named (\S+) found`)
)

// exportFault is what a message says of an export, nil when it says nothing.
func exportFault(message string) *decide.ExportFault {
	if m := exportInUse.FindStringSubmatch(message); m != nil {
		return &decide.ExportFault{Name: m[1] + m[2], InUseBy: users(m[3])}
	}
	if m := noExport.FindStringSubmatch(message); m != nil {
		return &decide.ExportFault{Name: m[1]}
	}
	return nil
}

// users are the names in "app, web and shop".
func users(text string) []string {
	var all []string
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if name != "and" {
			all = append(all, name)
		}
	}
	return all
}
