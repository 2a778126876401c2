package controller

import (
	"context"
	"fmt"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/causes"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/report"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// What objects ask about in the background.
const (
	aboutCauses  = "causes"
	aboutWriters = "writers"
)

// maxCauseDetails bounds what is kept of one failure, in bytes.
const maxCauseDetails = 128 << 10

// causes are those of the failure in status.causes, as far as they are known. They
// are looked for from now on, and the object is woken by the answer.
func (p *pass) causes(ctx context.Context, needs decide.Needs) decide.Causes {
	about := subject{client.ObjectKeyFromObject(p.obj), aboutCauses}
	if !needs.Causes {
		p.background.leave(about)
		return decide.Causes{}
	}
	c := *p.obj.Status.Causes
	found, known := p.background.ask(about, fmt.Sprintf("%s %d", c.Operation, c.Looks), p.answered(about.name), func() func(context.Context) any {
		return p.lookForCauses(ctx, c)
	})
	if !known {
		return decide.Causes{Asked: true}
	}
	return found.(decide.Causes)
}

// answered wakes an object.
func (r *Reconciler) answered(name types.NamespacedName) func() {
	return func() { r.wake.addAfter(name, 0) }
}

// lookForCauses is the search for the causes of a failure, by whoever looks for
// drift. Who that is, is found now: nothing of the object is read later.
func (p *pass) lookForCauses(ctx context.Context, c v1alpha1.CausesStatus) func(context.Context) any {
	clients, targets, err := p.lookers(ctx)
	sources := decide.CauseSources(&p.obj.Spec, p.Settings)
	if c.ChangeSetID != "" { // nothing was done for the stack yet that could be refused or logged
		sources = slices.DeleteFunc(slices.Clone(sources), func(s v1alpha1.CauseSource) bool { return s != v1alpha1.CauseHooks })
	}
	hide := p.secretsToHide(ctx)
	execution, session := decide.PlanOf(p.obj).ExecutionRoleARN, awsconfig.SessionName(p.obj.Namespace, p.obj.Name)
	asker, now := p.Causes, p.Now
	return func(ctx context.Context) any {
		s := &search{asker: asker, clients: clients, status: c, sources: sources}
		if err != nil {
			s.note("could not ask AWS: %s", problem.Of(err).Message)
		} else {
			s.run(ctx, withAccount(ctx, clients, targets), execution, session)
		}
		return decide.Causes{
			Asked: true, Known: true, Operation: c.Operation, Look: c.Looks, TrailMayTell: s.silent,
			Details: hideCauses(s.details(now()), hide),
		}
	}
}

// lookers are the clients that may look, the one to try first at the front, and the
// same as who asks other services than CloudFormation.
func (p *pass) lookers(ctx context.Context) ([]*cloudformation.Client, []causes.Target, error) {
	clients, err := p.readers(ctx)
	if err != nil {
		return nil, nil, err
	}
	var targets []causes.Target
	for _, c := range clients {
		t := c.Target()
		targets = append(targets, causes.Target{Target: awsconfig.Target{Credentials: t.Credentials, Region: t.Region, Role: t.Role}})
	}
	return clients, targets, nil
}

// withAccount names the account of the targets, as AWS does. Where it does not say,
// what they begin with tells them apart.
func withAccount(ctx context.Context, clients []*cloudformation.Client, targets []causes.Target) []causes.Target {
	for i, c := range clients {
		if id, err := c.Identity(ctx); err == nil {
			targets[i].Account = id.Account
			continue
		}
		targets[i].Account = targets[i].Credentials.Digest()
	}
	return targets
}

// stackName is the name in the ARN of a stack.
func stackName(arn string) string {
	at, _ := decide.PlaceOf(arn)
	return at.StackName
}

// secretsToHide knows the secret values that the object's parameters are given,
// and its own keys.
func (p *pass) secretsToHide(ctx context.Context) *redact.Redactor {
	hide := redact.New()
	if read, err := p.readInputs(ctx); err == nil {
		hide.Learn(read.secrets()...)
	}
	if keys, err := p.keys(ctx); err == nil {
		hide.Learn(keys.SecretAccessKey, keys.SessionToken)
	}
	return hide
}

// hideCauses takes secrets out of all that people will read.
func hideCauses(d v1alpha1.CauseDetails, hide *redact.Redactor) v1alpha1.CauseDetails {
	for i := range d.Causes {
		c := &d.Causes[i]
		for _, text := range []*string{&c.Message, &c.Remediation, &c.Link, &c.Origin} {
			*text = hide.String(*text)
		}
		for l := range c.Lines {
			c.Lines[l] = hide.String(c.Lines[l])
		}
	}
	for i := range d.Notes {
		d.Notes[i] = hide.String(d.Notes[i])
	}
	return d
}

// keepCauses writes what was found into its ConfigMap, before the status that names
// it is saved: a manager that is killed between the two looks again, and writes the
// same. People can do without it, so a failure holds nothing up.
func (p *pass) keepCauses(ctx context.Context, d decide.Decision, seen decide.Observed) {
	was, is := p.obj.Status.Causes, d.Status.Causes
	if !seen.Causes.Known || was == nil || is == nil || is.ConfigMap == "" || was.Operation != is.Operation || was.Looks == is.Looks {
		return
	}
	text, err := causesText(seen.Causes.Details)
	if err == nil {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: p.obj.Namespace, Name: is.ConfigMap}}
		_, err = p.keep(ctx, p.obj, m, ofCauses, func() { m.Data, m.BinaryData = map[string]string{v1alpha1.CausesKey: text}, nil })
	}
	if err != nil {
		p.reporter().Send(p.obj, report.Event{Warning: true, Reason: "CausesNotKept", Action: "Causes", Note: err.Error()})
	}
}

// causesText is what was found as YAML, with as much as fits: lines go first.
func causesText(d v1alpha1.CauseDetails) (string, error) {
	for {
		data, err := yaml.Marshal(d)
		switch n := len(d.Causes); {
		case err != nil:
			return "", fmt.Errorf("write the causes: %w", err)
		case len(data) <= maxCauseDetails || n == 0:
			return string(data), nil
		default:
			longest := 0
			for i := range d.Causes {
				if len(d.Causes[i].Lines) > len(d.Causes[longest].Lines) {
					longest = i
				}
			}
			d.Causes = slices.Clone(d.Causes)
			if c := &d.Causes[longest]; len(c.Lines) > 0 {
				c.Lines, c.Cut = c.Lines[(len(c.Lines)+1)/2:], true
				continue
			}
			d.Causes, d.Omitted = d.Causes[:n-1], d.Omitted+1
		}
	}
}
