// Package bootstrap says how an account and region get what the CDK needs
// there: buckets, roles and a version parameter, all with a qualifier in
// their names (DefaultStackSynthesizer of aws-cdk-lib).
package bootstrap

import (
	"fmt"
	"regexp"
	"strings"
)

// defaultQualifier is that of `cdk bootstrap` without --qualifier.
const defaultQualifier = "hnb659fds"

// names are those of what a bootstrap makes, with the qualifier in them.
var names = []*regexp.Regexp{
	regexp.MustCompile(`^/cdk-bootstrap/([A-Za-z0-9_-]{1,10})/version$`),
	regexp.MustCompile(`(?:^|/)cdk-([A-Za-z0-9_-]{1,10}?)-(?:assets|container-assets|(?:deploy|lookup|cfn-exec|file-publishing|image-publishing)-role)-`),
}

// Command is the command that bootstraps an environment (aws://ACCOUNT/REGION),
// in backquotes. The qualifier is read from the name of a resource that is
// missing there: a bucket, the ARN of a role, or the version parameter. One of
// one's own needs a stack of its own, too: the default stack may be that of
// another bootstrap.
func Command(environment, missing string) string {
	command := "cdk bootstrap " + environment
	if q := qualifier(missing); q != "" && q != defaultQualifier {
		command += fmt.Sprintf(" --qualifier %s --toolkit-stack-name %s", q, stackName(q))
	}
	return "`" + command + "`"
}

// Again is Command for an environment that was bootstrapped before.
func Again(environment, present string) string {
	q := qualifier(present)
	if q == "" || q == defaultQualifier {
		return Command(environment, present)
	}
	return Command(environment, present) + fmt.Sprintf(" (if the stack of that bootstrap has another name than %s, use that)", stackName(q))
}

func qualifier(resource string) string {
	for _, name := range names {
		if found := name.FindStringSubmatch(resource); found != nil {
			return found[1]
		}
	}
	return ""
}

// stackName is a name that CloudFormation takes.
func stackName(qualifier string) string {
	return "CDKToolkit-" + strings.ReplaceAll(qualifier, "_", "-")
}
