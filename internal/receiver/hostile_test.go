package receiver_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"

	"github.com/google/go-cmp/cmp"
)

func TestSignedGarbageIsAnsweredAndHasNoEffect(t *testing.T) {
	noise := make([]byte, 4096)
	_, _ = rand.Read(noise)
	cases := map[string]struct {
		body   string
		status int
	}{
		"nothing":                          {"", http.StatusBadRequest},
		"noise":                            {string(noise), http.StatusBadRequest},
		"half a payload":                   {githubPush("org/app", 1)[:200], http.StatusBadRequest},
		"two payloads":                     {githubPush("org/app", 1) + githubPush("org/app", 2), http.StatusBadRequest},
		"a list":                           {`[{"repository":{"clone_url":"https://h/a"}}]`, http.StatusBadRequest},
		"a text for a repository":          {`{"repository":"https://h/a"}`, http.StatusBadRequest},
		"a number for an address":          {`{"repository":{"clone_url":7}}`, http.StatusBadRequest},
		"a million brackets":               {strings.Repeat("[", 1_000_000), http.StatusBadRequest},
		"a million objects in one another": {strings.Repeat(`{"repository":`, 70_000), http.StatusBadRequest},
		"null":                             {"null", http.StatusUnprocessableEntity},
		"no repository":                    {`{"ref":"refs/heads/main"}`, http.StatusUnprocessableEntity},
		"a path for an address":            {`{"repository":{"clone_url":"/etc/passwd"}}`, http.StatusUnprocessableEntity},
		"an option for an address":         {`{"repository":{"clone_url":"--upload-pack=touch /tmp/x"}}`, http.StatusUnprocessableEntity},
		"a line end in the address":        {`{"repository":{"clone_url":"https://h/a\nlevel=ERROR msg=forged"}}`, http.StatusUnprocessableEntity},
		"an address of a megabyte":         {`{"repository":{"clone_url":"https://h/` + strings.Repeat("a", 1<<20) + `"}}`, http.StatusUnprocessableEntity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(githubHook(secret, "push", "id", c.body), c.status, "the body")
			if got := w.pushes(); len(got) > 0 {
				t.Errorf("told of pushes to %v", got)
			}
			w.expect(githubHook(secret, "push", "id", githubPush("org/app", 1)), http.StatusAccepted, "accepted")
		})
	}
}

func TestOneDeliveryTellsOfSixteenRepositoriesAtMost(t *testing.T) {
	w := start(t)
	var addresses []string
	for i := range 10_000 {
		addresses = append(addresses, fmt.Sprintf(`"https://h/%d"`, i))
	}
	w.expect(genericHook(secret, w.now, `{"repositories":[`+strings.Join(addresses, ",")+`]}`), http.StatusAccepted, "accepted")
	if n := len(w.pushes()); n != 16 {
		t.Errorf("told of %d repositories, want 16", n)
	}
}

// zeros is a body without end, that counts what was taken of it.
type zeros struct{ taken, left atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left.Load())
	if n == 0 {
		return 0, io.EOF
	}
	clear(p)
	z.left.Add(-n)
	z.taken.Add(n)
	return int(n), nil
}

func TestABodyOf100MiBIsNotTaken(t *testing.T) {
	const size = 100 << 20
	h := githubHook(secret, "push", "id", "{}")
	cases := map[string]struct {
		hook     hook
		declared int64
		status   int
		most     int64 // bytes that may leave the sender
	}{
		// What lies in buffers between the two counts as taken.
		"whose length is said":           {h, size, http.StatusRequestEntityTooLarge, 20 << 20},
		"that comes in chunks":           {h, -1, http.StatusRequestEntityTooLarge, 45 << 20},
		"without a signature, in chunks": {h.with("X-Hub-Signature-256", ""), -1, http.StatusUnauthorized, 20 << 20},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			body := &zeros{}
			body.left.Store(size)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/hooks/github", io.NopCloser(body))
			must(t, err)
			req.ContentLength = c.declared
			for name, value := range c.hook.header {
				req.Header.Set(name, value)
			}
			resp, err := w.client.Do(req)
			if err != nil {
				t.Logf("the connection was closed on the sender: %v", err)
			} else {
				defer resp.Body.Close()
				if resp.StatusCode != c.status {
					t.Errorf("answered with %d, want %d", resp.StatusCode, c.status)
				}
			}
			if got := body.taken.Load(); got > c.most {
				t.Errorf("%d bytes were taken, want at most %d", got, c.most)
			}
			w.expect(githubHook(secret, "push", "id", githubPush("org/app", 1)), http.StatusAccepted, "accepted")
		})
	}
}

func TestABodyOf25MiBIsTaken(t *testing.T) {
	w := start(t)
	push := githubPush("org/app", 1)
	body := push + strings.Repeat(" ", 25<<20-len(push))
	w.expect(githubHook(secret, "push", "id", body), http.StatusAccepted, "accepted")
	w.expect(githubHook(secret, "push", "id", body+" "), http.StatusRequestEntityTooLarge, "25 MiB")
	if diff := cmp.Diff([]string{"github.com/org/app"}, w.pushes()); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
}

func TestTheServerWaitsForNobodyForLong(t *testing.T) {
	s := receiver.NewServer(nil, nopLog())
	for name, timeout := range map[string]time.Duration{
		"the headers": s.ReadHeaderTimeout, "the request": s.ReadTimeout, "the answer": s.WriteTimeout, "the next request": s.IdleTimeout,
	} {
		if timeout <= 0 || timeout > 30*time.Second {
			t.Errorf("the time for %s is %s, want some, and 30 s at most", name, timeout)
		}
	}
}

func TestSlowSendersAreCutOffAndHoldUpNobody(t *testing.T) {
	w := start(t, func(_ *receiver.Options, s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout = 400*time.Millisecond, 800*time.Millisecond
	})
	cases := map[string]string{
		"headers without end": "POST /hooks/github HTTP/1.1\r\nHost: h\r\nX-Slow: ",
		"a body without end": "POST /hooks/github HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: push\r\n" +
			"X-Hub-Signature-256: " + sha256Of(secret, "x") + "\r\nContent-Length: 1000000\r\n\r\n{",
		"nothing": "",
	}
	for name, beginning := range cases {
		for range 5 {
			conn := dial(t, w.address)
			_, err := io.WriteString(conn, beginning)
			must(t, err)
			go func() {
				for { // one byte at a time, until the server closes
					if _, err := conn.Write([]byte("a")); err != nil || name == "nothing" {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}()
			t.Cleanup(func() {
				must(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
				if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
					t.Errorf("%s: the connection is still open", name)
				}
			})
		}
	}
	w.expect(githubHook(secret, "push", "id", githubPush("org/app", 1)), http.StatusAccepted, "accepted")
}

func TestABodyThatTakesTooLongIsAnsweredSo(t *testing.T) {
	w := start(t, func(_ *receiver.Options, s *http.Server) { s.ReadTimeout = 300 * time.Millisecond })
	conn := dial(t, w.address)
	_, err := io.WriteString(conn, "POST /hooks/github HTTP/1.1\r\nHost: h\r\nX-Hub-Signature-256: "+sha256Of(secret, "x")+"\r\nContent-Length: 9\r\n\r\n{")
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("answered with %d, want 408", resp.StatusCode)
	}
}

func TestHeadersOf1MiBAreRefused(t *testing.T) {
	w := start(t)
	conn := dial(t, w.address)
	go func() {
		_, _ = io.WriteString(conn, "POST /hooks/github HTTP/1.1\r\nHost: h\r\nX-Big: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
	}()
	must(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	line, err := bufio.NewReader(conn).ReadString('\n')
	must(t, err)
	if !strings.Contains(line, "431") {
		t.Errorf("answered with %q, want 431", line)
	}
}

func TestConnectionsBeyondTheBoundWaitForAPlace(t *testing.T) {
	w := start(t, func(_ *receiver.Options, s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout = time.Minute, time.Minute
	})
	idle := dial(t, w.address)
	for range 1023 {
		dial(t, w.address)
	}
	last := dial(t, w.address) // by the kernel; the server does not know of it
	_, err := io.WriteString(last, "GET /hooks/github HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	must(t, last.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	if _, err := last.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("connection 1,025 was served beside 1,024 others: %v", err)
	}
	must(t, idle.Close())
	must(t, last.SetReadDeadline(time.Now().Add(30*time.Second)))
	line, err := bufio.NewReader(last).ReadString('\n')
	must(t, err)
	if !strings.Contains(line, "405") {
		t.Errorf("answered with %q, want 405", line)
	}
}

func TestNoSecretIsShownToAnybody(t *testing.T) {
	w := start(t, through)
	var told strings.Builder
	for i, h := range []hook{
		githubHook(secret, "push", "id", githubPush("org/app", 1)),
		githubHook("not-a-secret-of-this-receiver", "push", "id", "{}"),
		githubHook(secret, "push", "id", `{"repository":{"clone_url":"https://robot:hunter2@h/a","x":"\u0000`),
		genericHook(secret, w.now, `{"repository":"https://robot:hunter2@h/a"}`),
		gitlabHook(secret, "Push Hook", "id", gitlabPush),
		gitlabHook(secret+"x", "Push Hook", "id", gitlabPush),
		gitlabSigned("another-key", "id", w.now, gitlabPush),
	} {
		_, text := w.send(h.with("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)))
		told.WriteString(text + "\n")
	}
	w.keep(fmt.Errorf("the API server does not answer"))
	_, text := w.send(gitlabHook(secret, "Push Hook", "id", gitlabPush))
	told.WriteString(text)
	for _, hidden := range []string{secret, another, signing, signingKey, "hunter2", "API server"} {
		if strings.Contains(told.String(), hidden) {
			t.Errorf("an answer has %q:\n%s", hidden, told.String())
		}
		if hidden != "API server" && strings.Contains(w.logged(), hidden) {
			t.Errorf("the log has %q:\n%s", hidden, w.logged())
		}
	}
	if !strings.Contains(w.logged(), "the API server does not answer") {
		t.Errorf("the log does not say why webhooks are refused:\n%s", w.logged())
	}
}
