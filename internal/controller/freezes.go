package controller

import (
	"context"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/freeze"
	"awscdk.dev/operator/internal/httpcheck"
	"awscdk.dev/operator/internal/problem"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// freezes are what the endpoints of spec.freeze say, as far as is known. They are
// asked from now on, and the object is woken by what they say, until a pass needs
// them no more.
func (p *pass) freezes(ctx context.Context, needs decide.Needs) map[string]decide.Freeze {
	name := client.ObjectKeyFromObject(p.obj)
	if !needs.Freezes {
		p.Endpoints.Leave(name)
		return nil
	}
	seen := make(map[string]decide.Freeze, len(p.obj.Spec.Freeze))
	var asked []string
	var questions []httpcheck.Question
	for _, f := range p.obj.Spec.Freeze {
		q, err := p.freezeQuestion(ctx, f)
		if err != nil {
			seen[f.Name] = decide.Freeze{Known: true, SeenAt: p.Now(), Err: judged(err)}
			continue
		}
		asked, questions = append(asked, f.Name), append(questions, q)
	}
	for i, found := range p.Endpoints.Ask(name, questions) {
		seen[asked[i]] = decide.Freeze{Known: found.Known, Frozen: !found.Yes, Why: found.Why, SeenAt: found.SeenAt, Err: found.Err}
	}
	return seen
}

// freezeQuestion is what a freeze asks its endpoint, with what the Secret and
// the ConfigMap hold that it names.
func (p *pass) freezeQuestion(ctx context.Context, f v1alpha1.Freeze) (q httpcheck.Question, err error) {
	check, err := freeze.Parse(f)
	if err != nil {
		return q, problem.InvalidSpec.New("%v", err)
	}
	q = httpcheck.Question{
		Namespace: p.obj.Namespace, Expression: strings.Join([]string{f.HTTP.DeployWhen, f.HTTP.MessageExpression}, "\x00"),
		Request: httpcheck.Request{URL: f.HTTP.URL, Timeout: ptr.Deref(f.HTTP.Timeout, metav1.Duration{}).Duration},
		Judge: func(ctx context.Context, a httpcheck.Answer) (bool, error) {
			return check.MayDeploy(ctx, answer.Answer{Status: a.Status, Headers: a.Headers, Body: a.Body})
		},
		Explain: func(ctx context.Context, a httpcheck.Answer) string {
			return check.Message(ctx, answer.Answer{Status: a.Status, Headers: a.Headers, Body: a.Body})
		},
	}
	q.Request.Headers, err = p.headersFrom(ctx, f.HTTP.HeadersFrom, "spec.freeze.http.headersFrom")
	if err != nil {
		return q, err
	}
	q.Request.CA, err = p.caFrom(ctx, f.HTTP.CAFrom, "spec.freeze.http.caFrom")
	return q, err
}

// headersFrom are the headers that an endpoint is asked with.
func (p *pass) headersFrom(ctx context.Context, from *v1alpha1.HeadersFrom, field string) (map[string]string, error) {
	headers := map[string]string{}
	if from == nil {
		return headers, nil
	}
	data, err := p.secret(ctx, from.SecretName, field)
	if err != nil {
		return nil, err
	}
	for name, value := range data {
		headers[name] = string(value)
	}
	return headers, nil
}

// caFrom are the authorities that the certificate of an endpoint is checked with,
// nil for those that the operator trusts.
func (p *pass) caFrom(ctx context.Context, from *v1alpha1.CAFrom, field string) ([]byte, error) {
	if from == nil {
		return nil, nil
	}
	data, err := p.configMap(ctx, from.ConfigMapName, field)
	if err != nil {
		return nil, err
	}
	ca := data[from.Key]
	if ca == "" {
		return nil, errConfigMapIncomplete.New("the ConfigMap %s/%s has no key %s: add it", p.obj.Namespace, from.ConfigMapName, from.Key)
	}
	return []byte(ca), nil
}

// EndpointsAnswered wakes objects that wait for what endpoints say.
func (r *Reconciler) EndpointsAnswered(names []types.NamespacedName) {
	r.wake.mu.Lock()
	defer r.wake.mu.Unlock()
	for _, name := range names {
		r.wake.add(name)
	}
}
