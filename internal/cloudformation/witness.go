package cloudformation

import (
	"context"
	"fmt"
	"strings"
)

// wouldKnow says whether the client would know of a stack if it existed: the
// account, region and partition that the ARN names must be its own. A name is
// always of the client's own account. The error is ErrElsewhere, or why AWS
// does not tell who the client is.
//
// Any account answers "does not exist" for the ARN of a stack of another one,
// so that the words alone prove nothing.
func (c *Client) wouldKnow(ctx context.Context, nameOrARN string) error {
	stack := strings.SplitN(nameOrARN, ":", 6)
	if len(stack) != 6 {
		return nil
	}
	partition, region, account := stack[1], stack[3], stack[4]
	if region != c.target.Region {
		return c.elsewhere(nameOrARN, fmt.Sprintf("the stack is in region %s, and region %s was asked, which cannot tell whether it still exists: set spec.awsRegion to %s", region, c.target.Region, region))
	}
	who, err := c.caller(ctx)
	if err != nil {
		return err
	}
	switch {
	case who.Account != account:
		return c.elsewhere(nameOrARN, fmt.Sprintf("the stack is in account %s, and the credentials are of account %s, which cannot tell whether it still exists: use credentials of account %s", account, who.Account, account))
	case who.partition() != partition:
		return c.elsewhere(nameOrARN, fmt.Sprintf("the stack is in the partition %s, and the credentials are of %s, which cannot tell whether it still exists: use credentials of %s", partition, who.partition(), partition))
	}
	return nil
}

func (c *Client) elsewhere(nameOrARN, message string) error {
	return &Error{Kind: ErrElsewhere, Doing: "read stack " + shortName(nameOrARN), Message: message}
}

// partition is the second part of an ARN: aws, aws-cn, aws-us-gov …
func (i Identity) partition() string {
	parts := strings.SplitN(i.ARN, ":", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}
