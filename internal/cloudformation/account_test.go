package cloudformation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// An account's requests are paced together. Whose account it is, AWS says: what
// an app says of it would let one team use up the turns of another.
func TestTheBucketIsOfTheAccountThatAWSNames(t *testing.T) {
	const victim, other = "111111111111", "222222222222"
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIAVICTIM":"`+victim+`","AKIAVICTIMTOO":"`+victim+`","AKIAOTHER":"`+other+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	awstest.Start(t, "--credentials", keys)
	clients := NewClients(Options{Now: time.Now})
	used := func(key, region, role string) *Client {
		c := clients.For(Target{Credentials: Credentials{AccessKeyID: key, SecretAccessKey: "x"}, Region: region, Role: awsconfig.Role{ARN: role}})
		_ = c.Stack(t.Context(), "app") // with a role that cannot be assumed it fails
		return c
	}
	one := used("AKIAVICTIM", "eu-west-1", "").bucket.Load()
	if used("AKIAVICTIMTOO", "eu-west-1", "").bucket.Load() != one {
		t.Error("two keys of an account have a bucket each")
	}
	if used("AKIAVICTIM", "eu-west-2", "").bucket.Load() == one || used("AKIAOTHER", "eu-west-1", "").bucket.Load() == one {
		t.Error("another region or account shares the bucket")
	}
	if used("AKIAOTHER", "eu-west-1", "arn:aws:iam::"+victim+":role/that-lets-nobody-in").bucket.Load() == one {
		t.Error("an app that names a role of another account takes turns from that")
	}
}
