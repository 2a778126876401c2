package controller

import (
	"context"
	"errors"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writers are those who changed what has drifted, as far as they are known.
func (p *pass) writers(ctx context.Context, needs decide.Needs) decide.Writers {
	about := subject{client.ObjectKeyFromObject(p.obj), aboutWriters}
	if !needs.Writers {
		p.background.leave(about)
		return decide.Writers{}
	}
	w := *p.obj.Status.Drift.Writers
	found, known := p.background.ask(about, fmt.Sprintf("%s %d", w.Digest, w.Looks), p.answered(about.name), func() func(context.Context) any {
		return p.askForWriters(ctx, w)
	})
	if !known {
		return decide.Writers{Asked: true}
	}
	return found.(decide.Writers)
}

func (p *pass) askForWriters(ctx context.Context, w v1alpha1.WriterLookup) func(context.Context) any {
	clients, targets, err := p.lookers(ctx)
	resources, asker := decide.Writerless(p.obj.Status.Drift), p.Causes
	return func(ctx context.Context) any {
		seen := decide.Writers{Asked: true, Known: true, Digest: w.Digest, Look: w.Looks, Err: err}
		if err == nil {
			seen.By, seen.Err = asker.Writers(ctx, withAccount(ctx, clients, targets), resources)
		}
		if errors.Is(seen.Err, context.DeadlineExceeded) {
			seen.Err = errors.New("CloudTrail was not asked about all resources in time")
		}
		return seen
	}
}
