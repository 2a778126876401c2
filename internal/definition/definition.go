// Package definition brings the CustomResourceDefinition of CdkTsStack in a
// cluster up to date. Helm installs a definition once and never changes it
// again, and takes over none that it has not made.
package definition

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// owner is who the API server notes as the one that wrote the definition.
const owner = client.FieldOwner("awscdk-operator-crd")

// between is how long is waited between two looks at whether the API server
// serves the definition.
const between = 250 * time.Millisecond

// Parse reads a definition in YAML. A field that is not known is an error.
func Parse(data []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	return &crd, nil
}

// Apply makes the cluster's definition the wanted one, whoever made it before,
// waits until it is served, and says in a sentence what it did. It may be
// repeated. One that has all that is wanted and more is of a newer version and
// stays as it is, unless force says otherwise: an older one would drop fields of
// objects. It is an error to drop a version that objects may be stored in.
func Apply(ctx context.Context, c client.Client, want *apiextensionsv1.CustomResourceDefinition, force bool) (string, error) {
	var is apiextensionsv1.CustomResourceDefinition
	err := c.Get(ctx, client.ObjectKeyFromObject(want), &is)
	switch {
	case apierrors.IsNotFound(err):
		return write(ctx, c, want, "created")
	case err != nil:
		return "", fmt.Errorf("read the definition %s: %w", want.Name, err)
	case !is.DeletionTimestamp.IsZero():
		return "", fmt.Errorf("the definition %s is being deleted, and every CdkTsStack with it: let that end, or remove the finalizer of the definition to stop it", want.Name)
	}
	if err := stored(&is, want); err != nil {
		return "", err
	}
	gained, lost := Compare(&is, want)
	switch {
	case force || len(lost) == 0:
		return write(ctx, c, want, "updated")
	case len(gained) == 0:
		return "kept: it is of a newer version, with " + Some(lost) + ", which older versions of the operator do without", nil
	default:
		return write(ctx, c, want, "updated: it no longer has "+Some(lost))
	}
}

// stored says that no version is dropped which objects are stored in.
func stored(is, want *apiextensionsv1.CustomResourceDefinition) error {
	for _, version := range is.Status.StoredVersions {
		if !slices.ContainsFunc(want.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version }) {
			return fmt.Errorf("the definition %s stores objects as %s, which this version of the operator does not know: use one that does", want.Name, version)
		}
	}
	return nil
}

// write applies what is wanted on the server's side: labels and annotations of
// others stay, and all versions are replaced as one.
func write(ctx context.Context, c client.Client, want *apiextensionsv1.CustomResourceDefinition, did string) (string, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	if err != nil {
		return "", fmt.Errorf("apply the definition %s: %w", want.Name, err)
	}
	delete(fields, "status")
	applied := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields})
	if err := c.Apply(ctx, applied, owner, client.ForceOwnership); err != nil {
		return "", fmt.Errorf("apply the definition %s: %w", want.Name, err)
	}
	return did, established(ctx, c, client.ObjectKeyFromObject(want))
}

// established waits until the API server serves the definition or says why it
// does not.
func established(ctx context.Context, c client.Client, name client.ObjectKey) error {
	var crd apiextensionsv1.CustomResourceDefinition
	for {
		if err := c.Get(ctx, name, &crd); err != nil {
			return fmt.Errorf("read the definition %s: %w", name.Name, err)
		}
		for _, condition := range crd.Status.Conditions {
			switch {
			case condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue:
				return nil
			case condition.Type == apiextensionsv1.NamesAccepted && condition.Status == apiextensionsv1.ConditionFalse:
				return fmt.Errorf("the definition %s is not served: %s", crd.Name, condition.Message)
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the definition %s was applied and is not served yet", crd.Name), ctx.Err())
		case <-time.After(between):
		}
	}
}

// shown bounds how many fields a message names.
const shown = 5

// Some names the first of many fields.
func Some(fields []string) string {
	named := strings.Join(fields[:min(len(fields), shown)], ", ")
	if more := len(fields) - shown; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return named
}
