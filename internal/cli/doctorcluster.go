package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/definition"
	"awscdk.dev/operator/internal/preflight"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leastMinor is the oldest Kubernetes 1.x that the operator is for
// (docs/how-to/install.md).
const leastMinor = 30

func (d *doctor) cluster(context.Context) []advice {
	version, err := d.known.ServerVersion()
	if err != nil {
		return []advice{broken("the API server does not answer: "+err.Error(), "kubectl config current-context && kubectl cluster-info")}
	}
	minor, err := strconv.Atoi(strings.TrimRight(version.Minor, "+"))
	if err == nil && version.Major == "1" && minor < leastMinor {
		return []advice{broken(fmt.Sprintf("Kubernetes %s at %s; the operator needs 1.%d or newer", version.GitVersion, d.server, leastMinor), "upgrade the cluster")}
	}
	return []advice{fine("Kubernetes %s at %s, namespace %s", version.GitVersion, d.server, d.namespace)}
}

// howToDefine are the commands that bring the definition up to date.
const howToDefine = "awscdk-operator crd print | kubectl apply --server-side --force-conflicts -f -"

// definition compares the cluster's definition with that of this program. Who may
// not read it is told what the API server publishes of it.
func (d *doctor) definition(ctx context.Context) []advice {
	want, err := definition.Parse(config.Definition)
	if err != nil {
		return []advice{broken(err.Error(), "")}
	}
	var is apiextensionsv1.CustomResourceDefinition
	err = d.c.Get(ctx, client.ObjectKey{Name: want.Name}, &is)
	switch {
	case apierrors.IsNotFound(err):
		return []advice{broken(want.Name+" is not in the cluster, so there can be no CdkTsStack", howToDefine)}
	case apierrors.IsForbidden(err):
		return d.published(ctx)
	case err != nil:
		return []advice{unsure("it is not known: "+err.Error(), "kubectl get crd "+want.Name)}
	}
	var all []advice
	for _, c := range is.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status != apiextensionsv1.ConditionTrue || c.Type == apiextensionsv1.NamesAccepted && c.Status == apiextensionsv1.ConditionFalse {
			all = append(all, broken(fmt.Sprintf("it is not served (%s): %s", c.Reason, c.Message), "kubectl describe crd "+want.Name))
		}
	}
	version := want.Spec.Versions[0].Name
	served := slices.ContainsFunc(is.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version && v.Served })
	lacks, more := definition.Compare(&is, want)
	switch {
	case !served:
		all = append(all, broken(fmt.Sprintf("it does not serve %s", version), howToDefine))
	case len(lacks) > 0:
		all = append(all, broken("it is older than this program and lacks "+definition.Some(lacks)+", which are dropped without an error", howToDefine))
	case len(more) > 0:
		all = append(all, fine("%s is served as %s; it is newer than this program, and has %s", want.Name, version, definition.Some(more)))
	default:
		all = append(all, fine("%s is served as %s, stored as %s, and has all that this program knows", want.Name, version, strings.Join(is.Status.StoredVersions, ", ")))
	}
	return all
}

func (d *doctor) published(ctx context.Context) []advice {
	p := preflight.New(preflight.Options{Live: d.c, Client: d.c, Schemas: d.known.OpenAPIV3(), Now: d.Now})
	for _, found := range p.Find(ctx) {
		if found.Check != preflight.DefinitionCheck {
			continue
		}
		if found.Err != nil {
			return []advice{unsure("it is not known: "+found.Err.Error(), "kubectl explain cdk.spec")}
		}
		for _, m := range found.Missing {
			return []advice{broken(m.String(), howToDefine)}
		}
	}
	return []advice{fine("it has all that this program knows; you may not read the definition itself")}
}

// Labels of the chart.
const versionLabel = "app.kubernetes.io/version"

func (d *doctor) examineOperator(ctx context.Context) []advice {
	at := d.operator.String()
	switch {
	case apierrors.IsNotFound(d.noDeployment):
		return []advice{broken(fmt.Sprintf("there is no Deployment %s; one elsewhere is named with --operator-namespace and --operator, and of an operator outside of the cluster nothing is known here", at),
			"helm install awscdk-operator charts/awscdk-operator --namespace "+shellWord(d.operator.Namespace)+" --create-namespace")}
	case d.noDeployment != nil:
		return []advice{unsure("the Deployment "+at+" cannot be read: "+d.noDeployment.Error(), "kubectl auth can-i get deployments -n "+shellWord(d.operator.Namespace))}
	}
	dep := d.deployment
	want := int32(1)
	if dep.Spec.Replicas != nil {
		want = *dep.Spec.Replicas
	}
	state := fmt.Sprintf("%s: %d of %d ready, version %s, %s", at, dep.Status.ReadyReplicas, want, or(dep.Labels[versionLabel], "unknown"), image(dep))
	where := "-n " + shellWord(dep.Namespace) + " deployment/" + shellWord(dep.Name)
	switch {
	case want == 0:
		return []advice{broken(state+": it is scaled to none", "kubectl scale "+where+" --replicas=1")}
	case dep.Status.ReadyReplicas == 0:
		return []advice{broken(state, "kubectl describe "+where+" && kubectl logs "+where)}
	}
	return append([]advice{fine("%s", state)}, d.leader(ctx)...)
}

func image(dep *appsv1.Deployment) string {
	if len(dep.Spec.Template.Spec.Containers) == 0 {
		return "no container"
	}
	return dep.Spec.Template.Spec.Containers[0].Image
}

// leader says whether a manager leads, where there may be several.
func (d *doctor) leader(ctx context.Context) []advice {
	if elect, _ := d.setting("leader-elect", ""); elect == "" {
		return nil
	}
	name := preflight.LeaseName
	if shard, _ := d.setting("shard", "AWSCDK_OPERATOR_SHARD"); shard != "" {
		name += "-" + shard
	}
	logs := "kubectl logs -n " + shellWord(d.operator.Namespace) + " deployment/" + shellWord(d.operator.Name)
	var lease coordinationv1.Lease
	err := d.c.Get(ctx, client.ObjectKey{Namespace: d.deployment.Namespace, Name: name}, &lease)
	switch {
	case apierrors.IsNotFound(err):
		return []advice{broken("no manager leads: there is no Lease "+name, logs)}
	case err != nil:
		return []advice{unsure("who leads is not known: "+err.Error(), "kubectl get lease -n "+shellWord(d.deployment.Namespace)+" "+name)}
	case lease.Spec.RenewTime == nil || lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "":
		return []advice{broken("no manager leads: nobody holds the Lease "+name, logs)}
	}
	age := d.Now().Sub(lease.Spec.RenewTime.Time)
	holder := fmt.Sprintf("%s leads, and said so %s ago", *lease.Spec.HolderIdentity, span(age))
	lasts := 15 * time.Second
	if s := lease.Spec.LeaseDurationSeconds; s != nil {
		lasts = time.Duration(*s) * time.Second
	}
	if age > 2*lasts { // clocks differ
		return []advice{broken("no manager leads: "+holder, logs)}
	}
	return []advice{fine("%s", holder)}
}

// setting is a flag of the operator's, or the variable that stands for it, and
// whether it is there.
func (d *doctor) setting(flag, variable string) (string, bool) {
	if d.deployment == nil || len(d.deployment.Spec.Template.Spec.Containers) == 0 {
		return "", false
	}
	c := d.deployment.Spec.Template.Spec.Containers[0]
	args := slices.Concat(c.Command, c.Args)
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case !strings.HasPrefix(arg, "-") || name != flag:
		case given:
			return value, true
		case i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			return args[i+1], true
		default:
			return "true", true
		}
	}
	for _, e := range c.Env {
		if e.Name == variable && variable != "" {
			return e.Value, true
		}
	}
	return "", false
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// operatorRights asks what the operator's ServiceAccount may do, by the table
// that the operator asks by itself.
func (d *doctor) operatorRights(ctx context.Context) []advice {
	if d.deployment == nil {
		return []advice{unsure("they are not known without its Deployment", "")}
	}
	account := or(d.deployment.Spec.Template.Spec.ServiceAccountName, "default")
	user := "system:serviceaccount:" + d.deployment.Namespace + ":" + account
	options := preflight.Options{Live: d.c, Client: d.c, Schemas: d.known.OpenAPIV3(), Ask: d.ask(user, d.deployment.Namespace), Own: d.deployment.Namespace, Now: d.Now}
	if executor, _ := d.setting("executor", ""); executor != "Job" {
		// What is on its PATH is not seen from here.
		options.LookPath = func(string) (string, error) { return "", nil }
	}
	if watch, _ := d.setting("watch-namespaces", "WATCH_NAMESPACES"); watch != "" {
		options.Namespaces = strings.FieldsFunc(watch, func(r rune) bool { return r == ',' || r == ' ' })
	}
	var all []advice
	forbidden := false
	for _, found := range preflight.New(options).Find(ctx) {
		if found.Check == preflight.DefinitionCheck {
			continue // has an examination of its own
		}
		if apierrors.IsForbidden(found.Err) {
			forbidden = true
		} else if found.Err != nil {
			all = append(all, unsure("they are not known: "+found.Err.Error(), ""))
		}
		all = append(all, rightsMissing(found.Missing)...)
	}
	if forbidden {
		all = append(all, unsure("you may not ask for all that "+user+" may do; it asks by itself, and logs what is missing", "kubectl logs -n "+shellWord(d.operator.Namespace)+" deployment/"+shellWord(d.operator.Name)+" | grep missing"))
	}
	if len(all) == 0 {
		return []advice{fine("%s may do all that the operator needs", user)}
	}
	return all
}

// rightsMissing tells what is missing, the first of each fix and how many more there
// are: without a role every right is missing.
func rightsMissing(all []preflight.Missing) (told []advice) {
	more := map[string]int{}
	for _, m := range all {
		text, fix := m.String(), ""
		if at := strings.LastIndex(text, ": "); at >= 0 {
			text, fix = text[:at], text[at+2:]
			if command, rest, ok := strings.Cut(fix, ", and "); ok {
				fix = command + "   # and " + rest
			}
		}
		more[fix]++
		if more[fix] <= shownRights {
			told = append(told, broken(text, fix))
		}
	}
	for i := range told {
		last := i+1 == len(told) || told[i+1].fix != told[i].fix
		if n := more[told[i].fix]; last && n > shownRights {
			told[i].text += fmt.Sprintf("; and %d more", n-shownRights)
		}
		if !last {
			told[i].fix = ""
		}
	}
	return told
}

// shownRights bounds how many rights of one role are told.
const shownRights = 5

// ask asks on behalf of a ServiceAccount.
func (d *doctor) ask(user, namespace string) func(context.Context, authorizationv1.ResourceAttributes) (bool, error) {
	return func(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}, ResourceAttributes: &what,
		}}
		err := d.c.Create(ctx, review)
		return review.Status.Allowed, err
	}
}

// webhooks says whether what a git host tells of arrives.
func (d *doctor) webhooks(ctx context.Context) []advice {
	if d.deployment == nil {
		return []advice{unsure("whether they are received is not known without the operator's Deployment", "")}
	}
	if at, given := d.setting("webhook-bind-address", ""); given && at == "0" {
		return []advice{fine("they are not received: repositories are looked at on schedule (docs/how-to/webhooks.md)")}
	}
	key := client.ObjectKey{Namespace: d.deployment.Namespace, Name: d.deployment.Name + "-webhook"}
	get := "kubectl get service,endpointslice -n " + shellWord(key.Namespace)
	var service corev1.Service
	switch err := d.c.Get(ctx, key, &service); {
	case apierrors.IsNotFound(err):
		return []advice{unsure("they are received, but there is no Service "+key.String()+" that leads to it, so git hosts may not reach it", "helm upgrade awscdk-operator charts/awscdk-operator --reuse-values --set webhook.enabled=true -n "+shellWord(key.Namespace))}
	case err != nil:
		return []advice{unsure("whether git hosts reach the operator is not known: "+err.Error(), get)}
	}
	var slices discoveryv1.EndpointSliceList
	if err := d.c.List(ctx, &slices, client.InNamespace(key.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: key.Name}); err != nil {
		return []advice{unsure("whether git hosts reach the operator is not known: "+err.Error(), get)}
	}
	ready := 0
	for _, s := range slices.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				ready += len(e.Addresses)
			}
		}
	}
	if ready == 0 {
		return []advice{broken("the Service "+key.String()+" leads to no pod that is ready", get)}
	}
	return []advice{fine("the Service %s leads to pods that are ready (%d); what leads to it from outside is yours to know (docs/how-to/webhooks.md)", key, ready)}
}

// stacks counts the objects, by how they are.
func (d *doctor) stacks(ctx context.Context) []advice {
	var list v1alpha1.CdkTsStackList
	where := "of all namespaces"
	err := d.c.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		where = "of " + d.namespace
		err = d.c.List(ctx, &list, client.InNamespace(d.namespace))
	}
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return []advice{unsure("there are none as long as there is no definition", "")}
	}
	if err != nil {
		return []advice{unsure("they cannot be listed: "+err.Error(), "kubectl auth can-i list cdk -n "+shellWord(d.namespace))}
	}
	counts := map[string]int{}
	var bad []*v1alpha1.CdkTsStack
	for i := range list.Items {
		obj := &list.Items[i]
		m, _ := state(obj, d.Now())
		switch {
		case m == markBad && meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionStalled):
			counts["stalled"]++
			bad = append(bad, obj)
		case m == markBad:
			counts["failing"]++
			bad = append(bad, obj)
		case m == markGood:
			counts["deployed"]++
		default:
			counts["waiting or at work"]++
		}
	}
	text := fmt.Sprintf("%d %s: %d deployed, %d waiting or at work, %d failing, %d stalled", len(list.Items), where, counts["deployed"], counts["waiting or at work"], counts["failing"], counts["stalled"])
	if len(bad) == 0 {
		return []advice{fine("%s", text)}
	}
	const most = 5
	all := []advice{broken(text, "")}
	for _, obj := range bad[:min(len(bad), most)] {
		_, how := state(obj, d.Now())
		all = append(all, broken(obj.Namespace+"/"+obj.Name+": "+how, "kubectl cdk why -n "+shellWord(obj.Namespace)+" "+shellWord(obj.Name)))
	}
	return all
}
