package decide

import (
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestTheWorstOfManyChangesIsKept(t *testing.T) {
	all := make([]Change, 0, 2001)
	for n := range 2000 {
		all = append(all, Change{Action: "Modify", Replacement: "False", LogicalID: fmt.Sprintf("Resource%04d", n), Type: "AWS::SNS::Topic", Properties: slicesOf("/Properties/"+strings.Repeat("x", 4<<10), 20)})
	}
	all = append(all, Change{Action: "Remove", PolicyAction: "Delete", LogicalID: "Users", Type: "AWS::DynamoDB::Table"})
	got := changesOf(&v1alpha1.Operation{ID: "op"}, all, nil)
	if len(got.Resources) != maxChanges || got.Resources[0].LogicalID != "Users" || int(got.Omitted) != 2001-maxChanges {
		t.Errorf("%d resources, the first %+v, %d omitted", len(got.Resources), got.Resources[0], got.Omitted)
	}
	if got.Modify != 2000 || got.Remove != 1 || got.DataLoss != 1 {
		t.Errorf("counts %+v", got)
	}
	if size := jsonSize(got); size > 64<<10 {
		t.Errorf("the changes take %d bytes of the status", size)
	}
}

func slicesOf(text string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(text, i)
	}
	return all
}

func TestAChangeSetWithoutResourceChangesSaysSo(t *testing.T) {
	if got := changesOf(&v1alpha1.Operation{ID: "op"}, nil, nil).Summary; got != "no resource changes" {
		t.Errorf("summary %q", got)
	}
}
