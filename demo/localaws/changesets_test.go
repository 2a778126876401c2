package localaws_test

import (
	"fmt"
	"testing"

	"awscdk.dev/operator/demo/localaws"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestAStackTakesAThousandChangeSets(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("pair", pair("one", "v1"), "CREATE_COMPLETE")
	ask := func(name, template string) error {
		_, err := l.cfn.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("pair"), ChangeSetName: &name, TemplateBody: &template})
		return err
	}
	for n := range 999 {
		if err := ask(fmt.Sprintf("empty-%d", n), pair("one", "v1")); err != nil {
			t.Fatalf("change set %d: %v", n, err)
		}
	}
	full := l.changeSet("pair", "full", pair("two", "v1"), types.ChangeSetTypeUpdate)
	refused(t, ask("over", pair("one", "v1")), "LimitExceededException", "ChangeSet limit exceeded for stack arn:aws:cloudformation:")
	// One that is deleted makes room, and one that is executed takes all others along.
	if _, err := l.cfn.DeleteChangeSet(t.Context(), &cloudformation.DeleteChangeSetInput{StackName: aws.String("pair"), ChangeSetName: aws.String("empty-0")}); err != nil {
		t.Fatal(err)
	}
	if err := ask("empty-0", pair("one", "v1")); err != nil {
		t.Fatal(err)
	}
	l.execute(full, "UPDATE_COMPLETE")
	out, err := l.cfn.ListChangeSets(t.Context(), &cloudformation.ListChangeSetsInput{StackName: aws.String("pair")})
	if err != nil || len(out.Summaries) != 1 {
		t.Errorf("%d change sets are left, %v", len(out.Summaries), err)
	}
}

func TestAChangeSetThatIsBeingMadeCannotBeDeleted(t *testing.T) {
	l := newLab(t, localaws.Config{Speed: 0.01}) // it takes a while
	name := aws.String("cs")
	_, err := l.cfn.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String("pair"), ChangeSetName: name, TemplateBody: aws.String(pair("a", "b")), ChangeSetType: types.ChangeSetTypeCreate,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.cfn.DeleteChangeSet(t.Context(), &cloudformation.DeleteChangeSetInput{StackName: aws.String("pair"), ChangeSetName: name})
	refused(t, err, "InvalidChangeSetStatus", "cannot be deleted in its current status")
}
