package cloudformation

import "strings"

// shortName is the name in a stack's or change set's ARN, for messages; what
// is no ARN stays as it is.
// arn:aws:cloudformation:us-east-1:111122223333:stack/app/8a6e…
func shortName(nameOrARN string) string {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN
	}
	parts := strings.Split(nameOrARN, "/")
	if len(parts) < 2 {
		return nameOrARN
	}
	return parts[1]
}
