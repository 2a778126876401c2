package cloudformation

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/decide"
)

// The sentences are AWS's; the first is of https://github.com/aws/aws-cdk/issues/7602.
func TestAnExportThatStandsInTheWayIsRecognised(t *testing.T) {
	for message, want := range map[string]*decide.ExportFault{
		"Export Stack1:ExportsOutputFnGetAtt-sg1-C785ABD5GroupId30372C66 cannot be deleted as it is in use by Stack2": {Name: "Stack1:ExportsOutputFnGetAtt-sg1-C785ABD5GroupId30372C66", InUseBy: []string{"Stack2"}},
		"Export vpc cannot be updated as it is in use by app and shop":                                                {Name: "vpc", InUseBy: []string{"app", "shop"}},
		"Cannot update export vpc as it is in use by app, shop and web. ":                                             {Name: "vpc", InUseBy: []string{"app", "shop", "web"}},
		"Delete canceled. Cannot delete export vpc as it is in use by app.":                                           {Name: "vpc", InUseBy: []string{"app"}},
		"No export named Stack1:vpc found. Rollback requested by user.":                                               {Name: "Stack1:vpc"},
		"Export with name vpc is already exported by stack app. ":                                                     nil,
		"Resource handler returned message: is in use by":                                                             nil,
	} {
		if diff := cmp.Diff(want, exportFault(message)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", message, diff)
		}
	}
}

func TestAGivenParameterIsNotMissing(t *testing.T) {
	r := ChangeSetRequest{Plan: v1alpha1.Plan{StackName: "Web", OpenParameters: []string{"Password", "Size"}, Parameters: map[string]string{"Size": "s", "Other": "o"}}}
	r.Given = map[string]Given{"Password": {Value: "x", Secret: true}, "Other": {Value: "wins"}}
	err := incomplete(r, nil)
	if err == nil || !strings.Contains(err.Error(), "value: Size.") {
		t.Errorf("want Size, and not Password, among those that have no value: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"Password": "x", "Size": "s", "Other": "wins"}, r.values()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
