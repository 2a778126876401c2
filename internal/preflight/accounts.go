package preflight

import (
	"context"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxAccounts bounds how many ServiceAccounts are asked about in one check; what
// is missing for the others is said by the objects that name them.
const maxAccounts = 50

// accounts asks for the rights to the ServiceAccounts that objects name, which
// are given one by one.
func (p *Preflight) accounts(ctx context.Context) (missing []Missing, err error) {
	var all v1alpha1.CdkTsStackList
	if err := p.o.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil //nolint:nilerr // before the cache is filled, or without the right, which another check misses
	}
	asked := map[types.NamespacedName]bool{}
	for i := range all.Items {
		name := types.NamespacedName{Namespace: all.Items[i].Namespace, Name: all.Items[i].Spec.ServiceAccountName}
		if name.Name == "" || asked[name] || len(asked) == maxAccounts {
			continue
		}
		asked[name] = true
		for _, r := range accountRights(name) {
			allowed, err := p.may(ctx, r, name.Namespace)
			if err != nil {
				return missing, err
			}
			if !allowed {
				missing = append(missing, accountMissing(r, name))
			}
		}
	}
	return missing, nil
}

func accountRights(name types.NamespacedName) []right {
	names := func(obj *v1alpha1.CdkTsStack) bool {
		return obj.Namespace == name.Namespace && obj.Spec.ServiceAccountName == name.Name
	}
	return []right{
		{verb: "get", resource: "serviceaccounts", name: name.Name, concerns: names},
		{verb: "create", resource: "serviceaccounts", sub: "token", name: name.Name, concerns: names},
	}
}

func accountMissing(r right, name types.NamespacedName) Missing {
	return Missing{
		Need: "right to " + r.String() + " in " + name.Namespace, concerns: r.concerns,
		Message: fmt.Sprintf("the operator does not have it, so nothing is deployed as the ServiceAccount %s: give it with a Role in %s that names the account (docs/how-to/credentials.md)", name, name.Namespace),
	}
}
