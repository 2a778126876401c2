package run

import (
	"bytes"
	"compress/zlib"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
)

// A message is a mark and, in base64, the zlib stream of a Result's JSON that
// was made with the dictionary of that mark.
const messageMark = "awscdk-run-1:"

// messageWords is what results have in common, the most common last. It
// belongs to messageMark: another text needs another mark.
//
//go:embed message.dict
var messageWords []byte

const (
	// maxMessage bounds the message that is read, in bytes. A kubelet keeps 4096.
	maxMessage = 64 << 10
	// maxMessageJSON bounds what a message may decompress to, in bytes.
	maxMessageJSON = 1 << 20
)

// EncodeMessage writes a result as a termination message of at most limit
// bytes. What does not fit is left out: first a plan that can be read elsewhere,
// see PlanAt, then the middle of long texts, then what only people miss. The
// reason of a failure stays; a plan that neither fits nor is elsewhere becomes
// a failure. The message is empty when limit is too small for anything.
func EncodeMessage(r Result, limit int) []byte {
	for _, smaller := range smallerResults {
		r = smaller(r)
		if message := encodeMessage(r); len(message) <= limit {
			return message
		}
	}
	return nil
}

// MessageFits says whether a whole result is a message of at most limit bytes.
func MessageFits(r Result, limit int) bool { return len(encodeMessage(r)) <= limit }

// smallerResults make a result smaller, one after the other.
var smallerResults = []func(Result) Result{
	func(r Result) Result { return r },
	func(r Result) Result {
		if r.PlanAt != nil {
			r.Plan = nil
		}
		return r
	},
	shortenTexts(1024), shortenTexts(512), shortenTexts(256), shortenTexts(128),
	withoutDetail, refusePlan, shortenTexts(64), onlyFailure,
}

// shortenTexts cuts what was written by others to n bytes each.
func shortenTexts(n int) func(Result) Result {
	return func(r Result) Result {
		r.Failure = shortened(r.Failure, n)
		r.Hooks = slices.Clone(r.Hooks)
		for i := range r.Hooks {
			r.Hooks[i].Message = problem.CutMiddle(r.Hooks[i].Message, n)
		}
		if r.Inspection != nil {
			found := *r.Inspection
			found.Commit.Author, found.Commit.Subject = problem.Cut(found.Commit.Author, n), problem.Cut(found.Commit.Subject, n)
			r.Inspection = &found
		}
		return r
	}
}

func shortened(p *problem.Problem, n int) *problem.Problem {
	if p == nil {
		return nil
	}
	short := *p
	short.Message = problem.CutMiddle(p.Message, n)
	return &short
}

// withoutDetail leaves out what no decision needs.
func withoutDetail(r Result) Result {
	r.Steps = nil
	r.Hooks = slices.Clone(r.Hooks)
	for i := range r.Hooks {
		r.Hooks[i].Values = nil
	}
	if r.Plan != nil {
		plan := *r.Plan
		plan.ConstructPaths, plan.Inputs, plan.Validation = nil, nil, nil
		r.Plan = &plan
	}
	return r
}

// refusePlan makes a failure of a plan that does not fit.
func refusePlan(r Result) Result {
	if r.Plan == nil {
		return r
	}
	r.Plan, r.Step = nil, StepPublishing
	r.Failure = decide.ErrPlanTooLarge.New("the plan is too large for the message of a run's pod, and was not put into the bucket of the CDK bootstrap")
	return r
}

// onlyFailure keeps nothing but why the run failed, in one word.
func onlyFailure(r Result) Result {
	return Result{Failure: shortened(r.Failure, 0), Step: r.Step, PlanAt: r.PlanAt}
}

func encodeMessage(r Result) []byte {
	data, err := json.Marshal(r)
	if err != nil {
		return nil // plain data always encodes
	}
	var out bytes.Buffer
	out.WriteString(messageMark)
	text := base64.NewEncoder(base64.RawStdEncoding, &out)
	// Neither a level that there is nor a buffer in memory fails.
	z, _ := zlib.NewWriterLevelDict(text, zlib.BestCompression, messageWords)
	_, _ = z.Write(data)
	_ = z.Close()
	_ = text.Close()
	return out.Bytes()
}

// DecodeMessage reads what EncodeMessage wrote. The error is ErrNoMessage,
// ErrOtherMessage or ErrBrokenMessage when it is something else.
func DecodeMessage(message []byte) (*Result, error) {
	text := strings.TrimSpace(string(message[:min(len(message), maxMessage+1)]))
	if text == "" {
		return nil, ErrNoMessage
	}
	text, ok := strings.CutPrefix(text, messageMark)
	switch {
	case !ok:
		return nil, ErrOtherMessage
	case len(message) > maxMessage:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrBrokenMessage, maxMessage)
	}
	data, err := inflate(text)
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%w: it holds no result", ErrBrokenMessage)
	}
	return &r, nil
}

// inflate decompresses no more than a result may have.
func inflate(text string) ([]byte, error) {
	z, err := zlib.NewReaderDict(base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(text)), messageWords)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBrokenMessage, err)
	}
	defer z.Close()
	data, err := io.ReadAll(io.LimitReader(z, maxMessageJSON+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBrokenMessage, err)
	}
	if len(data) > maxMessageJSON {
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrBrokenMessage, maxMessageJSON)
	}
	return data, nil
}
