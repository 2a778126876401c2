package job

import (
	"strings"
	"testing"

	"awscdk.dev/operator/internal/run"
)

// TestAPasswordInTheAddressIsWithTheCloneAlone: user code can read the request.
func TestAPasswordInTheAddressIsWithTheCloneAlone(t *testing.T) {
	request := run.Request{Repository: "https://bob:pass-word@example.com/x.git"}
	b := blueprint{request: request, stages: run.Stages(request)}
	data, err := (&Executor{}).secretData(b, run.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range data {
		if shown := strings.Contains(string(value), "pass-word"); shown != (key == "secrets-clone.json") {
			t.Errorf("%s shows the password: %t", key, shown)
		}
	}
}
