package httpcheck_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"awscdk.dev/operator/internal/httpcheck"
)

// probing counts what is asked and who is woken, in a bubble of time.
type probing struct {
	*httpcheck.Probes[string]
	mu          sync.Mutex
	asked       int
	at, most    map[string]int
	woken       map[types.NamespacedName]int
	interrupted int
}

func newProbing(t *testing.T) *probing {
	t.Helper()
	p := &probing{at: map[string]int{}, most: map[string]int{}, woken: map[types.NamespacedName]int{}}
	p.Probes = httpcheck.NewProbes[string](httpcheck.ProbesOptions{Changed: func(who []types.NamespacedName) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range who {
			p.woken[w]++
		}
	}})
	return p
}

// takes gives an answer after a while.
func (p *probing) takes(namespace string, d time.Duration, answer string) func(context.Context) string {
	return func(ctx context.Context) string {
		p.mu.Lock()
		p.asked++
		for _, of := range []string{"", namespace} {
			p.at[of]++
			p.most[of] = max(p.most[of], p.at[of])
		}
		p.mu.Unlock()
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() != nil {
			p.interrupted++
		}
		p.at[""]--
		p.at[namespace]--
		return answer
	}
}

func TestAQuestionIsAskedOnceAndItsAnswerWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbing(t)
		defer p.Close()
		who := object("team", 1)
		ask := func(question string) (string, bool) {
			return p.Ask(who, "site", httpcheck.Asking{About: question}, p.takes("team", time.Second, "to "+question))
		}
		for range 3 {
			if _, known := ask("one"); known {
				t.Fatal("it is known at once")
			}
		}
		time.Sleep(2 * time.Second)
		if answer, known := ask("one"); !known || answer != "to one" || p.asked != 1 || p.woken[who] != 1 {
			t.Errorf("%q, %t, asked %d times, woken %d times", answer, known, p.asked, p.woken[who])
		}
		// Another question takes its place, and ends one that is under way.
		ask("two")
		time.Sleep(time.Second / 2)
		ask("three")
		time.Sleep(2 * time.Second)
		if answer, known := ask("three"); !known || answer != "to three" || p.interrupted != 1 || p.woken[who] != 2 {
			t.Errorf("%q, %t, %d interrupted, woken %d times", answer, known, p.interrupted, p.woken[who])
		}
		// What nobody needs is forgotten, and nobody is woken for it.
		p.Ask(who, "other", httpcheck.Asking{About: "x"}, p.takes("team", time.Second, "x"))
		p.Keep(who, "site")
		time.Sleep(2 * time.Second)
		if _, known := ask("three"); !known || p.woken[who] != 2 {
			t.Errorf("known %t, woken %d times", known, p.woken[who])
		}
	})
}

func TestProbesOfANamespaceThatHangHoldUpItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbing(t)
		defer p.Close()
		for i := range 100 {
			p.Ask(object("hostile", i), "site", httpcheck.Asking{About: "q"}, p.takes("hostile", time.Hour, ""))
		}
		who := object("team", 1)
		p.Ask(who, "site", httpcheck.Asking{About: "q"}, p.takes("team", time.Second, "well"))
		time.Sleep(2 * time.Second)
		if answer, known := p.Ask(who, "site", httpcheck.Asking{About: "q"}, nil); !known || answer != "well" {
			t.Errorf("another namespace has to wait: %q, %t", answer, known)
		}
		if p.most["hostile"] != 4 {
			t.Errorf("%d at once", p.most["hostile"])
		}
		// Those who leave make room.
		for i := range 100 {
			p.Keep(object("hostile", i))
		}
		synctest.Wait()
		late := object("hostile", 200)
		p.Ask(late, "site", httpcheck.Asking{About: "q"}, p.takes("hostile", time.Second, "well"))
		time.Sleep(2 * time.Second)
		if _, known := p.Ask(late, "site", httpcheck.Asking{About: "q"}, nil); !known {
			t.Error("those who left are asked all the same")
		}
	})
}

func TestSixteenNamespacesAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbing(t)
		defer p.Close()
		for i := range 100 {
			namespace := fmt.Sprint("team-", i)
			p.Ask(object(namespace, 1), "site", httpcheck.Asking{About: "q"}, p.takes(namespace, time.Minute, ""))
		}
		synctest.Wait()
		if p.most[""] != 16 {
			t.Errorf("%d at once", p.most[""])
		}
	})
}

// TestAnAnswerThatTakesLongerThanThePauseIsTaken: what is asked again does not end
// it, and is asked when that answer was had.
func TestAnAnswerThatTakesLongerThanThePauseIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbing(t)
		defer p.Close()
		who, had := object("team", 1), 0
		for i := range 60 {
			if _, known := p.Ask(who, "site", httpcheck.Asking{About: "q", Time: fmt.Sprint(i)}, p.takes("team", 10*time.Second, "well")); known {
				had++
			}
			time.Sleep(time.Second)
		}
		if had < 4 || had > 6 || p.interrupted > 0 {
			t.Errorf("within a minute %d answers that take ten seconds were had, %d interrupted", had, p.interrupted)
		}
	})
}
