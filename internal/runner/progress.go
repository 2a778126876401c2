package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// progress is what a stage leaves for the next one. Nothing that is started by
// user code lives when it is written, nor when it is read.
type progress struct {
	// Stage is the stage that ended last.
	Stage string `json:"stage"`
	// Deadline is when the whole run has to be over; zero is never.
	Deadline time.Time `json:"deadline,omitzero"`
	Facts    facts     `json:"facts"`
	// Result is that of all stages so far.
	Result decide.RunResult `json:"result"`
}

// readProgress reads what the stage before the one at the index has left. It is
// an error when another stage, or none, has ended last.
func readProgress(dir run.Dir, stages []run.Stage, at int) (p progress, err error) {
	err = run.ReadJSON(dir.Progress(), &p)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return progress{}, fmt.Errorf("go on from the stage before: %w", err)
	}
	want := ""
	if at > 0 {
		want = stages[at-1].Name
	}
	if p.Stage == want {
		return p, nil
	}
	ended := "no stage has ended yet"
	if p.Stage != "" {
		ended = "the stage " + p.Stage + " ended last"
	}
	return p, fmt.Errorf("the stage %s cannot be carried out now: %s, and each stage of a run is carried out once, in this order: %s",
		stages[at].Name, ended, strings.Join(names(stages), ", "))
}

// resultMargin is for what a result gains between putAside and its end.
const resultMargin = 128

// putAside puts the plan where the manager can read it, when the result that
// has it in it does not fit into the message.
func (s *Session) putAside(ctx context.Context, t Tools, out io.Writer) error {
	if s.messageLimit == 0 || run.MessageFits(s.result(s.plan, nil), s.messageLimit-resultMargin) {
		return nil
	}
	data, err := json.Marshal(s.plan)
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	at, err := t.Publisher.PublishPlan(ctx, s.facts.Stack, data, out)
	if err != nil {
		return err
	}
	s.planAt = &at
	if run.EncodeMessage(s.result(s.plan, nil), s.messageLimit-resultMargin) == nil {
		return decide.ErrPlanTooLarge.New("what the app asks for when its deploy role is assumed is too large for the message of a run's pod, beside where the plan is; make assumeRoleAdditionalOptions shorter")
	}
	return nil
}
