package preflight

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LeaseName is the Lease by which managers of one installation elect who works,
// where they have no shard. Each installation has it in its own namespace.
const LeaseName = "awscdk-operator"

// Leases of that name only are listed.
//
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=awscdk-operator,verbs=list

const (
	// watchesLabel is on that Lease: a digest of the namespaces that are looked
	// after, or everything.
	watchesLabel = "awscdk.dev/watches"
	everything   = "all"
	// watchedPrefix leads, in names of labels, each of those namespaces. The value
	// is the digest: election takes no label away, so one with another value is of
	// an earlier time.
	watchedPrefix = "watches.awscdk.dev/"
	// alive is how old the last sign of a leader may be: clocks differ.
	alive = time.Minute
)

// Watches are the labels of the Lease of an installation that looks after these
// namespaces, none for all.
func Watches(namespaces []string) map[string]string {
	if len(namespaces) == 0 {
		return map[string]string{watchesLabel: everything}
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(slices.Sorted(slices.Values(namespaces))), ",")))
	digest := hex.EncodeToString(sum[:8])
	labels := map[string]string{watchesLabel: digest}
	for _, name := range namespaces {
		labels[watchedPrefix+name] = digest
	}
	return labels
}

// others finds other installations that look after the same namespaces. Only those
// are seen whose Lease may be listed: one for the whole cluster sees all, one of
// some namespaces sees those in them. They are told, and nothing is held for them:
// anyone who may make a Lease could say such a thing.
func (p *Preflight) others(ctx context.Context) (missing []Missing, err error) {
	leases, err := p.leases(ctx)
	for i := range leases {
		l := &leases[i]
		if l.Namespace == p.o.Own || !p.leads(l) {
			continue
		}
		if m, overlaps := p.shared(l); overlaps {
			missing = append(missing, m)
		}
	}
	return missing, err
}

// leases lists those of all namespaces or, where the operator may not, those of the
// namespaces that it looks after.
func (p *Preflight) leases(ctx context.Context) (all []coordinationv1.Lease, err error) {
	namespaces := []string{""}
	if len(p.o.Namespaces) > 0 {
		everywhere, err := p.may(ctx, right{verb: "list", group: coordinationv1.GroupName, resource: "leases", name: LeaseName}, "")
		if err != nil {
			return nil, err
		}
		if !everywhere {
			namespaces = p.o.Namespaces
		}
	}
	for _, namespace := range namespaces {
		var of coordinationv1.LeaseList
		if err := p.o.Live.List(ctx, &of, client.MatchingFields{"metadata.name": LeaseName}, client.InNamespace(namespace)); err != nil {
			return all, fmt.Errorf("list Leases: %w", err)
		}
		all = append(all, of.Items...)
	}
	return all, nil
}

func (p *Preflight) leads(l *coordinationv1.Lease) bool {
	s := l.Spec
	return s.HolderIdentity != nil && *s.HolderIdentity != "" && s.RenewTime != nil && p.o.Now().Sub(s.RenewTime.Time) < alive
}

// shared says which namespaces two installations have in common.
func (p *Preflight) shared(l *coordinationv1.Lease) (m Missing, overlaps bool) {
	theirs, all := watchedBy(l)
	var both []string
	switch ours := p.o.Namespaces; {
	case theirs == nil && !all:
		return Missing{
			Need: "to be the only operator", Message: fmt.Sprintf(
				"another one leads by the Lease %s/%s, of a version that does not say which namespaces it looks after, and what both look after each of them deploys: make sure that none is looked after twice (watchNamespaces)", l.Namespace, l.Name),
		}, true
	case all && len(ours) == 0:
		m.concerns = everyone
	case all:
		both = ours
	case len(ours) == 0:
		both = theirs
	default:
		both = slices.DeleteFunc(theirs, func(name string) bool { return !slices.Contains(ours, name) })
	}
	if m.concerns == nil {
		m.concerns = func(obj *v1alpha1.CdkTsStack) bool { return slices.Contains(both, obj.Namespace) }
	}
	m.Need = "to be the only operator of " + listed(both)
	m.Message = fmt.Sprintf("another one leads by the Lease %s/%s and looks after it, too, so both deploy the same stacks: uninstall one of the two, or leave out of its watchNamespaces (--watch-namespaces) what the other looks after", l.Namespace, l.Name)
	return m, all && len(p.o.Namespaces) == 0 || len(both) > 0
}

// watchedBy are the namespaces that an installation looks after, in their order;
// none and false when its Lease does not say.
func watchedBy(l *coordinationv1.Lease) (namespaces []string, all bool) {
	digest := l.Labels[watchesLabel]
	if digest == everything {
		return nil, true
	}
	for label, value := range l.Labels {
		if name, is := strings.CutPrefix(label, watchedPrefix); is && value == digest {
			namespaces = append(namespaces, name)
		}
	}
	slices.Sort(namespaces)
	return namespaces, false
}

// shownNamespaces bounds how many a message names.
const shownNamespaces = 5

// listed names namespaces, none for all.
func listed(namespaces []string) string {
	if len(namespaces) == 0 {
		return "all namespaces"
	}
	text := strings.Join(namespaces[:min(len(namespaces), shownNamespaces)], ", ")
	if more := len(namespaces) - shownNamespaces; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
