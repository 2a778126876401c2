package e2e

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// probe asks the service without a pause, as those who use it do.
type probe struct {
	url string

	mu       sync.Mutex
	total    int
	failures []string
	// last is the last answer, and run how often it came without another between.
	last string
	run  int
}

// probers is how many ask at the same time, and between is their pause.
const (
	probers = 2
	between = 4 * time.Millisecond
)

// startProbe asks until the test ends.
func startProbe(t *testing.T, url string) *probe {
	p := &probe{url: url}
	stop := make(chan struct{})
	var ended sync.WaitGroup
	for range probers {
		ended.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			for {
				select {
				case <-stop:
					return
				case <-time.After(between):
					p.ask(client)
				}
			}
		})
	}
	t.Cleanup(func() { close(stop); ended.Wait() })
	return p
}

func (p *probe) ask(client *http.Client) {
	text, err := get(client, p.url)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	if err != nil {
		text = err.Error()
		p.failures = append(p.failures, text)
	}
	if text != p.last {
		p.last, p.run = text, 0
	}
	p.run++
}

func get(client *http.Client, url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	return string(body), err
}

// count is how many requests there were so far, and which of them failed.
func (p *probe) count() (total int, failures []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total, p.failures
}

// more waits until so many more requests were made.
func (p *probe) more(t *testing.T, n int) {
	t.Helper()
	before, _ := p.count()
	awstest.Eventually(t, fmt.Sprintf("%d more requests were made", n), func() bool {
		total, _ := p.count()
		return total >= before+n
	})
}

// until waits until the service gives this answer only.
func (p *probe) until(t *testing.T, answer string) {
	t.Helper()
	awstest.Eventually(t, "the service answers "+answer, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.last == answer && p.run >= 100
	})
}
