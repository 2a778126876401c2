package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is where the demo tells what it does. On a terminal the steps that are under way share
// one last line which is rewritten; elsewhere every piece of news is a line of its own.
type screen struct {
	out      io.Writer
	terminal bool
	width    func() int
	began    time.Time

	mu     sync.Mutex
	active []*step
	live   bool // whether the last line holds steps under way
}

// leastWhat is how many characters of a step's name are shown beside its news at least.
const leastWhat = 16

// step is one thing that takes a while. Its methods may be called from any goroutine.
type step struct {
	screen *screen
	what   string
	news   string
	began  time.Time
}

// newScreen writes to a file, as a terminal if it is one.
func newScreen(file *os.File) *screen {
	descriptor := int(file.Fd())
	width := func() int {
		if columns, _, err := term.GetSize(descriptor); err == nil {
			return columns
		}
		return 80
	}
	return &screen{out: file, terminal: term.IsTerminal(descriptor), width: width, began: time.Now()}
}

// chapter begins a part of the story.
func (s *screen) chapter(title string) {
	s.line("")
	s.line(s.bold(title) + s.faint(fmt.Sprintf("   %s since the start", seconds(time.Since(s.began)))))
}

// line writes text above the steps under way.
func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	fmt.Fprintln(s.out, text)
	s.draw()
}

// linef is line for a format.
func (s *screen) linef(format string, args ...any) { s.line(fmt.Sprintf(format, args...)) }

// start announces a step. End it with done or failed.
func (s *screen) start(what string) *step {
	begun := &step{screen: s, what: what, began: time.Now()}
	s.mu.Lock()
	s.active = append(s.active, begun)
	s.mu.Unlock()
	if !s.terminal {
		s.linef("  · %s ...", what)
	}
	return begun
}

// say tells how the step is getting on; the same words twice are said once.
func (p *step) say(news string) {
	s := p.screen
	s.mu.Lock()
	same := p.news == news
	p.news = news
	if s.terminal {
		s.erase()
		s.draw()
	}
	s.mu.Unlock()
	if !same && !s.terminal {
		s.linef("    %6s  %s", seconds(time.Since(p.began)), news)
	}
}

// done ends a step well.
func (p *step) done(detail string) {
	p.end(p.screen.colour("32", "✓"), detail)
}

// failed ends a step that did not happen, be it that the visitor has stopped it.
func (p *step) failed(err error) {
	if errors.Is(err, context.Canceled) {
		p.end(p.screen.colour("33", "–"), "stopped")
		return
	}
	p.end(p.screen.colour("31", "✗"), firstLine(err.Error()))
}

func (p *step) end(mark, detail string) {
	s := p.screen
	s.mu.Lock()
	for i, other := range s.active {
		if other == p {
			s.active = append(s.active[:i], s.active[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	if detail != "" {
		detail = s.faint("  " + detail)
	}
	s.linef("  %s %7s  %s%s", mark, seconds(time.Since(p.began)), p.what, detail)
}

// animate redraws the steps under way until stop is called, so that their clocks tick.
func (s *screen) animate() (stop func()) {
	if !s.terminal {
		return func() {}
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-ticker.C:
				s.mu.Lock()
				s.erase()
				s.draw()
				s.mu.Unlock()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(quit)
		<-gone
	}
}

func (s *screen) erase() {
	if s.live {
		fmt.Fprint(s.out, "\r\033[K")
		s.live = false
	}
}

func (s *screen) draw() {
	if !s.terminal || len(s.active) == 0 {
		return
	}
	clock := fmt.Sprintf("  · %7s  ", seconds(time.Since(s.active[0].began)))
	width := s.width() - 1
	parts := make([]string, len(s.active))
	for i, p := range s.active {
		what := p.what
		if len(s.active) == 1 && p.news != "" {
			// The news is what one wants to see; what it is about need not stand there whole.
			what = cut(what, max(width-utf8.RuneCountInString(clock+p.news)-2, leastWhat))
		}
		parts[i] = strings.TrimSpace(what + "  " + p.news)
	}
	text := clock + strings.Join(parts, "; ")
	fmt.Fprint(s.out, cut(text, width))
	s.live = true
}

func (s *screen) bold(text string) string  { return s.colour("1", text) }
func (s *screen) faint(text string) string { return s.colour("2", text) }

func (s *screen) colour(code, text string) string {
	if !s.colours() {
		return text
	}
	return "\033[" + code + "m" + text + "\033[0m"
}

func (s *screen) colours() bool { return s.terminal && os.Getenv("NO_COLOR") == "" }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// cut shortens text to a number of characters, with an ellipsis where something was left out.
func cut(text string, length int) string {
	runes := []rune(text)
	if len(runes) <= length {
		return text
	}
	return string(runes[:max(0, length-1)]) + "…"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// newest is the step that was started last.
func (s *screen) newest() *step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[len(s.active)-1]
}
