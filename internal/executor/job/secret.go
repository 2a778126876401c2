package job

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/run"
)

// dollars doubles the character that begins a reference in a container's
// variable. https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
var dollars = strings.NewReplacer("$", "$$")

// maxSecret bounds what is in a Secret, in bytes. https://kubernetes.io/docs/concepts/configuration/secret/
const maxSecret = corev1.MaxSecretSize

// passedEnv are the variables of the operator that every run gets, and their
// names in a fixed order. The operator's own identity is never among them: a
// run is who its Secret or its service account says.
func passedEnv(environ, extra []string) (values map[string]string, names []string) {
	values = map[string]string{}
	for name, value := range run.EnvironOf(environ) {
		if executor.Passes(name, extra) && !run.IsIdentity(name) && name != run.TokenVariable {
			values[name] = value
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return values, names
}

// secretData is what the stages of a run find: the request for all, and for each
// its own secrets.
func (e *Executor) secretData(b blueprint, secrets run.Secrets) (map[string][]byte, error) {
	// The request is in every container, user code's among them.
	public, secrets := b.request.Apart(secrets)
	request, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("encode the request of the run: %w", err)
	}
	data := map[string][]byte{run.RequestFile: request}
	for _, stage := range b.stages {
		own := secrets.For(stage)
		if own.KubernetesToken != "" {
			data[keyToken], own.KubernetesToken = []byte(own.KubernetesToken), ""
		}
		if data[stage.SecretsKey()], err = json.Marshal(own); err != nil {
			return nil, fmt.Errorf("encode the secrets of the run: %w", err)
		}
	}
	for i, name := range b.passed {
		data[passedKey(i)] = []byte(e.passed[name])
	}
	return data, checkSize(data)
}

func checkSize(data map[string][]byte) error {
	total := 0
	for _, value := range data {
		total += len(value)
	}
	if total > maxSecret {
		return errTooLarge.New("what the run has to be given takes %d KiB, and a Secret holds %d KiB: put long hook scripts and large values into the repository", total>>10, maxSecret>>10)
	}
	return nil
}

// secret is the Secret of a run. Its one owner is the Job, so that it goes with
// it: were the CdkTsStack an owner, too, it would stay as long as that.
func secret(b blueprint, j *batchv1.Job, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: j.Namespace, Name: j.Name, Labels: labelsOf(b.name, b.request),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: j.Name, UID: j.UID, Controller: ptr.To(true)}},
		},
		Type: corev1.SecretTypeOpaque,
		Data: data,
	}
}
