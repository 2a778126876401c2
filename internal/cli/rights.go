package cli

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// right is what a person needs beside CdkTsStacks.
type right struct{ role, verbs, resources string }

var (
	rightToEvents = right{"cdk-events", "list", "events.events.k8s.io"}
	rightToLogs   = right{"cdk-logs", "get,list", "pods,pods/log"}
)

// mayNot says of a right that a person lacks how it is given, as commands.
func (o *Options) mayNot(ctx context.Context, err error, namespace string, r right) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w; whoever runs the cluster gives you that right with: %s", err, r.given(namespace, o.user(ctx)))
}

func (r right) given(namespace, user string) string {
	in := " -n " + shellWord(namespace)
	role := "kubectl create role " + r.role + in + " --verb=" + r.verbs + " --resource=" + r.resources
	return role + " && kubectl create rolebinding " + strings.Join([]string{r.role + in, "--role=" + r.role, "--user=" + user}, " ")
}

// user is who the API server takes the caller for.
func (o *Options) user(ctx context.Context) string {
	c, _, err := o.cluster()
	if err != nil {
		return "USER"
	}
	if name := whoAmI(ctx, c); name != nil {
		return shellWord(*name)
	}
	return "USER"
}
