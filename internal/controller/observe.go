package controller

import (
	"cmp"
	"context"

	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// observe looks at what decide.Look asks for, and at nothing else. What could
// not be seen is an error beside the value.
func (p *pass) observe(ctx context.Context, settings decide.Settings) decide.Observed {
	needs := decide.Look(p.obj, p.Now(), settings)
	p.looks = needs.Reader
	var seen decide.Observed
	if needs.Head {
		seen.Head = p.head(ctx, needs)
	}
	if needs.Policies && p.obj.Status.Operation == nil {
		_, seen.Policies = p.policySet(ctx, needs.PoliciesNotBefore)
	}
	if needs.Run != "" {
		p.wake.onRun(needs.Run, client.ObjectKeyFromObject(p.obj))
		seen.Run = p.withPlan(ctx, p.Executor.Observe(ctx, needs.Run))
	}
	seen.Freezes = p.freezes(ctx, needs)
	seen.Checks = p.checkup(ctx, needs)
	if needs.Rival {
		p.wake.onStack(needs.Place, client.ObjectKeyFromObject(p.obj)) // before the look, so that no end is missed
	} else {
		p.wake.offStack(client.ObjectKeyFromObject(p.obj))
	}
	if needs.Inputs {
		seen.Inputs = p.observeInputs(ctx)
	}
	if needs.Others {
		seen.Others = p.others(ctx)
	} else {
		p.neighbours.forget(client.ObjectKeyFromObject(p.obj))
	}
	if !needs.Credentials {
		if needs.Rival {
			seen.Rival = p.rival(ctx, p.obj, "", needs.Place)
		}
		return seen
	}
	aws, err := p.aws(ctx)
	if err != nil {
		seen.Credentials = err
		return seen
	}
	if needs.Reader && needs.Stack != "" {
		seen.Stack, needs.Stack = p.stackRead(ctx, needs.Stack), ""
	}
	observeAWS(ctx, aws, needs, &seen)
	p.hideInputs(ctx, &seen) // before anybody quotes what was seen
	p.judge(ctx, aws, needs, &seen)
	if needs.Rival {
		seen.Rival = p.rival(ctx, p.obj, cmp.Or(seen.ChangeSet.StackID, seen.Stack.ID), needs.Place)
	}
	if needs.Drift != "" {
		seen.Drift = p.drift(ctx, needs)
	}
	return seen
}

func observeAWS(ctx context.Context, aws *cloudformation.Client, needs decide.Needs, seen *decide.Observed) {
	if needs.Stack != "" {
		seen.Stack = aws.Stack(ctx, needs.Stack)
		seen.Stack.Err = judged(seen.Stack.Err)
	}
	if needs.ChangeSet != "" {
		read := aws.ChangeSetState
		if needs.Changes {
			read = aws.ChangeSet
		}
		seen.ChangeSet = read(ctx, needs.Stack, needs.ChangeSet)
		seen.ChangeSet.Err = judged(seen.ChangeSet.Err)
	}
	if needs.Events != "" && seen.Stack.Exists {
		seen.Events = aws.Events(ctx, seen.Stack.ID, needs.Events, needs.EventsSince)
		seen.Events.Err = judged(seen.Events.Err)
	}
	if needs.Bootstrap != "" && !seen.ChangeSet.Exists {
		version, err := aws.BootstrapVersion(ctx, needs.Bootstrap, needs.BootstrapLeast)
		seen.Bootstrap = decide.Bootstrap{Seen: err == nil, Version: version, Err: judged(err)}
	}
}
