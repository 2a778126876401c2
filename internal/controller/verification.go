package controller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/answer"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/httpcheck"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/verification"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checkup is what the checks say that the next decision needs, as far as is
// known. Endpoints are asked in the background, and wake the object with their
// answers; AWS is asked now. What was answered is not asked again.
func (p *pass) checkup(ctx context.Context, needs decide.Needs) map[string]decide.Checkup {
	name := client.ObjectKeyFromObject(p.obj)
	p.checkups.keep(name, needs.Checks)
	if len(needs.Checks) == 0 {
		p.Probes.Keep(name)
		return nil
	}
	seen, asked := map[string]decide.Checkup{}, []string{}
	for _, n := range needs.Checks {
		asked = append(asked, n.Name)
		spec := decide.CheckNamed(&p.obj.Spec, n.Name)
		asking := askingOf(n, spec)
		found, known := p.checkups.get(name, n.Name, asking)
		if !known {
			if found, known = p.answerOf(ctx, n, spec, asking); known {
				found.At = p.Now()
				found = p.checkups.note(name, n.Name, asking, found)
			}
		}
		if known {
			seen[n.Name] = found
		}
	}
	p.Probes.Keep(name, asked...)
	return seen
}

// askingOf tells one asking of a check from another, and from one that asks
// something else under the same name.
func askingOf(n decide.NeededCheck, spec v1alpha1.Check) httpcheck.Asking {
	data, _ := json.Marshal(spec) // plain data always encodes
	return httpcheck.Asking{About: fmt.Sprintf("%s %x", n.Operation, sha256.Sum256(data)), Time: n.NotBefore.UTC().Format(time.RFC3339Nano)}
}

// answerOf asks a check, or says what came of that.
func (p *pass) answerOf(ctx context.Context, n decide.NeededCheck, spec v1alpha1.Check, asking httpcheck.Asking) (seen decide.Checkup, known bool) {
	seen = decide.Checkup{Known: true, Operation: n.Operation}
	var err error
	switch {
	case spec.HTTP != nil, spec.Certificate != nil:
		var do func(context.Context) decide.Checkup
		if do, err = p.probe(ctx, n, spec, seen); err == nil {
			return p.Probes.Ask(client.ObjectKeyFromObject(p.obj), n.Name, asking, do)
		}
	case spec.TargetGroups != nil:
		seen.Verdict, err = p.targetGroups(ctx, spec.TargetGroups)
	case spec.Alarms != nil:
		seen.Verdict, seen.QuietSince, err = p.alarms(ctx, spec.Alarms)
	}
	if putOff(ctx) > 0 {
		return seen, false // its turn at the account has not come
	}
	if err != nil {
		p.doubtSession(err)
		seen.Verdict = verification.Unknown(problem.Of(err))
	}
	return seen, true
}

// probe is how the endpoint of a check is asked, with what Secrets, ConfigMaps and
// outputs hold now.
func (p *pass) probe(ctx context.Context, n decide.NeededCheck, spec v1alpha1.Check, seen decide.Checkup) (func(context.Context) decide.Checkup, error) {
	all := p.Reconciler // the object is the pass's own
	if c := spec.Certificate.DeepCopy(); c != nil {
		r, err := p.certificateRequest(ctx, n.Name, c)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) decide.Checkup {
			seen.Verdict = all.askCertificate(ctx, c, r)
			return seen
		}, nil
	}
	r, err := p.httpRequest(ctx, n.Name, spec.HTTP)
	if err != nil {
		return nil, err
	}
	c, baseline := spec.HTTP.DeepCopy(), decide.Baseline(&p.obj.Status, n.Name)
	return func(ctx context.Context) decide.Checkup {
		seen.Verdict = all.askHTTP(ctx, c, r, baseline)
		return seen
	}, nil
}

func (p *pass) httpRequest(ctx context.Context, check string, c *v1alpha1.HTTPCheck) (r httpcheck.Request, err error) {
	r.Timeout = ptr.Deref(c.Timeout, metav1.Duration{}).Duration
	if r.URL, err = p.urlOf(check, c.URL, c.URLFromOutput, c.Path); err != nil {
		return r, err
	}
	if r.Headers, err = p.headersFrom(ctx, c.HeadersFrom, "spec.verification.http.headersFrom"); err != nil {
		return r, err
	}
	r.CA, err = p.caFrom(ctx, c.CAFrom, "spec.verification.http.caFrom")
	return r, err
}

// certificateRequest is where the certificate of a check is: at the URL that it
// names, or at that of the first http check.
func (p *pass) certificateRequest(ctx context.Context, check string, c *v1alpha1.CertificateCheck) (r httpcheck.Request, err error) {
	from := *c
	if from.URL == "" && from.URLFromOutput == "" {
		first := decide.FirstHTTP(&p.obj.Spec)
		from.URL, from.URLFromOutput, from.CAFrom = first.URL, first.URLFromOutput, cmp.Or(from.CAFrom, first.CAFrom)
	}
	if r.CA, err = p.caFrom(ctx, from.CAFrom, "spec.verification.certificate.caFrom"); err != nil {
		return r, err
	}
	if host := p.obj.Status.Outputs[from.URLFromOutput]; host != "" && !strings.Contains(host, "://") {
		r.URL = "https://" + strings.TrimSpace(host)
		return r, nil
	}
	r.URL, err = p.urlOf(check, from.URL, from.URLFromOutput, "")
	return r, err
}

// urlOf is the URL that a check asks: one of its own, or an output with a path.
func (p *pass) urlOf(check, given, output, path string) (string, error) {
	if output == "" {
		return given, nil
	}
	value, err := p.ownOutput(check, output)
	if err != nil {
		return "", err
	}
	at, err := url.Parse(strings.TrimSpace(value))
	if err != nil || at.Scheme != "https" && at.Scheme != "http" {
		return "", errOutputMissing.New("the output %s, which the check %s reads, is no URL that begins with https:// or http://: give the stack one that is, or write http.url in the check", output, check)
	}
	add, query, has := strings.Cut(path, "?")
	if at = at.JoinPath(add); has {
		at.RawQuery = query
	}
	return at.String(), nil
}

// ownOutput is an output of the object's own stack.
func (p *pass) ownOutput(check, output string) (string, error) {
	value, has := p.obj.Status.Outputs[output]
	if !has {
		return "", errOutputMissing.New("the stack has no output %s, which the check %s reads; it has %s: give the stack the output, or correct its name in spec.verification", output, check, outputNames(p.obj.Status.Outputs))
	}
	return value, nil
}

// longest is for how long samples are taken; those that there are then are judged.
const longest = time.Minute

// askHTTP takes the samples of an http check, in the background.
func (r *Reconciler) askHTTP(ctx context.Context, c *v1alpha1.HTTPCheck, request httpcheck.Request, baseline []v1alpha1.Latency) verification.Verdict {
	var took []time.Duration
	began := r.Now()
	for range max(ptr.Deref(c.Samples, v1alpha1.DefaultSamples), 1) {
		if len(took) > 0 && r.Now().Sub(began) > longest {
			break
		}
		a, err := r.HTTP.Get(ctx, request)
		if err == nil {
			err = r.judgeHTTP(ctx, c, request, a)
		}
		switch {
		case httpcheck.Unasked(err), errors.Is(err, verification.ErrUnusable):
			return verification.Unknown(err)
		case err != nil:
			return verification.Verdict{Result: v1alpha1.CheckUnhealthy, Message: err.Error()}
		}
		took = append(took, a.Took)
	}
	return verification.Latencies(c, took, baseline)
}

// judgeHTTP says what is wrong with an answer, without secrets.
func (r *Reconciler) judgeHTTP(ctx context.Context, c *v1alpha1.HTTPCheck, request httpcheck.Request, a httpcheck.Answer) error {
	select {
	case r.judging <- struct{}{}:
		defer func() { <-r.judging }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return verification.HTTP(ctx, c, shown(request.URL), answer.Answer{Status: a.Status, Headers: a.Headers, Body: a.Body}, request.Hide)
}

// shown is a URL for people: its query may have secrets in it.
func shown(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return "the URL"
	}
	return (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path}).String()
}

// askCertificate looks at a certificate, in the background.
func (r *Reconciler) askCertificate(ctx context.Context, c *v1alpha1.CertificateCheck, request httpcheck.Request) verification.Verdict {
	ends, err := r.HTTP.Certificate(ctx, request)
	switch {
	case httpcheck.Unasked(err):
		return verification.Unknown(err)
	case err != nil:
		return verification.Verdict{Result: v1alpha1.CheckUnhealthy, Message: err.Error()}
	}
	return verification.Certificate(c, shown(request.URL), ends, r.Now())
}
