package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"awscdk.dev/operator/internal/controller"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// askAgain is how often a namespace that may not be read is asked about again.
const askAgain = 15 * time.Second

// watched leaves the namespaces out whose objects the operator may not list, so that
// one without its Role does not keep all others waiting: a cache is filled whole
// or not at all. When the right to one of them comes, again is called once; the
// operator has to begin anew then. Without the right to any there is nothing to
// leave out.
func watched(ctx context.Context, config *rest.Config, namespaces []string, log *slog.Logger, again func()) ([]string, error) {
	if len(namespaces) < 2 {
		return namespaces, nil
	}
	api, err := client.New(config, client.Options{Scheme: controller.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("ask what the operator may do: %w", err)
	}
	var may, mayNot []string
	for _, namespace := range namespaces {
		allowed, err := mayList(ctx, api, namespace)
		if err != nil {
			return nil, err
		}
		if allowed {
			may = append(may, namespace)
		} else {
			mayNot = append(mayNot, namespace)
		}
	}
	if len(may) == 0 || len(mayNot) == 0 {
		return namespaces, nil
	}
	log.Error("namespaces are left out, since the operator may not list the CdkTsStacks in them: give it its Role there (docs/how-to/multi-tenancy.md)", "namespaces", strings.Join(mayNot, ","))
	go func() {
		if namespace := firstAllowed(ctx, api, mayNot); namespace != "" {
			log.Info("the right to a namespace that was left out has come: the operator ends, to begin anew with it", "namespace", namespace)
			again()
		}
	}()
	return may, nil
}

// firstAllowed waits until one of the namespaces may be read, "" when the context
// ends before.
func firstAllowed(ctx context.Context, api client.Client, namespaces []string) string {
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(askAgain):
		}
		for _, namespace := range namespaces {
			if allowed, err := mayList(ctx, api, namespace); err == nil && allowed {
				return namespace
			}
		}
	}
}

func mayList(ctx context.Context, api client.Client, namespace string) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Group: "awscdk.dev", Resource: "cdktsstacks"},
	}}
	if err := api.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask what the operator may do in %s: %w", namespace, err)
	}
	return review.Status.Allowed, nil
}
