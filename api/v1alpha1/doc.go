// Package v1alpha1 is the awscdk.dev/v1alpha1 API: the CdkTsStack object, its
// defaults and its validation. Nothing in it computes anything.
//
// +kubebuilder:object:generate=true
// +groupName=awscdk.dev
package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GroupVersion identifies the API that this package serves.
var GroupVersion = schema.GroupVersion{Group: "awscdk.dev", Version: "v1alpha1"}

var builder = runtime.NewSchemeBuilder(func(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &CdkTsStack{}, &CdkTsStackList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
})

// AddToScheme registers the kinds of this package.
var AddToScheme = builder.AddToScheme
