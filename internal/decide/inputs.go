package decide

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// ReasonInputChanged is for a change of what contextFrom and parametersFrom read.
const ReasonInputChanged = "InputChanged"

// Inputs are what spec.contextFrom and spec.parametersFrom read, by name only:
// decisions need no values.
type Inputs struct {
	// Seen is true when they were looked at.
	Seen bool
	// Digest names all that was read.
	Digest string
	// Missing is what is not there, if anything is not.
	Missing *problem.Problem
	// Err is why it cannot be told what is there.
	Err error
	// Again is when they are worth another look, the zero time when others wake
	// the object for all of them.
	Again time.Time
}

// InputToken is what names one value that was read: where it goes, and what
// another value has another of.
type InputToken struct{ To, Token string }

// InputsDigest names what was read. Values of Secrets are no part of it: who
// sees a digest of a short password, or of a pin, can find it by trying. The
// identity and version of the Secret stand for them. An edit of something else
// in the Secret then builds once, and finds nothing to change.
func InputsDigest(tokens []InputToken) string {
	return digest(inOrder(tokens, func(t InputToken) string { return t.To }))
}

// inOrder sorts a list whose order means nothing, so that it has one digest.
func inOrder[T any](all []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// HasInputs says whether a spec reads values from elsewhere.
func HasInputs(spec *v1alpha1.CdkTsStackSpec) bool {
	return len(spec.ContextFrom)+len(spec.ParametersFrom) > 0
}

// DependsOn are the names of all CdkTsStacks that a spec depends on, sorted:
// those that it names, and those whose outputs it reads.
func DependsOn(spec *v1alpha1.CdkTsStackSpec) []string {
	names := make([]string, 0, len(spec.DependsOn))
	for _, d := range spec.DependsOn {
		names = append(names, d.Name)
	}
	for _, c := range spec.ContextFrom {
		if c.Stack != nil {
			names = append(names, c.Stack.Name)
		}
	}
	for _, f := range spec.ParametersFrom {
		if f.Stack != nil {
			names = append(names, f.Stack.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// inputs names what is read from elsewhere. When that cannot be told, it says
// what is missing: what is deployed stays as it is.
func (p *pass) inputs() (digest string, known bool) {
	in := p.seen.Inputs
	switch {
	case !HasInputs(&p.obj.Spec):
		return "", true
	case in.Missing != nil:
		p.tell(waiting, in.Missing)
		p.wakeAt(p.now.Add(p.patience(in.Missing.Reason)))
	case in.Err != nil && p.st.Target != nil && p.reached() && !p.editPending():
		p.wakeAt(p.now.Add(time.Minute)) // nothing is known to have changed
	case in.Err != nil:
		p.waitFor(problem.Of(in.Err))
	case !in.Seen:
		p.wakeAt(p.now)
	default:
		return in.Digest, true
	}
	return "", false
}

// inputsMoved says whether what is read now is not what a target was made of.
func (p *pass) inputsMoved(t *v1alpha1.Target) bool {
	in := p.seen.Inputs
	return in.Seen && in.Missing == nil && in.Err == nil && in.Digest != t.Inputs && !p.keptBack(t)
}

// recordInputs wakes the object for another look at what it reads.
func recordInputs(p *pass) {
	if at := p.seen.Inputs.Again; !at.IsZero() {
		p.wakeAt(at)
	}
}

// readsItself says what is wrong with a spec that reads what it writes: each
// deployment could be the reason for the next.
func readsItself(spec *v1alpha1.CdkTsStackSpec) error {
	if spec.Outputs == nil {
		return nil
	}
	for _, c := range spec.ContextFrom {
		if ref := c.ConfigMapKeyRef; ref != nil && ref.Name == spec.Outputs.ConfigMapName {
			return fmt.Errorf("spec.contextFrom %s reads the ConfigMap %s, to which spec.outputs copies the outputs of this stack: read another one", c.Key, ref.Name)
		}
	}
	for _, f := range spec.ParametersFrom {
		configMap, secret := ptr.Deref(f.ConfigMapKeyRef, v1alpha1.InputKey{}).Name, ptr.Deref(f.SecretKeyRef, v1alpha1.InputKey{}).Name
		if configMap != "" && configMap == spec.Outputs.ConfigMapName || secret != "" && secret == spec.Outputs.SecretName {
			return fmt.Errorf("spec.parametersFrom %s reads %s, to which spec.outputs copies the outputs of this stack: read another one", f.Parameter, configMap+secret)
		}
	}
	return nil
}
