package decide

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/internal/problem"
)

// seeOthers sets what is seen of other objects and of what is read from them:
//
//	see inputs digest=D | reason=R err=TEXT (missing) | err=TEXT (not seen)
//	see dependencies      a line each: NAME and any of the words below
//	see importers         the same
//	see dependents [first] a line each: NAME and any of stack, leaving, keeps,
//	                      suspended, circle
//	see cycle a,b,a
//
// The words: ready, failed=REASON, busy=REASON, rev=R, at=TIME, leaving,
// suspended, edited, same (source), irrelevant=R, pending=R, waits (for us).
// No word is an object that does not exist.
func (s *story) seeOthers(t *testing.T, what string, d *datadriven.TestData) {
	t.Helper()
	o := &s.world.Others
	switch what {
	case "inputs":
		s.world.Inputs = Inputs{Seen: true, Digest: text(d, "digest")}
		if problemArg(d) != nil && d.HasArg("reason") {
			s.world.Inputs = Inputs{Seen: true, Missing: problem.Of(problemArg(d))}
		} else if d.HasArg("err") {
			s.world.Inputs = Inputs{Err: problemArg(d)}
		}
		if d.HasArg("polled") {
			s.world.Inputs.Again = s.now.Add(60e9)
		}
	case "dependencies":
		o.Err, o.Dependencies = problemArg(d), neighboursSeen(t, d)
	case "importers":
		o.Importers = neighboursSeen(t, d)
	case "cycle":
		o.Cycle = nil
		if len(d.CmdArgs) > 1 {
			o.Cycle = strings.Split(d.CmdArgs[1].Key, ",")
		}
	case "dependents":
		o.Dependents, o.First = nil, d.HasArg("first")
		for line := range strings.Lines(d.Input) {
			words := strings.Fields(line)
			one := Dependent{Name: words[0]}
			for _, word := range words[1:] {
				flag := map[string]*bool{"stack": &one.Stack, "leaving": &one.Leaving, "keeps": &one.Keeps, "suspended": &one.Suspended, "circle": &one.Circle}[word]
				if flag == nil {
					t.Fatalf("a dependent cannot be %q", word)
				}
				*flag = true
			}
			o.Dependents = append(o.Dependents, one)
		}
	}
}

func neighboursSeen(t *testing.T, d *datadriven.TestData) []Neighbour {
	t.Helper()
	var all []Neighbour
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		n := Neighbour{Name: words[0], Exists: len(words) > 1, Current: true, Ready: metav1.ConditionUnknown}
		for _, word := range words[1:] {
			if err := n.word(t, word); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, n)
	}
	return all
}

func (n *Neighbour) word(t *testing.T, word string) error {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "ready":
		n.Ready, n.Reason = metav1.ConditionTrue, "Deployed"
	case "failed":
		n.Ready, n.Reason = metav1.ConditionFalse, value
	case "busy":
		n.Ready, n.Reason = metav1.ConditionUnknown, value
	case "rev":
		n.Revision = revision(value)
	case "at":
		n.At = moment(t, value)
	case "leaving":
		n.Leaving = true
	case "suspended":
		n.Suspended = true
	case "edited":
		n.Current = false
	case "same":
		n.SameSource = true
	case "irrelevant":
		n.Irrelevant = revision(value)
	case "pending":
		n.Pending = revision(value)
	case "waits":
		n.WaitsForUs = true
	default:
		return errors.New("a neighbour cannot be " + word)
	}
	return nil
}

// exportSeen reads export=NAME and, for one in use, users=STACK,STACK.
func exportSeen(d *datadriven.TestData) *ExportFault {
	name := text(d, "export")
	if name == "" {
		return nil
	}
	x := &ExportFault{Name: name}
	if users := text(d, "users"); users != "" {
		x.InUseBy = strings.Split(users, ",")
	}
	return x
}
