package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/receiver"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// webhookSettings are those of the receiver of pushes.
type webhookSettings struct {
	address string
	// secret is the Secret of the operator's own namespace that holds what
	// deliveries are proven with.
	secret  types.NamespacedName
	proxies []netip.Prefix
}

func parseWebhooks(address, secret, proxies, namespace string) (webhookSettings, error) {
	trusted, err := parseNetworks("webhook-trusted-proxies", proxies)
	return webhookSettings{
		address: address, secret: types.NamespacedName{Namespace: or(namespace, operatorNamespace), Name: secret}, proxies: trusted,
	}, err
}

// receiveWebhooks has pushes looked at as soon as a git host tells of them.
func receiveWebhooks(mgr ctrl.Manager, r *controller.Reconciler, s settings, log *slog.Logger) error {
	if s.webhooks.address == "0" {
		return nil
	}
	live := mgr.GetAPIReader()
	handler := receiver.New(receiver.Options{
		Secrets: func(ctx context.Context) ([][]byte, error) {
			var secret corev1.Secret
			if err := live.Get(ctx, s.webhooks.secret, &secret); err != nil {
				return nil, fmt.Errorf("read the Secret %s that webhooks are checked with: %w", s.webhooks.secret, err)
			}
			return receiver.Secrets(secret.Data), nil
		},
		Pushed: func(repository string) {
			r.Pushed(func(address string) bool { return receiver.Normal(address) == repository })
		},
		Now:            time.Now,
		Log:            log,
		Metrics:        receiver.NewMetrics(ctrlmetrics.Registry, s.metricsPrefix),
		TrustedProxies: s.webhooks.proxies,
	})
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		return receiver.Serve(ctx, s.webhooks.address, handler, log)
	}))
}
