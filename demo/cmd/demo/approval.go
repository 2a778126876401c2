package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cli"
)

// whyApproved is what the history keeps of the approval.
const whyApproved = "CHG-7: orders get a key of their own"

// approve has a commit replace the table of orders: its plan is shown and waits, a person
// approves it, and it is executed.
func (s *stage) approve(ctx context.Context) (revision string, err error) {
	err = s.during("kubectl patch "+webApp.name+": what replaces or removes anything needs an approval", func() (string, error) {
		return "spec.approval.required: OnDestructive", s.cluster.patchStack(ctx, webApp.name, `{"spec":{"approval":{"required":"OnDestructive"}}}`)
	})
	if err != nil {
		return "", err
	}
	var table string
	var plan *v1alpha1.Changes
	err = s.during("git push, and the plan of the new commit waits", func() (detail string, err error) {
		if table, err = s.cloud.table(ctx, webApp.stackName); err != nil {
			return "", err
		}
		if revision, err = s.app.replaceTable(); err != nil {
			return "", err
		}
		plan, err = s.awaitPlan(ctx, revision)
		return "commit " + short(revision), err
	})
	if err != nil {
		return "", err
	}
	if err := s.showPlan(ctx, plan); err != nil {
		return "", err
	}
	err = s.during(fmt.Sprintf("kubectl cdk approve %s --digest %s --reason %q", webApp.name, plan.Digest, whyApproved), func() (string, error) {
		if now, err := s.cloud.table(ctx, webApp.stackName); err != nil || now != table {
			return "", errors.Join(err, fmt.Errorf("the table is %s before the approval, and was %s", now, table))
		}
		_, err := s.kubectlCDK(ctx, "approve", webApp.name, "--digest", plan.Digest, "--reason", whyApproved)
		return "", err
	})
	if err != nil {
		return "", err
	}
	return revision, s.during("the plan that was approved is executed", func() (string, error) {
		return s.awaitApproved(ctx, revision, table, plan.Digest)
	})
}

// awaitPlan waits until the plan of a commit waits for an approval.
func (s *stage) awaitPlan(ctx context.Context, revision string) (plan *v1alpha1.Changes, err error) {
	err = s.follow(ctx, webApp, updateLimit, func(object *v1alpha1.CdkTsStack) (bool, error) {
		if object == nil {
			return false, fmt.Errorf("%s is gone", webApp.name)
		}
		held, changes := object.Status.Held, object.Status.Changes
		if held == nil || changes == nil || held.Target.Revision != revision || changes.Operation != held.ID {
			return false, stalled(object)
		}
		plan = changes
		return meta.IsStatusConditionTrue(object.Status.Conditions, v1alpha1.ConditionApprovalPending), nil
	})
	return plan, err
}

// showPlan shows a plan as people see it.
func (s *stage) showPlan(ctx context.Context, plan *v1alpha1.Changes) error {
	text, err := s.kubectlCDK(ctx, "plan", webApp.name)
	if err != nil {
		return err
	}
	s.screen.linef("%s$ kubectl cdk plan %s", indent, webApp.name)
	for line := range strings.Lines(text) {
		s.screen.line(indent + strings.TrimRight(line, "\n"))
	}
	for _, part := range []string{plan.Digest, "AWS::DynamoDB::Table", "/Properties/KeySchema"} {
		if !strings.Contains(text, part) {
			return fmt.Errorf("the plan shown does not name %s:\n%s", part, text)
		}
	}
	return nil
}

// awaitApproved waits until a commit is deployed, and checks that it was by the plan that was
// approved: the table is another one, and the history tells who allowed that.
func (s *stage) awaitApproved(ctx context.Context, revision, table, digest string) (string, error) {
	if _, err := s.awaitDeployed(ctx, webApp, revision, updateLimit); err != nil {
		return "", err
	}
	object, err := s.cluster.stack(ctx, webApp.name)
	if err != nil {
		return "", err
	}
	now, err := s.cloud.table(ctx, webApp.stackName)
	if err != nil {
		return "", err
	}
	last := object.Status.LastDeployment
	if now == table || object.Status.Changes.Digest != digest || last == nil || last.ApprovedBy == "" || last.ApproveReason != whyApproved {
		return "", fmt.Errorf("the table was %s and is %s, the plan executed is %s and %s was approved, the last deployment is %+v", table, now, object.Status.Changes.Digest, digest, last)
	}
	return fmt.Sprintf("approved by %s, another table, commit %s", last.ApprovedBy, short(revision)), nil
}

// indent is what stands before the lines of others: beside the names of the steps.
const indent = "             "

// kubectlCDK does what `kubectl cdk` does, by its own code in this process, and returns what it
// says, with colours where this screen has some.
func (s *stage) kubectlCDK(ctx context.Context, arguments ...string) (string, error) {
	var said, problem bytes.Buffer
	options := cli.Options{
		Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &said, ErrOut: &problem},
		Now:     time.Now, Colors: s.screen.colours(),
	}
	arguments = append(arguments, "--namespace", namespace, "--kubeconfig", s.plane.Kubeconfig())
	if code := cli.Run(ctx, options, arguments); code != cli.ExitOK {
		return "", fmt.Errorf("kubectl cdk %s: exit code %d: %s", arguments[0], code, problem.String())
	}
	return said.String(), nil
}
