package controller

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestACompactObjectSaysTheSame(t *testing.T) {
	const text = `{
		"metadata": {"name": "web", "namespace": "team", "labels": {"a": "b"}, "annotations": {"long": "` + "LONG" + `"}, "creationTimestamp": "2026-03-02T09:00:00Z"},
		"spec": {"stackName": "Web", "awsRegion": "eu-west-1", "cdkContext": ["a=b", {"name": "c", "value": "d"}], "dependsOn": []},
		"status": {
			"conditions": [{"type": "Ready", "status": "True", "reason": "Deployed", "message": "", "lastTransitionTime": "2026-03-02T09:00:00Z"}],
			"plan": {"stackName": "Web", "region": "eu-west-1", "templateURL": "u", "templateDigest": "d", "tags": {"region": "eu-west-1"}, "notificationARNs": []},
			"history": [{"operation": "a", "kind": "Deploy", "outcome": "Succeeded", "startedAt": "2026-03-02T09:00:00Z", "endedAt": "2026-03-02T09:00:00Z"},
				{"operation": "b", "kind": "Deploy", "outcome": "Succeeded", "startedAt": "2026-03-02T09:00:00Z", "endedAt": "2026-03-02T09:00:00Z"},
				{"operation": "c", "kind": "Deploy", "outcome": "Succeeded", "startedAt": "2026-03-02T09:00:00Z", "endedAt": "2026-03-02T09:00:00Z"}]}}`
	var was, is v1alpha1.CdkTsStack
	for _, obj := range []*v1alpha1.CdkTsStack{&was, &is} {
		if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "LONG", strings.Repeat("x", 1000))), obj); err != nil {
			t.Fatal(err)
		}
	}
	compact(reflect.ValueOf(&is).Elem())
	if !reflect.DeepEqual(was, is) {
		t.Errorf("it became\n%+v, was\n%+v", is, was)
	}
	if h := is.Status.History; cap(h) != len(h) {
		t.Errorf("history of %d has room for %d", len(h), cap(h))
	}
	for what, other := range map[string]string{"of the plan": is.Status.Plan.Region, "of a tag": is.Status.Plan.Tags["region"]} {
		if unsafe.StringData(other) != unsafe.StringData(is.Spec.AWSRegion) {
			t.Errorf("the region %s is kept twice", what)
		}
	}
}
