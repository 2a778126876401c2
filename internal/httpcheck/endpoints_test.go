package httpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"awscdk.dev/operator/internal/httpcheck"
)

// asking is an Endpoints whose requests end at once and are counted, in a bubble
// of time.
type asking struct {
	*httpcheck.Endpoints
	mu       sync.Mutex
	requests map[string]int
	answer   string
	err      error
	takes    time.Duration
	most, in map[string]int
	woken    map[types.NamespacedName]int
}

func newAsking(t *testing.T) *asking {
	t.Helper()
	a := &asking{requests: map[string]int{}, woken: map[types.NamespacedName]int{}, most: map[string]int{}, in: map[string]int{}}
	a.Endpoints = httpcheck.NewEndpoints(httpcheck.EndpointsOptions{Now: time.Now, Get: a.get, Changed: a.changed})
	return a
}

func (a *asking) get(ctx context.Context, r httpcheck.Request) (httpcheck.Answer, error) {
	a.mu.Lock()
	a.requests[r.URL]++
	a.in[""]++
	a.most[""] = max(a.most[""], a.in[""])
	answer, err, takes := a.answer, a.err, a.takes
	a.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.in[""]--
	return httpcheck.Answer{Status: 200, Body: []byte(answer)}, err
}

func (a *asking) changed(who []types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range who {
		a.woken[w]++
	}
}

// says changes what the endpoints answer from now on.
func (a *asking) says(answer string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer, a.err = answer, err
}

func (a *asking) asked(address string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests[address]
}

func (a *asking) news(who types.NamespacedName) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.woken[who]
}

func question(namespace, address string) httpcheck.Question {
	return httpcheck.Question{
		Namespace: namespace, Expression: "body == 'calm'", Request: httpcheck.Request{URL: address, Headers: map[string]string{"Authorization": token}},
		Judge: func(_ context.Context, a httpcheck.Answer) (bool, error) {
			if string(a.Body) == "garbage" {
				return false, fmt.Errorf("no %s with %s", a.Body, token)
			}
			return string(a.Body) == "calm", nil
		},
	}
}

func object(namespace string, i int) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("web-", i)}
}

// TestAThousandObjectsCauseOneRequestAnInterval, and are woken by news only.
func TestAThousandObjectsCauseOneRequestAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t)
		defer a.Close()
		a.says("alarm", nil)
		q := question("team", "https://incidents.example")
		for i := range 1000 {
			a.Ask(object("team", i), []httpcheck.Question{q})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range 1000 {
			if found := a.Ask(object("team", i), []httpcheck.Question{q}); !found[0].Known || found[0].Yes {
				t.Fatalf("%+v", found)
			}
		}
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if n := a.asked(q.Request.URL); n > 21 || n < 20 {
			t.Errorf("%d requests within ten minutes", n)
		}
		told := map[int]int{}
		for i := range 1000 {
			if told[i] = a.news(object("team", i)); told[i] > 1 { // those that asked before the first answer
				t.Fatalf("object %d was woken %d times although nothing changed", i, told[i])
			}
		}
		a.says("calm", nil)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		for i := range 1000 {
			if n := a.news(object("team", i)) - told[i]; n != 1 {
				t.Fatalf("object %d was woken %d times by one change", i, n)
			}
		}
		found := a.Ask(object("team", 0), []httpcheck.Question{q})
		if !found[0].Yes || time.Since(found[0].SeenAt) > 31*time.Second {
			t.Errorf("%+v", found)
		}
	})
}

func TestNobodyWaitsNobodyIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t)
		defer a.Close()
		q := question("team", "https://incidents.example")
		who := object("team", 1)
		a.Ask(who, []httpcheck.Question{q})
		time.Sleep(45 * time.Second)
		synctest.Wait()
		a.Leave(who)
		before := a.asked(q.Request.URL)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := a.asked(q.Request.URL); n != before || before != 2 {
			t.Errorf("%d requests, then %d", before, n)
		}
		if found := a.Ask(who, []httpcheck.Question{q}); found[0].Known {
			t.Errorf("an answer of an hour ago: %+v", found)
		}
		// Another question takes the place of the one before.
		other := question("team", "https://other.example")
		a.Ask(who, []httpcheck.Question{other})
		time.Sleep(time.Minute)
		synctest.Wait()
		before = a.asked(q.Request.URL)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := a.asked(q.Request.URL); n != before {
			t.Errorf("what is no longer asked was asked %d times more", n-before)
		}
	})
}

func TestAnswersAreNotSharedAmongNamespacesSecretsAndExpressions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t)
		defer a.Close()
		const address = "https://incidents.example"
		all := []httpcheck.Question{question("team", address), question("other", address), question("team", address), question("team", address), question("team", address)}
		all[2].Expression = "another"
		all[3].Request.Headers = map[string]string{"Authorization": "another"}
		all[4].Request.CA = []byte("another")
		for i, q := range all {
			a.Ask(object(q.Namespace, i), []httpcheck.Question{q})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := a.asked(address); n != len(all) {
			t.Errorf("%d requests for %d questions", n, len(all))
		}
	})
}

func TestErrorsAreFindingsWithoutSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t)
		defer a.Close()
		who, q := object("team", 1), question("team", "https://incidents.example")
		a.says("garbage", nil)
		a.Ask(who, []httpcheck.Question{q})
		time.Sleep(time.Second)
		synctest.Wait()
		found := a.Ask(who, []httpcheck.Question{q})[0]
		if !found.Known || found.Yes || found.Err == nil || found.Err.Error() != "no garbage with ***" {
			t.Errorf("%+v", found)
		}
		a.says("", errors.New("it is down"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		found = a.Ask(who, []httpcheck.Question{q})[0]
		if n := a.news(who); n != 2 || found.Err == nil || found.Err.Error() != "it is down" {
			t.Errorf("woken %d times: %+v", n, found)
		}
	})
}

func TestANamespaceWhoseEndpointsHangHoldsUpItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t)
		defer a.Close()
		a.takes = 30 * time.Second
		for i := range 100 {
			a.Ask(object("hostile", i), []httpcheck.Question{question("hostile", fmt.Sprint("https://hangs.example/", i))})
		}
		synctest.Wait()
		if a.most[""] != 4 {
			t.Errorf("%d requests at once", a.most[""])
		}
		a.takes = 0
		who, q := object("team", 1), question("team", "https://incidents.example")
		a.Ask(who, []httpcheck.Question{q})
		time.Sleep(time.Second)
		synctest.Wait()
		if found := a.Ask(who, []httpcheck.Question{q})[0]; !found.Known {
			t.Error("another namespace has to wait")
		}
	})
}
