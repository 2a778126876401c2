package proc

import (
	"strings"
	"testing"
)

// sdk is what the AWS SDK of the CDK CLI 2.1148 prints on Node.js 20.
const sdk = `(node:29581) Warning: NodeVersionSupportWarning: The AWS SDK for JavaScript (v3)
versions published after the first week of January 2027
will require node >=22. You are running node v20.20.2.

To continue receiving updates to AWS services, bug fixes,
and security updates please upgrade to node >=22.

More information can be found at: https://a.co/c895JFp
`

const (
	traced = "(Use `node --trace-warnings ...` to show where the warning was created)\n"
	failed = "Error: the app was asked to fail\n    at Object.<anonymous> (bin/app.ts:28:9)"
)

func TestNoiseIsLeftOutOfMessages(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"the SDK's warning":              {sdk + traced + failed, failed},
		"the SDK's, without the hint":    {sdk + failed, failed},
		"a warning of one line":          {"(node:7) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.\n" + traced + failed, failed},
		"one line, without the hint":     {"(node:7) ExperimentalWarning: x\n" + failed, failed},
		"two warnings":                   {"(node:7) ExperimentalWarning: x\n" + sdk + traced + failed, failed},
		"in the middle":                  {"first\n" + sdk + failed, "first\n" + failed},
		"jsii's box":                     {"!!!!!!!!\n!!                    !!\n!!  Node 20 has reached end-of-life on 2026-04-30.  !!\n!!!!!!!!\n" + failed, failed},
		"npm's news":                     {"npm notice New major version of npm available! 10 -> 11\nnpm warn deprecated glob@7: old\n" + failed + "\nnpm notice\n", failed},
		"flags":                          {"84 feature flags are not configured. Run 'cdk flags --unstable=flags' to learn more.\n" + failed, failed},
		"nothing but noise":              {strings.TrimSpace(sdk), strings.TrimSpace(sdk)},
		"no noise":                       {failed, failed},
		"an error that looks like noise": {"!important is no valid rule\nnode:internal/modules: not found", "!important is no valid rule\nnode:internal/modules: not found"},
		"nothing":                        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := WithoutNoise(c.output); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
