package controller

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// TestAQuestionIsAskedOnce asks in passes, as an object does: the first begins it,
// and its answer wakes the object; another question gives it up.
func TestAQuestionIsAskedOnce(t *testing.T) {
	var b background
	about := subject{types.NamespacedName{Name: "web"}, "causes"}
	told, running, began := make(chan struct{}, 10), make(chan struct{}), 0
	answer, given := make(chan string), make(chan error, 10)
	ask := func(question string) (any, bool) {
		return b.ask(about, question, func() { told <- struct{}{} }, func() func(context.Context) any {
			began++
			return func(ctx context.Context) any {
				running <- struct{}{}
				select {
				case a := <-answer:
					return a
				case <-ctx.Done():
					given <- ctx.Err()
					return nil
				}
			}
		})
	}
	for range 3 {
		if _, known := ask("first"); known {
			t.Fatal("it is known before there is an answer")
		}
	}
	<-running
	answer <- "because"
	<-told
	if a, known := ask("first"); !known || a != "because" || began != 1 {
		t.Fatalf("answered %v, %v, after %d beginnings", a, known, began)
	}
	ask("second")
	<-running
	ask("third")
	if err := <-given; err != context.Canceled {
		t.Errorf("the second question was given up with %v", err)
	}
	<-running
	b.leave(about)
	<-given
	if _, known := ask("first"); known || began != 4 {
		t.Errorf("what was left is known still, after %d beginnings", began)
	}
	<-running
	b.leave(about)
}

// TestFewQuestionsAreAskedAtOnce has more objects ask than may be answered at once.
func TestFewQuestionsAreAskedAtOnce(t *testing.T) {
	var b background
	running, on := make(chan struct{}, 100), make(chan struct{})
	for i := range 3 * asking {
		b.ask(subject{types.NamespacedName{Name: string(rune('a' + i))}, "causes"}, "q", func() {}, func() func(context.Context) any {
			return func(context.Context) any { running <- struct{}{}; <-on; return nil }
		})
	}
	for range asking {
		<-running
	}
	select {
	case <-running:
		t.Error("more are asked at once than may be")
	case <-time.After(50 * time.Millisecond):
	}
	close(on)
	for range 2 * asking {
		<-running
	}
}
