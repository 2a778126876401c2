package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/redact"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inputsRead is how often ConfigMaps and Secrets of contextFrom and
// parametersFrom are read, at most: nobody watches them.
const inputsRead = time.Minute

// inputs remembers what names the values that were read last, and no value.
type inputs struct {
	mu   sync.Mutex
	last map[types.NamespacedName]inputsSeen
}

type inputsSeen struct {
	generation int64
	at         time.Time
	tokens     map[string]string
}

func (i *inputs) get(obj *v1alpha1.CdkTsStack) (seen inputsSeen, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	seen, known = i.last[client.ObjectKeyFromObject(obj)]
	return seen, known && seen.generation == obj.Generation
}

func (i *inputs) note(obj *v1alpha1.CdkTsStack, seen inputsSeen) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last == nil {
		i.last = map[types.NamespacedName]inputsSeen{}
	}
	i.last[client.ObjectKeyFromObject(obj)] = seen
}

func (i *inputs) forget(name types.NamespacedName) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.last, name)
}

// input is an item of contextFrom or of parametersFrom.
type input struct {
	// field names it for people, to tells where its value goes.
	field, to         string
	stack             *v1alpha1.StackOutput
	configMap, secret *v1alpha1.InputKey
}

func inputsOf(spec *v1alpha1.CdkTsStackSpec) []input {
	all := make([]input, 0, len(spec.ContextFrom)+len(spec.ParametersFrom))
	for _, c := range spec.ContextFrom {
		all = append(all, input{field: "spec.contextFrom " + c.Key, to: "context/" + c.Key, stack: c.Stack, configMap: c.ConfigMapKeyRef})
	}
	for _, f := range spec.ParametersFrom {
		all = append(all, input{field: "spec.parametersFrom " + f.Parameter, to: "parameter/" + f.Parameter, stack: f.Stack, configMap: f.ConfigMapKeyRef, secret: f.SecretKeyRef})
	}
	return all
}

// observeInputs says what contextFrom and parametersFrom read now. Outputs of
// other stacks are in the cache, and a change of them wakes the object.
func (p *pass) observeInputs(ctx context.Context) decide.Inputs {
	now, items := p.Now(), inputsOf(&p.obj.Spec)
	was, known := p.inputs.get(p.obj)
	fresh := known && now.Sub(was.at) < inputsRead
	if !fresh {
		read, err := p.readInputs(ctx)
		switch {
		case err == nil:
			was = p.noteInputs(read)
		case missing(err):
			p.inputs.forget(client.ObjectKeyFromObject(p.obj))
			return decide.Inputs{Seen: true, Missing: problem.Of(err)}
		case !known:
			return decide.Inputs{Err: err}
		}
	}
	tokens := make([]decide.InputToken, 0, len(items))
	seen := decide.Inputs{Seen: true}
	for _, item := range items {
		token := was.tokens[item.to]
		if item.stack == nil {
			seen.Again = was.at.Add(inputsRead)
		} else {
			value, err := p.output(ctx, item)
			if missing(err) {
				return decide.Inputs{Seen: true, Missing: problem.Of(err)}
			} else if err != nil {
				return decide.Inputs{Err: err}
			}
			token = hashed(value)
		}
		tokens = append(tokens, decide.InputToken{To: item.to, Token: token})
	}
	if !seen.Again.IsZero() && seen.Again.Before(now) {
		seen.Again = now.Add(inputsRead) // they cannot be read at present
	}
	seen.Digest = decide.InputsDigest(tokens)
	return seen
}

// values are what contextFrom and parametersFrom read, with what names each.
type values struct {
	tokens []decide.InputToken
	// values by where they go; hidden are those of Secrets.
	values map[string]string
	hidden map[string]bool
}

func (v values) digest() string { return decide.InputsDigest(v.tokens) }

// secrets are the values that nobody may see.
func (v values) secrets() []string {
	var all []string
	for to := range v.hidden {
		all = append(all, v.values[to])
	}
	return all
}

func (p *pass) noteInputs(v values) inputsSeen {
	seen := inputsSeen{generation: p.obj.Generation, at: p.Now(), tokens: map[string]string{}}
	for _, t := range v.tokens {
		seen.tokens[t.To] = t.Token
	}
	p.inputs.note(p.obj, seen)
	return seen
}

// readInputs reads all values now, each ConfigMap and Secret once. Only objects
// of the object's own namespace are read.
func (p *pass) readInputs(ctx context.Context) (values, error) {
	read := values{values: map[string]string{}, hidden: map[string]bool{}}
	configMaps, secrets := map[string]map[string]string{}, map[string]*corev1.Secret{}
	for _, item := range inputsOf(&p.obj.Spec) {
		var value, token string
		var err error
		switch {
		case item.stack != nil:
			value, err = p.output(ctx, item)
			token = hashed(value)
		case item.configMap != nil:
			value, err = p.configMapKey(ctx, item, configMaps)
			token = hashed(value)
		default:
			value, token, err = p.secretKey(ctx, item, secrets)
			read.hidden[item.to] = true
		}
		if err != nil {
			return values{}, err
		}
		read.tokens = append(read.tokens, decide.InputToken{To: item.to, Token: token})
		read.values[item.to] = value
	}
	return read, nil
}

func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// missing says whether an error tells that a value is not there.
func missing(err error) bool {
	for _, kind := range []*problem.Kind{errSecretNotFound, errSecretIncomplete, errConfigMapNotFound, errConfigMapIncomplete, errOutputMissing} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (p *pass) configMapKey(ctx context.Context, item input, read map[string]map[string]string) (string, error) {
	ref := item.configMap
	data, known := read[ref.Name]
	if !known {
		var err error
		if data, err = p.configMap(ctx, ref.Name, item.field); err != nil {
			return "", err
		}
		read[ref.Name] = data
	}
	value, ok := data[ref.Key]
	if !ok {
		return "", errConfigMapIncomplete.New("the ConfigMap %s/%s has no key %s, which %s reads: add it", p.obj.Namespace, ref.Name, ref.Key, item.field)
	}
	return value, nil
}

// secretKey reads a key of a Secret. Its token is of the Secret's identity and
// version, see decide.InputsDigest.
func (p *pass) secretKey(ctx context.Context, item input, read map[string]*corev1.Secret) (value, token string, err error) {
	ref := item.secret
	s := read[ref.Name]
	if s == nil {
		if s, err = p.liveSecret(ctx, ref.Name, item.field); err != nil {
			return "", "", err
		}
		read[ref.Name] = s
	}
	data, ok := s.Data[ref.Key]
	if !ok {
		return "", "", errSecretIncomplete.New("the Secret %s/%s has no key %s, which %s reads: add it", p.obj.Namespace, ref.Name, ref.Key, item.field)
	}
	return string(data), fmt.Sprintf("%s/%s/%s", s.UID, s.ResourceVersion, ref.Key), nil
}

// output reads an output of another object's stack, as that object shows it.
func (p *pass) output(ctx context.Context, item input) (string, error) {
	ref := item.stack
	var other v1alpha1.CdkTsStack
	err := p.Client.Get(ctx, types.NamespacedName{Namespace: p.obj.Namespace, Name: ref.Name}, &other)
	switch {
	case apierrors.IsNotFound(err):
		return "", errOutputMissing.New("there is no CdkTsStack %s, whose output %s is read by %s: create it", ref.Name, ref.Output, item.field)
	case err != nil:
		return "", fmt.Errorf("read the CdkTsStack %s for %s: %w", ref.Name, item.field, err)
	}
	value, ok := other.Status.Outputs[ref.Output]
	switch {
	case ok:
		return value, nil
	case other.Status.Deployed == nil:
		return "", errOutputMissing.New("the CdkTsStack %s, whose output %s is read by %s, has not been deployed yet: this object goes on when it is", ref.Name, ref.Output, item.field)
	}
	return "", errOutputMissing.New(
		"the stack of the CdkTsStack %s has no output %s, which %s reads; it has %s. What is deployed stays as it is. Give the stack the output again; to be rid of it, take it out of %s first, and out of that stack when this object is deployed",
		ref.Name, ref.Output, item.field, outputNames(other.Status.Outputs), strings.Fields(item.field)[0])
}

func outputNames(all map[string]string) string {
	if len(all) == 0 {
		return "none"
	}
	names := slices.Sorted(maps.Keys(all))
	text := strings.Join(names[:min(len(names), 20)], ", ")
	if more := len(names) - 20; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// inputsFor reads the values that an operation was decided with. What has
// changed since is a new target, which the next pass takes up.
func (p *pass) inputsFor(ctx context.Context, op *v1alpha1.Operation) (values, error) {
	if !decide.HasInputs(&p.obj.Spec) {
		return values{}, nil
	}
	read, err := p.readInputs(ctx)
	if err != nil {
		p.inputs.forget(client.ObjectKeyFromObject(p.obj)) // the next pass looks anew
		return values{}, err
	}
	p.noteInputs(read)
	if op.Target == nil || read.digest() != op.Target.Inputs {
		return values{}, errInputsChanged.New("what spec.contextFrom and spec.parametersFrom read has changed since the deployment was begun")
	}
	return read, nil
}

// withContext adds the values of contextFrom to those of the spec.
func (p *pass) withContext(ctx context.Context, op *v1alpha1.Operation, all []decide.ContextValue) ([]decide.ContextValue, error) {
	if len(p.obj.Spec.ContextFrom) == 0 || op.Step != v1alpha1.StepBuilding {
		return all, nil
	}
	read, err := p.inputsFor(ctx, op)
	if err != nil {
		return nil, err
	}
	for _, c := range p.obj.Spec.ContextFrom {
		if all, err = decide.AddContext(all, c.Key, read.values["context/"+c.Key]); err != nil {
			return nil, problem.InvalidSpec.New("%s", err.Error())
		}
	}
	return all, nil
}

// givenParameters are the values of parametersFrom for CloudFormation, and the
// way to hide what is secret of them in what that answers.
func (p *pass) givenParameters(ctx context.Context) (given map[string]cloudformation.Given, hide *redact.Redactor, err error) {
	read, err := p.inputsFor(ctx, p.obj.Status.Operation)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range p.obj.Spec.ParametersFrom {
		if given == nil {
			given = map[string]cloudformation.Given{}
		}
		to := "parameter/" + f.Parameter
		given[f.Parameter] = cloudformation.Given{Value: read.values[to], Secret: read.hidden[to]}
	}
	if len(read.hidden) > 0 {
		hide = redact.New(read.secrets()...)
	}
	return given, hide, nil
}

// hideInputs takes secret values out of what CloudFormation says went wrong, and
// of what it says a plan changes: both may repeat a parameter. The values are read
// for that only when there is something to be hidden in.
func (p *pass) hideInputs(ctx context.Context, seen *decide.Observed) {
	cause := seen.Events.RootCause
	valued := slices.ContainsFunc(seen.ChangeSet.Changes, func(c decide.Change) bool { return len(c.Before)+len(c.After)+len(c.Details) > 0 })
	if seen.ChangeSet.Reason+seen.Stack.StatusReason == "" && cause == nil && !valued || !slices.ContainsFunc(p.obj.Spec.ParametersFrom, func(f v1alpha1.ParameterFrom) bool { return f.SecretKeyRef != nil }) {
		return
	}
	read, err := p.readInputs(ctx)
	if err != nil {
		// What a Secret held before nobody knows any more: of a plan, no value is shown.
		for i := range seen.ChangeSet.Changes {
			seen.ChangeSet.Changes[i].Values = decide.Values{}
		}
		return
	}
	hide := redact.New(read.secrets()...)
	for i := range seen.ChangeSet.Changes {
		hideValues(&seen.ChangeSet.Changes[i].Values, hide)
	}
	seen.ChangeSet.Reason, seen.Stack.StatusReason = hide.String(seen.ChangeSet.Reason), hide.String(seen.Stack.StatusReason)
	if cause != nil {
		cause.Reason = hide.String(cause.Reason)
	}
}

// hideValues takes secrets out of the values of a change.
func hideValues(v *decide.Values, hide *redact.Redactor) {
	for _, raw := range []*json.RawMessage{&v.Before, &v.After} {
		if *raw = json.RawMessage(hide.String(string(*raw))); !json.Valid(*raw) {
			*raw = nil // none was there, or a number was a secret
		}
	}
	for i := range v.Details {
		for _, value := range []**string{&v.Details[i].Before, &v.Details[i].After} {
			if *value != nil {
				shown := hide.String(**value)
				*value = &shown
			}
		}
	}
}

// hidden is an error without secret values.
func hidden(err error, hide *redact.Redactor) error {
	if err == nil || hide == nil {
		return err
	}
	pr := *problem.Of(err)
	pr.Message, pr.Err = hide.String(pr.Message), nil
	return &pr
}
