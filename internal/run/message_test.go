package run

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
)

// noise is text that no compression makes smaller.
func noise(n int) string {
	data := make([]byte, n)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range data {
		data[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n"[random.IntN(64)]
	}
	return string(data)
}

func samplePlan() *v1alpha1.Plan {
	digest := sha256.Sum256([]byte("template"))
	text := hex.EncodeToString(digest[:])
	const account, region = "123456789012", "eu-west-1"
	role := func(name string) string {
		return fmt.Sprintf("arn:aws:iam::%s:role/cdk-hnb659fds-%s-role-%s-%s", account, name, account, region)
	}
	return &v1alpha1.Plan{
		StackName: "WebApp-Production", ArtifactID: "WebAppProduction4711", Account: account, Region: region,
		TemplateURL:    fmt.Sprintf("https://s3.%s.amazonaws.com/cdk-hnb659fds-assets-%s-%s/%s.json", region, account, region, text),
		TemplateDigest: text,
		Commit:         &v1alpha1.Commit{Hash: text[:40], Author: "Ada Lovelace <ada@example.com>", Subject: "Raise the capacity of the web tier"},
		Parameters:     map[string]string{"BootstrapVersion": "/cdk-bootstrap/hnb659fds/version"},
		Tags:           map[string]string{"team": "platform", "environment": "production"},
		DeployRoleARN:  role("deploy"), LookupRoleARN: role("lookup"), ExecutionRoleARN: role("cfn-exec"),
		BootstrapVersion: 8, BootstrapParameter: "/cdk-bootstrap/hnb659fds/version",
		Inputs:         []string{"stacks/app", "package.json"},
		ConstructPaths: map[string]string{"Bucket83908E77": "WebApp/Bucket/Resource", "CDKMetadata": "WebApp/CDKMetadata/Default"},
	}
}

func sampleSteps() []decide.RunStep {
	var steps []decide.RunStep
	for i, name := range []string{StepCloning, StepInstalling, decide.BeforeDeploy, StepSynthesizing, StepPublishing} {
		steps = append(steps, decide.RunStep{Name: name, Duration: time.Duration(i+1) * 1234567891, Cached: i == 1})
	}
	return steps
}

func failure(message string) *problem.Problem {
	return &problem.Problem{Reason: "BeforeDeployFailed", Message: message, Outlook: problem.Retries}
}

func TestAResultComesBackAsItWas(t *testing.T) {
	code := int32(3)
	hook := decide.HookResult{Name: decide.BeforeDeploy, ExitCode: &code, Message: "beforeDeploy exited with code 3: größer 🚀", Values: map[string]float64{"a": 0.5}}
	for name, r := range map[string]Result{
		"a plan":        {Plan: samplePlan(), Steps: sampleSteps(), Hooks: []decide.HookResult{{Name: decide.BeforeDeploy, Succeeded: true}}},
		"a failure":     {Failure: failure(hook.Message), Step: decide.BeforeDeploy, Hooks: []decide.HookResult{hook}, Steps: sampleSteps()[:3]},
		"an inspection": {Inspection: &decide.Inspection{Touched: true, Commit: v1alpha1.Commit{Hash: "c0ffee"}}},
		"nothing yet":   {Steps: sampleSteps()[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			message := EncodeMessage(r, MessageLimit(5))
			t.Logf("%d bytes", len(message))
			got, err := DecodeMessage(message)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&r, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !utf8.Valid(message) || strings.ContainsAny(string(message), "\n\"\\") {
				t.Errorf("the message is not plain text: %q", message)
			}
		})
	}
}

func TestWhateverARunBringsBackFits(t *testing.T) {
	long := samplePlan()
	long.Parameters = map[string]string{"Big": noise(30 << 10)}
	hooks := make([]decide.HookResult, 3)
	for i := range hooks {
		hooks[i] = decide.HookResult{Name: fmt.Sprintf("hook-%d", i), Message: noise(problem.MaxMessage), Values: map[string]float64{}}
		for n := range 50 {
			hooks[i].Values[noise(60)+fmt.Sprint(n)] = rand.Float64()
		}
	}
	at := &decide.PlanAt{Bucket: "cdk-hnb659fds-assets-123456789012-eu-west-1", Key: "awscdk-operator/plans/" + long.TemplateDigest + ".json", SHA256: long.TemplateDigest, Bytes: 31000}
	for name, r := range map[string]Result{
		"a plan that can be read elsewhere": {Plan: long, PlanAt: at, Hooks: hooks[:1], Steps: sampleSteps()},
		"a plan that cannot":                {Plan: long, Steps: sampleSteps()},
		"a failure":                         {Failure: failure(noise(problem.MaxMessage)), Step: decide.BeforeDeploy, Hooks: hooks, Steps: sampleSteps()},
		"one that is far too long":          {Failure: failure(noise(64 << 10)), Step: decide.BeforeDeploy, Hooks: hooks, Steps: sampleSteps()},
		"an inspection":                     {Inspection: &decide.Inspection{Commit: v1alpha1.Commit{Hash: "c0ffee", Author: noise(9000), Subject: noise(9000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			for limit := 700; limit <= 4096; limit += 283 {
				message := EncodeMessage(r, limit)
				if len(message) > limit {
					t.Fatalf("%d bytes of %d", len(message), limit)
				}
				got, err := DecodeMessage(message)
				if err != nil {
					t.Fatalf("with %d bytes: %v", limit, err)
				}
				checkKept(t, r, *got, limit)
			}
		})
	}
	for limit := 0; limit < 700; limit += 17 {
		if message := EncodeMessage(Result{Failure: failure(noise(2000)), Hooks: hooks}, limit); len(message) > limit {
			t.Fatalf("%d bytes of %d", len(message), limit)
		}
	}
}

// checkKept checks what must never be left out.
func checkKept(t *testing.T, want, got Result, limit int) {
	t.Helper()
	switch {
	case want.Failure != nil && (got.Failure == nil || got.Failure.Reason != want.Failure.Reason || got.Step != want.Step):
		t.Fatalf("with %d bytes the failure is %+v in %q", limit, got.Failure, got.Step)
	case want.PlanAt != nil && (got.PlanAt == nil || *got.PlanAt != *want.PlanAt || got.Failure != nil):
		t.Fatalf("with %d bytes the plan is at %+v", limit, got.PlanAt)
	case want.Plan != nil && want.PlanAt == nil && !errors.Is(got.Failure, decide.ErrPlanTooLarge):
		t.Fatalf("with %d bytes the plan is lost without a word: %+v", limit, got)
	case want.Inspection != nil && (got.Inspection == nil || got.Inspection.Commit.Hash != "c0ffee"):
		t.Fatalf("with %d bytes the inspection is %+v", limit, got.Inspection)
	}
	if want.Failure != nil && limit > 1500 && !strings.HasPrefix(want.Failure.Message, got.Failure.Message[:20]) {
		t.Fatalf("with %d bytes the message begins with %q", limit, got.Failure.Message)
	}
}

func TestShorteningLeavesTheResultAlone(t *testing.T) {
	r := Result{Failure: failure(noise(5000)), Hooks: []decide.HookResult{{Message: noise(5000), Values: map[string]float64{"a": 1}}}, Plan: samplePlan()}
	_ = EncodeMessage(r, 300)
	if len(r.Failure.Message) != 5000 || len(r.Hooks[0].Message) != 5000 || r.Hooks[0].Values == nil || r.Plan.Inputs == nil {
		t.Error("the result of the run was changed")
	}
}

// compress makes a message of whatever JSON.
func compress(text string) []byte {
	var out bytes.Buffer
	out.WriteString(messageMark)
	w := base64.NewEncoder(base64.RawStdEncoding, &out)
	z, _ := zlib.NewWriterLevelDict(w, zlib.BestCompression, messageWords)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	_ = w.Close()
	return out.Bytes()
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	whole := EncodeMessage(Result{Plan: samplePlan(), Steps: sampleSteps()}, 4096)
	changed := bytes.Clone(whole)
	changed[len(changed)/2]++
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"nothing":                    {nil, ErrNoMessage},
		"blanks":                     {[]byte(" \n\t "), ErrNoMessage},
		"what a kubelet says":        {[]byte("OOMKilled"), ErrOtherMessage},
		"what a tool says":           {[]byte("panic: runtime error\n\ngoroutine 1 [running]:\n"), ErrOtherMessage},
		"bytes":                      {[]byte{0, 255, 254, 1, 2, 3}, ErrOtherMessage},
		"a later version":            {[]byte("awscdk-run-2:abc"), ErrOtherMessage},
		"the mark alone":             {[]byte(messageMark), ErrBrokenMessage},
		"no base64":                  {[]byte(messageMark + "!!!"), ErrBrokenMessage},
		"no zlib":                    {[]byte(messageMark + "AAAAAAAA"), ErrBrokenMessage},
		"one character was changed":  {changed, ErrBrokenMessage},
		"JSON that is no result":     {compress(`["plan"]`), ErrBrokenMessage},
		"half a JSON":                {compress(`{"plan":{`), ErrBrokenMessage},
		"a stream of too many bytes": {compress(`{"step":"` + strings.Repeat("x", maxMessageJSON) + `"}`), ErrBrokenMessage},
		"a text of too many bytes":   {append([]byte(messageMark), bytes.Repeat([]byte("A"), maxMessage)...), ErrBrokenMessage},
	} {
		if r, err := DecodeMessage(c.message); !errors.Is(err, c.want) || r != nil {
			t.Errorf("%s: %+v, %v, want %v", name, r, err, c.want)
		}
	}
	for n := range whole {
		if r, err := DecodeMessage(whole[:n]); err == nil || r != nil {
			t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(whole), r, err)
		}
	}
}

func TestABombTakesNoMemory(t *testing.T) {
	bomb := compress(strings.Repeat(" ", 40<<20))
	if len(bomb) > maxMessage {
		t.Fatalf("the bomb has %d bytes and would not be tried", len(bomb))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DecodeMessage(bomb)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrBrokenMessage) || used > 12<<20 {
		t.Errorf("%d bytes for it, and %v", used, err)
	}
}

// TestTheWordsOfAMessageStay: another text cannot read the messages of runs
// that are under way while the operator is upgraded.
func TestTheWordsOfAMessageStay(t *testing.T) {
	sum := sha256.Sum256(messageWords)
	if got := hex.EncodeToString(sum[:8]); got != "1603505b13b4d307" {
		t.Errorf("message.dict has the digest %s: a new text needs a new mark, and the old one to read old messages", got)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(EncodeMessage(Result{Plan: samplePlan(), Steps: sampleSteps()}, 4096))
	f.Add(EncodeMessage(Result{Failure: failure("no"), Step: StepCloning}, 4096))
	f.Add([]byte("OOMKilled"))
	f.Add([]byte(messageMark))
	f.Add(compress(`{"hooks":[null],"steps":null,"failure":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, message := range [][]byte{data, compress(string(data))} {
			r, err := DecodeMessage(message)
			if (err == nil) == (r == nil) {
				t.Fatalf("%+v, %v", r, err)
			}
			if err != nil {
				if !errors.Is(err, ErrNoMessage) && !errors.Is(err, ErrOtherMessage) && !errors.Is(err, ErrBrokenMessage) {
					t.Fatalf("an error of no kind: %v", err)
				}
				continue
			}
			if again := EncodeMessage(*r, 4096); len(again) > 4096 {
				t.Fatalf("what was read does not fit: %d bytes", len(again))
			}
		}
	})
}
