package git

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// tokenMargin is how long before its end a token is given up for looks.
	tokenMargin = 5 * time.Minute
	// runMargin is how long a token lasts that a run is given at least: runs
	// may wait for their turn.
	runMargin = 30 * time.Minute
	// exchangeTimeout bounds asking for a token.
	exchangeTimeout = 15 * time.Second
)

// Apps exchanges GitHub Apps' keys for tokens, and keeps each token until five
// minutes before its end. It may be used by many at a time; one exchange at a
// time is made for each App.
type Apps struct {
	now func() time.Time

	mu     sync.Mutex
	tokens map[string]*appToken // by App.holder
}

type appToken struct {
	mu    sync.Mutex // held while exchanging
	value string
	ends  time.Time
	err   error // of an exchange that is not to be tried again before retry
	retry time.Time
}

// NewApps returns an Apps without tokens. Now is the clock.
func NewApps(now func() time.Time) *Apps {
	return &Apps{now: now, tokens: map[string]*appToken{}}
}

// Plain returns the remote's credentials with a token in the place of the App,
// good for half an hour at least: what a run can use, which has no App's key.
// Credentials without an App come back as they are. Errors are of this
// package's kinds and hold no secret.
func (a *Apps) Plain(ctx context.Context, remote Remote) (Credentials, error) {
	return a.plain(ctx, remote, runMargin)
}

func (a *Apps) plain(ctx context.Context, remote Remote, margin time.Duration) (Credentials, error) {
	c := remote.Credentials
	if c.App.IsZero() {
		return c, nil
	}
	if err := c.App.validate(); err != nil {
		return Credentials{}, err
	}
	if err := c.App.serves(remote.Repository); err != nil {
		return Credentials{}, err
	}
	holder := c.App.holder()
	token, err := a.token(ctx, holder, c, margin)
	if err != nil {
		return Credentials{}, err
	}
	c.Username, c.Password, c.Holder, c.App = "x-access-token", token, holder, App{}
	return c, nil
}

func (a *Apps) entry(holder string) *appToken {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, t := range a.tokens {
		// One that ended long ago is no longer asked for.
		if name != holder && t.mu.TryLock() {
			if a.now().After(t.ends) && a.now().After(t.retry) {
				delete(a.tokens, name)
			}
			t.mu.Unlock()
		}
	}
	if a.tokens[holder] == nil {
		a.tokens[holder] = &appToken{}
	}
	return a.tokens[holder]
}

func (a *Apps) token(ctx context.Context, holder string, c Credentials, margin time.Duration) (string, error) {
	t := a.entry(holder)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends.Sub(a.now()) > margin {
		return t.value, nil
	}
	if t.err != nil && a.now().Before(t.retry) {
		return "", t.err // many repositories of one App do not all ask
	}
	var err error
	t.value, t.ends, err = exchange(ctx, c, a.now())
	t.err, t.retry = err, a.now().Add(firstRetry)
	return t.value, err
}

// refused forgets a token that a server did not take.
func (a *Apps) refused(c Credentials) {
	t := a.entry(c.Holder)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == c.Password {
		t.value, t.ends = "", time.Time{}
	}
}

// exchange asks GitHub for a token that may read contents and nothing else.
// https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
func exchange(ctx context.Context, c Credentials, now time.Time) (token string, ends time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	request, err := exchangeRequest(ctx, c.App, now)
	if err != nil {
		return "", time.Time{}, err
	}
	host := request.URL.Host
	client := *clientFor(c.CA)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return "", time.Time{}, explainExchange(ctx, host, err)
	}
	if len(c.CA) > 0 {
		defer client.CloseIdleConnections()
	}
	defer drain(response.Body)
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return "", time.Time{}, explainExchange(ctx, host, err)
	}
	if response.StatusCode != http.StatusCreated {
		return "", time.Time{}, explainRefusal(host, response.StatusCode, body)
	}
	var answer struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires_at"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Token == "" || hasControl(answer.Token) || answer.Expires.IsZero() {
		return "", time.Time{}, fail(ErrProtocol, "%s gave no token for the GitHub App; check %s", host, appBaseURLKey)
	}
	return answer.Token, answer.Expires, nil
}

func exchangeRequest(ctx context.Context, a App, now time.Time) (*http.Request, error) {
	api, err := a.api()
	if err != nil {
		return nil, err
	}
	jwt, err := a.jwt(now)
	if err != nil {
		return nil, err
	}
	address := api.JoinPath("app", "installations", a.InstallationID, "access_tokens").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(`{"permissions":{"contents":"read"}}`)))
	if err != nil {
		return nil, invalid("%s is not the https address of a GitHub API", appBaseURLKey)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + jwt, "Accept": "application/vnd.github+json", "Content-Type": "application/json",
		"X-GitHub-Api-Version": "2022-11-28", "User-Agent": agent,
	} {
		request.Header.Set(name, value)
	}
	return request, nil
}

func explainExchange(ctx context.Context, host string, err error) error {
	if explained := explainCertificate(host, err); explained != nil {
		return explained
	}
	if ctx.Err() != nil {
		return failBecause(ErrUnreachable, ctx.Err(), "%s did not give a token for the GitHub App in time; it is tried again", host)
	}
	return failBecause(ErrUnreachable, err, "cannot reach %s for a token of the GitHub App: %s; it is tried again", host, printable(cause(err)))
}

func explainRefusal(host string, status int, body []byte) error {
	said := ""
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Message != "" {
		said = fmt.Sprintf(", %q", printable(answer.Message))
	}
	switch {
	case status == http.StatusUnauthorized:
		return fail(ErrAuth, "%s does not know the GitHub App by this key (HTTP %d%s); check %s and %s, and the cluster's clock", host, status, said, appIDKey, appPrivateKeyKey)
	case status == http.StatusNotFound:
		return fail(ErrAuth, "%s knows no such installation of the GitHub App (HTTP %d%s); check %s", host, status, said, appInstallationKey)
	case status == http.StatusForbidden || status == http.StatusUnprocessableEntity:
		return fail(ErrAuth, "%s gives the GitHub App no token to read contents (HTTP %d%s); give the App the permission Contents: read, and see that its installation is not suspended", host, status, said)
	case status == http.StatusTooManyRequests || status >= 500:
		return fail(ErrUnreachable, "%s gives no token for the GitHub App at present (HTTP %d%s); it is tried again", host, status, said)
	case status >= 300 && status < 400:
		return fail(ErrRedirect, "%s redirects instead of giving a token for the GitHub App (HTTP %d); check %s", host, status, appBaseURLKey)
	}
	return fail(ErrProtocol, "%s is no GitHub API (HTTP %d); check %s", host, status, appBaseURLKey)
}
