package awsconfig

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestALongAnswerThatComesFastIsReadAtTheFirstAttempt is about a race in the
// SDK (see plainBody) that shows in several of a hundred calls.
func TestALongAnswerThatComesFastIsReadAtTheFirstAttempt(t *testing.T) {
	var asked atomic.Int32
	padding := strings.Repeat("<Padding>x</Padding>", 5_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked.Add(1)
		fmt.Fprintf(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>%s</GetCallerIdentityResult></GetCallerIdentityResponse>", padding)
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	loader := NewLoader(Options{Now: func() time.Time { return time.Unix(1e9, 0) }, MaxBackoff: time.Millisecond})
	cfg, err := loader.Config(t.Context(), Target{Credentials: secretKeys, Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	client := sts.NewFromConfig(cfg)
	const calls = 100
	for range calls {
		if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != calls {
		t.Errorf("%d calls took %d attempts", calls, n)
	}
}
