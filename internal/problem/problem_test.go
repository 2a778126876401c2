package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestAProblemIsToldApartByItsKind(t *testing.T) {
	cause := errors.New("no route")
	p := NoDiskSpace.Because(cause, "%d MiB are free", 5)
	wrapped := fmt.Errorf("start run: %w", p)
	if !errors.Is(wrapped, NoDiskSpace) || !errors.Is(wrapped, cause) || errors.Is(wrapped, StackBusy) {
		t.Errorf("%v is told apart wrongly", wrapped)
	}
	if other := p.With(Retries); other.Outlook != Retries || p.Outlook != Waits || !errors.Is(other, NoDiskSpace) {
		t.Errorf("With gives %+v and leaves %+v", other, p)
	}
}

func TestFindJudgesAnyError(t *testing.T) {
	cases := map[string]struct {
		err     error
		reason  string
		message string
		outlook Outlook
	}{
		"a problem":                         {StackBusy.New("busy"), "StackBusy", "busy", Waits},
		"a wrapped problem says all":        {fmt.Errorf("read: %w", StackBusy.New("busy")), "StackBusy", "read: busy", Waits},
		"an outlook of its own":             {fmt.Errorf("read: %w", StackBusy.New("busy").With(Stalls)), "StackBusy", "read: busy", Stalls},
		"the outermost wins":                {RunLost.Because(StackBusy.New("busy"), "lost"), "RunLost", "lost", Retries},
		"a kind":                            {fmt.Errorf("read it: %w", NotSupported), "NotSupported", "read it: NotSupported", Stalls},
		"a kind before the end of its time": {TemplateTooLarge.Because(context.DeadlineExceeded, "big"), "TemplateTooLarge", "big", Stalls},
		"the end of its time":               {fmt.Errorf("wait: %w", context.DeadlineExceeded), "TimedOut", "wait: context deadline exceeded", Retries},
		"a cancelled context":               {context.Canceled, "Cancelled", "context canceled", Waits},
		"an error that nobody has named":    {errors.New("odd"), "Error", "odd", Waits},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := Of(c.err)
			if p.Reason != c.reason || p.Message != c.message || p.Outlook != c.outlook {
				t.Errorf("Of(%v) = %+v", c.err, p)
			}
			if !errors.Is(p, c.err) {
				t.Errorf("%+v has lost its cause", p)
			}
		})
	}
	if _, ok := Find(errors.New("odd")); ok || Of(nil) != nil {
		t.Error("a problem was found where there is none")
	}
}

func TestWhatAnEarlierVersionWroteIsRead(t *testing.T) {
	for text, want := range map[string]Outlook{
		`{"reason":"A","message":"m","permanent":true}`:  Stalls,
		`{"reason":"A","message":"m","temporary":true}`:  Waits,
		`{"reason":"A","message":"m","step":"Cloning"}`:  Retries,
		`{"reason":"A","message":"m","outlook":"waits"}`: Waits,
	} {
		var p Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Reason != "A" || p.Message != "m" || p.Outlook != want {
			t.Errorf("%s is read as %+v, %v", text, p, err)
		}
		data, err := json.Marshal(&p)
		var again Problem
		if err != nil || json.Unmarshal(data, &again) != nil || again != p {
			t.Errorf("%+v is written as %s, %v", p, data, err)
		}
	}
}

func TestAReasonIsDeclaredOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a second declaration went unnoticed")
		}
	}()
	Declare("TimedOut", Stalls)
}
