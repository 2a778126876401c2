package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/api/v1alpha1"
)

// lookEvery is how often the demo looks at an object it waits for.
const lookEvery = 200 * time.Millisecond

var (
	crdResource        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	namespaceResource  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	roleResource       = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	secretResource     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	eventResource      = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	cdkTsStackResource = schema.GroupVersionResource{Group: "awscdk.dev", Version: "v1alpha1", Resource: "cdktsstacks"}
)

// cluster is the demo's own view of the Kubernetes API: what a user does with kubectl.
type cluster struct {
	client    dynamic.Interface
	namespace string
}

func newCluster(config *rest.Config, namespace string) (*cluster, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &cluster{client: client, namespace: namespace}, nil
}

// applyCRDs creates every definition found in a folder and waits until each is served.
func (c *cluster) applyCRDs(ctx context.Context, dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return errors.Join(err, fmt.Errorf("no resource definition in %s: run make generate", dir))
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		definition := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &definition.Object); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if _, err := c.client.Resource(crdResource).Create(ctx, definition, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create %s: %w", definition.GetName(), err)
		}
		if err := c.awaitServed(ctx, definition.GetName()); err != nil {
			return fmt.Errorf("wait for %s to be served: %w", definition.GetName(), err)
		}
	}
	return nil
}

// applyRole creates the ClusterRole in a file.
func (c *cluster) applyRole(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	role := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &role.Object); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := c.client.Resource(roleResource).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create %s: %w", role.GetName(), err)
	}
	return nil
}

func (c *cluster) awaitServed(ctx context.Context, name string) error {
	return wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) {
		definition, err := c.client.Resource(crdResource).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		// A new definition has null here, which is no list.
		found, _, err := unstructured.NestedFieldNoCopy(definition.Object, "status", "conditions")
		conditions, _ := found.([]any)
		served := slices.ContainsFunc(conditions, func(condition any) bool {
			fields, _ := condition.(map[string]any)
			return fields["type"] == "Established" && fields["status"] == "True"
		})
		return served, err
	})
}

// create makes an object: a map as it would stand in a manifest.
func (c *cluster) create(ctx context.Context, resource schema.GroupVersionResource, object map[string]any) error {
	manifest := &unstructured.Unstructured{Object: object}
	var client dynamic.ResourceInterface = c.client.Resource(resource)
	if resource != namespaceResource {
		client = c.client.Resource(resource).Namespace(c.namespace)
	}
	if _, err := client.Create(ctx, manifest, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create %s %s: %w", manifest.GetKind(), manifest.GetName(), err)
	}
	return nil
}

// stack reads a CdkTsStack; it is nil when there is none of that name.
func (c *cluster) stack(ctx context.Context, name string) (*v1alpha1.CdkTsStack, error) {
	found, err := c.client.Resource(cdkTsStackResource).Namespace(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	text, err := json.Marshal(found.Object)
	if err != nil {
		return nil, err
	}
	stack := &v1alpha1.CdkTsStack{}
	return stack, json.Unmarshal(text, stack)
}

// patchStack lays a merge patch over a CdkTsStack.
func (c *cluster) patchStack(ctx context.Context, name, patch string) error {
	_, err := c.client.Resource(cdkTsStackResource).Namespace(c.namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patch %s: %w", name, err)
	}
	return nil
}

func (c *cluster) deleteStack(ctx context.Context, name string) error {
	return c.client.Resource(cdkTsStackResource).Namespace(c.namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// eventReasons returns how often each event was told of an object, in the order of their first time.
func (c *cluster) eventReasons(ctx context.Context, name string) ([]string, error) {
	list, err := c.client.Resource(eventResource).Namespace(c.namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.name=" + name,
	})
	if err != nil {
		return nil, fmt.Errorf("list events of %s: %w", name, err)
	}
	var reasons []string
	seen := map[string]bool{}
	for _, event := range list.Items {
		reason, _, _ := unstructured.NestedString(event.Object, "reason")
		if reason != "" && !seen[reason] {
			seen[reason] = true
			reasons = append(reasons, reason)
		}
	}
	return reasons, nil
}

// isReady says whether an object is deployed as its present spec says, from a given commit.
func isReady(stack *v1alpha1.CdkTsStack, revision string) bool {
	status := stack.Status
	return status.ObservedGeneration == stack.Generation &&
		meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) &&
		status.Deployed != nil && status.Deployed.Target.Revision == revision
}

// stalled returns an error when the operator has given up on an object.
func stalled(stack *v1alpha1.CdkTsStack) error {
	if meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionStalled) {
		return fmt.Errorf("the operator gave up on %s: %s", stack.Name, stack.Status.Message)
	}
	return nil
}
