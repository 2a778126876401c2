package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// dependsIndex finds objects by the names of those that they depend on.
const dependsIndex = "depends"

func dependsOn(o client.Object) []string {
	obj, ok := o.(*v1alpha1.CdkTsStack)
	if !ok {
		return nil
	}
	return decide.DependsOn(&obj.Spec)
}

// others looks at the objects that this one depends on or, when it is deleted,
// at those that depend on it. It is woken when one of them changes; all are in
// the cache and in its namespace.
func (p *pass) others(ctx context.Context) decide.Others {
	look := &neighbourhood{pass: p, ctx: ctx, known: map[string]*v1alpha1.CdkTsStack{}}
	seen := decide.Others{Seen: true}
	names := decide.Reached(p.obj.Name, look.edges)
	if !p.obj.DeletionTimestamp.IsZero() {
		look.dependents(&seen)
		for _, d := range seen.Dependents {
			names = append(names, d.Name)
		}
	} else {
		seen.Cycle = decide.Cycle(p.obj.Name, look.edges)
		for _, d := range p.obj.Spec.DependsOn {
			seen.Dependencies = append(seen.Dependencies, decide.NeighbourOf(p.obj, d.Name, look.get(d.Name)))
		}
		look.importers(&seen)
		for _, n := range seen.Importers {
			names = append(names, n.Name)
		}
	}
	// What changes between the look and this is seen by another look.
	if p.neighbours.follow(client.ObjectKeyFromObject(p.obj), names) {
		p.wake.addAfter(client.ObjectKeyFromObject(p.obj), 0)
	}
	if look.err != nil {
		return decide.Others{Err: fmt.Errorf("look at the objects that depend on one another: %w", look.err)}
	}
	return seen
}

// neighbourhood reads objects of a namespace once.
type neighbourhood struct {
	*pass
	ctx   context.Context
	known map[string]*v1alpha1.CdkTsStack
	err   error
}

// get is an object of that name, nil when there is none.
func (n *neighbourhood) get(name string) *v1alpha1.CdkTsStack {
	if name == n.obj.Name {
		return n.obj
	}
	if obj, known := n.known[name]; known {
		return obj
	}
	obj := &v1alpha1.CdkTsStack{}
	switch err := n.Client.Get(n.ctx, types.NamespacedName{Namespace: n.obj.Namespace, Name: name}, obj); {
	case apierrors.IsNotFound(err):
		obj = nil
	case err != nil:
		n.err, obj = err, nil
	}
	n.known[name] = obj
	return obj
}

func (n *neighbourhood) edges(name string) []string {
	obj := n.get(name)
	if obj == nil {
		return nil
	}
	return decide.DependsOn(&obj.Spec)
}

// dependents finds who depends on the object, and whether it is the first of
// those that depend on one another with it.
func (n *neighbourhood) dependents(seen *decide.Others) {
	var all v1alpha1.CdkTsStackList
	if err := n.Client.List(n.ctx, &all, client.InNamespace(n.obj.Namespace), client.MatchingFields{dependsIndex: n.obj.Name}); err != nil {
		n.err = err
		return
	}
	circle := decide.Circle(n.obj.Name, n.edges)
	seen.First = !slices.ContainsFunc(circle, func(name string) bool {
		other := n.get(name)
		return name < n.obj.Name && other != nil && decide.HasStack(other)
	})
	for i := range all.Items {
		if other := &all.Items[i]; other.Name != n.obj.Name {
			seen.Dependents = append(seen.Dependents, decide.DependentOf(other, slices.Contains(circle, other.Name)))
		}
	}
}

// importers finds the objects whose stacks keep the object from changing an
// export.
func (n *neighbourhood) importers(seen *decide.Others) {
	own, ok := decide.PlaceOf(n.obj.Status.StackID)
	for _, stack := range decide.Importers(&n.obj.Status) {
		place := decide.Place{Account: own.Account, Region: own.Region, StackName: stack}
		var all v1alpha1.CdkTsStackList
		if err := n.Client.List(n.ctx, &all, client.InNamespace(n.obj.Namespace), client.MatchingFields{placeIndex: place.String()}); err != nil {
			n.err = err
			return
		}
		for i := range all.Items {
			if other := &all.Items[i]; ok && other.UID != n.obj.UID && decide.Deploys(other, place) {
				seen.Importers = append(seen.Importers, decide.NeighbourOf(n.obj, other.Name, other))
			}
		}
	}
}

// neighbours knows which objects wait for which others.
type neighbours struct {
	mu sync.Mutex
	// followers are those that wait for an object, names those that an object
	// waits for.
	followers map[types.NamespacedName]map[types.NamespacedName]struct{}
	names     map[types.NamespacedName][]types.NamespacedName
}

// follow has the object woken when one of the named ones of its namespace
// changes, and ends its wait for others. It says whether it waits for more than
// before.
func (n *neighbours) follow(name types.NamespacedName, names []string) (more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.names[name]
	n.leave(name)
	for _, other := range names {
		key := types.NamespacedName{Namespace: name.Namespace, Name: other}
		if key == name {
			continue
		}
		if n.followers == nil {
			n.followers, n.names = map[types.NamespacedName]map[types.NamespacedName]struct{}{}, map[types.NamespacedName][]types.NamespacedName{}
		}
		if n.followers[key] == nil {
			n.followers[key] = map[types.NamespacedName]struct{}{}
		}
		n.followers[key][name] = struct{}{}
		n.names[name] = append(n.names[name], key)
		more = more || !slices.Contains(was, key)
	}
	return more
}

func (n *neighbours) forget(name types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leave(name)
}

// leave ends an object's wait for all others. The caller holds mu.
func (n *neighbours) leave(name types.NamespacedName) {
	for _, key := range n.names[name] {
		delete(n.followers[key], name)
		if len(n.followers[key]) == 0 {
			delete(n.followers, key)
		}
	}
	delete(n.names, name)
}

// changed wakes those that wait for an object when that comes, goes, or changes
// in what they see of it.
func (n *neighbours) changed() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { n.addFollowers(q, e.Object) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { n.addFollowers(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			was, is := e.ObjectOld.(*v1alpha1.CdkTsStack), e.ObjectNew.(*v1alpha1.CdkTsStack)
			if n.followed(is) && face(was) != face(is) {
				n.addFollowers(q, is)
			}
		},
	}
}

func (n *neighbours) followed(obj client.Object) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.followers[client.ObjectKeyFromObject(obj)]) > 0
}

func (n *neighbours) addFollowers(q workqueue.TypedRateLimitingInterface[reconcile.Request], obj client.Object) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.followers[client.ObjectKeyFromObject(obj)] {
		q.Add(reconcile.Request{NamespacedName: name})
	}
}

// face is all of an object that others look at.
func face(obj *v1alpha1.CdkTsStack) string {
	st := &obj.Status
	text := fmt.Sprint(obj.UID, obj.Generation, st.ObservedGeneration, obj.DeletionTimestamp.IsZero(), st.StackID, decide.HasStack(obj), st.Outputs, decide.Importers(st))
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady); c != nil {
		text += fmt.Sprint(c.Status, c.Reason)
	}
	if d := st.Deployed; d != nil {
		text += fmt.Sprint(d.Target.Revision, d.At.Unix())
	}
	if s := st.Source; s != nil {
		text += fmt.Sprint(s.IrrelevantRevision, s.PendingRevision)
	}
	return text
}
