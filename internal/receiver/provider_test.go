package receiver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/receiver"

	"github.com/google/go-cmp/cmp"
)

func TestAPushIsToldOnceForEachRepositoryItNames(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	form := "payload=" + url.QueryEscape(githubPush("org/app", 1))
	cases := map[string]struct {
		hook hook
		want []string
	}{
		"a push to GitHub":                 {githubHook(secret, "push", "id", githubPush("org/app", 1)), []string{"github.com/org/app"}},
		"a tag that is deleted on GitHub":  {githubHook(secret, "delete", "id", githubPush("org/app", 1)), []string{"github.com/org/app"}},
		"GitHub's form encoding":           {githubHook(secret, "push", "id", form).with("Content-Type", "application/x-www-form-urlencoded"), []string{"github.com/org/app"}},
		"a push to GitLab":                 {gitlabHook(secret, "Push Hook", "id", gitlabPush), []string{"gitlab.example.com/org/team/app"}},
		"a tag on GitLab":                  {gitlabHook(secret, "Tag Push Hook", "id", strings.Replace(gitlabPush, `"push"`, `"tag_push"`, 1)), []string{"gitlab.example.com/org/team/app"}},
		"a system hook of GitLab":          {gitlabHook(secret, "System Hook", "id", gitlabSystemHook), []string{"gitlab.example.com/org/team/app"}},
		"GitLab's signing token":           {gitlabSigned(signingKey, "msg_1", now, gitlabPush), []string{"gitlab.example.com/org/team/app"}},
		"a push to Bitbucket Cloud":        {bitbucketHook(secret, "repo:push", "id", bitbucketCloudPush), []string{"bitbucket.org/team/app"}},
		"a push to Bitbucket Data Center":  {bitbucketHook(secret, "repo:refs_changed", "id", bitbucketServerPush), []string{"git.example.com/team/app"}},
		"a generic push":                   {genericHook(secret, now, `{"repository":"git@git.example.com:org/app.git"}`), []string{"git.example.com/org/app"}},
		"a generic push of two":            {genericHook(secret, now, `{"repositories":["https://h/a","ssh://git@h:22/a.git","https://h/b"],"revision":"x"}`), []string{"h/a", "h/b"}},
		"the first of several secrets":     {githubHook(another, "push", "id", githubPush("org/app", 1)), []string{"github.com/org/app"}},
		"a generic clock 4 minutes behind": {genericHook(secret, now.Add(-4*time.Minute), `{"repository":"https://h/a"}`), []string{"h/a"}},
		"a generic clock 4 minutes ahead":  {genericHook(secret, now.Add(4*time.Minute), `{"repository":"https://h/a"}`), []string{"h/a"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(c.hook, http.StatusAccepted, "accepted")
			if diff := cmp.Diff(c.want, w.pushes()); diff != "" {
				t.Errorf("pushes (-want +got):\n%s", diff)
			}
			if n := w.counted(c.hook.provider, "accepted"); n != 1 {
				t.Errorf("accepted was counted %v times, want 1", n)
			}
		})
	}
}

func TestWhatIsNotProvenIsRefused(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g := githubHook(secret, "push", "id", githubPush("org/app", 1))
	b := bitbucketHook(secret, "repo:push", "id", bitbucketCloudPush)
	l := gitlabHook(secret, "Push Hook", "id", gitlabPush)
	ls := gitlabSigned(signingKey, "msg_1", now, gitlabPush)
	body := `{"repository":"https://h/a"}`
	e := genericHook(secret, now, body)
	changed := func(h hook) hook { h.body = strings.Replace(h.body, "app", "spp", 1) + " "; return h }
	cases := map[string]struct {
		hook          hook
		outcome, text string
	}{
		"GitHub with another secret":               {githubHook("not-a-secret-of-this-receiver", "push", "id", g.body), "refused", "does not match"},
		"GitHub with an empty key":                 {githubHook("", "push", "id", g.body), "refused", "does not match"},
		"GitHub with another body":                 {changed(g), "refused", "does not match"},
		"GitHub without a signature":               {g.with("X-Hub-Signature-256", ""), "refused", "no signature"},
		"GitHub with a signature without scheme":   {g.with("X-Hub-Signature-256", strings.TrimPrefix(g.header["X-Hub-Signature-256"], "sha256=")), "refused", "does not match"},
		"GitHub with SHA-1":                        {g.with("X-Hub-Signature-256", "sha1="+strings.Repeat("ab", 20)), "refused", "does not match"},
		"GitHub with half a signature":             {g.with("X-Hub-Signature-256", g.header["X-Hub-Signature-256"][:40]), "refused", "does not match"},
		"GitHub with the old header only":          {g.with("X-Hub-Signature-256", "").with("X-Hub-Signature", g.header["X-Hub-Signature-256"]), "refused", "no signature"},
		"GitHub with GitLab's token":               {g.with("X-Hub-Signature-256", "").with("X-Gitlab-Token", secret), "refused", "no signature"},
		"a ping of GitHub without a signature":     {g.with("X-Hub-Signature-256", "").with("X-GitHub-Event", "ping"), "refused", "no signature"},
		"GitLab with another token":                {l.with("X-Gitlab-Token", "another-token-of-some-length"), "refused", "does not match"},
		"GitLab with the beginning of the token":   {l.with("X-Gitlab-Token", secret[:len(secret)-1]), "refused", "does not match"},
		"GitLab without a token":                   {l.with("X-Gitlab-Token", ""), "refused", "no signature"},
		"GitLab signed, another body":              {changed(ls), "refused", "does not match"},
		"GitLab signed, another id":                {ls.with("webhook-id", "msg_2"), "refused", "does not match"},
		"GitLab signed, another time":              {ls.with("webhook-timestamp", "1772442001"), "refused", "does not match"},
		"GitLab signed, without an id":             {ls.with("webhook-id", ""), "refused", "no signature"},
		"GitLab signed, without a time":            {ls.with("webhook-timestamp", ""), "refused", "no signature"},
		"GitLab signed by the text of the token":   {gitlabSigned(signing, "msg_1", now, gitlabPush), "refused", "does not match"},
		"GitLab signed wrongly beside a token":     {changed(ls).with("X-Gitlab-Token", secret), "refused", "does not match"},
		"GitLab signed 6 minutes ago":              {gitlabSigned(signingKey, "msg_1", now.Add(-6*time.Minute), gitlabPush), "stale", "timestamp"},
		"Bitbucket with another secret":            {bitbucketHook("not-a-secret-of-this-receiver", "repo:push", "id", b.body), "refused", "does not match"},
		"Bitbucket with another body":              {changed(b), "refused", "does not match"},
		"Bitbucket without a signature":            {b.with("X-Hub-Signature", ""), "refused", "no signature"},
		"a ping of Bitbucket, wrongly signed":      {bitbucketHook("not-a-secret-of-this-receiver", "diagnostics:ping", "id", `{"test":true}`), "refused", "does not match"},
		"generic with another secret":              {genericHook("not-a-secret-of-this-receiver", now, body), "refused", "does not match"},
		"generic with another body":                {changed(e), "refused", "does not match"},
		"generic with another time":                {e.with("X-Timestamp", "1772442001"), "refused", "does not match"},
		"generic without a time":                   {e.with("X-Timestamp", ""), "refused", "no signature"},
		"generic signed without the time":          {e.with("X-Signature-256", sha256Of(secret, body)), "refused", "does not match"},
		"generic, 6 minutes old":                   {genericHook(secret, now.Add(-6*time.Minute), body), "stale", "timestamp"},
		"generic, from 6 minutes in the future":    {genericHook(secret, now.Add(6*time.Minute), body), "stale", "timestamp"},
		"generic, with a time that is no number":   {e.with("X-Timestamp", "now"), "stale", "timestamp"},
		"generic, with a time that overflows":      {e.with("X-Timestamp", "9223372036854775807"), "stale", "timestamp"},
		"generic, with a time before all others":   {e.with("X-Timestamp", "-9223372036854775808"), "stale", "timestamp"},
		"generic, with a time of too many figures": {e.with("X-Timestamp", strings.Repeat("9", 40)), "stale", "timestamp"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(c.hook, http.StatusUnauthorized, c.text)
			if got := w.pushes(); len(got) > 0 {
				t.Errorf("told of pushes to %v", got)
			}
			if n := w.counted(c.hook.provider, c.outcome); n != 1 {
				t.Errorf("%s was counted %v times, want 1", c.outcome, n)
			}
		})
	}
}

// The examples that GitHub and Standard Webhooks publish with their
// descriptions; this package's own signing has no part in them.
func TestPublishedExamplesOfSignaturesAreRight(t *testing.T) {
	w := start(t)
	w.keep(nil, "It's a Secret to Everybody", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	githubs := hook{"github", map[string]string{
		"X-GitHub-Event":      "push",
		"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
	}, "Hello, World!"}
	w.expect(githubs, http.StatusBadRequest, "not the JSON")
	githubs.body = "Hello, World?"
	w.expect(githubs, http.StatusUnauthorized, "does not match")

	w = start(t, func(o *receiver.Options, _ *http.Server) {
		o.Now = func() time.Time { return time.Unix(1614265330, 0) }
	})
	w.keep(nil, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	w.expect(hook{"gitlab", map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
		"webhook-signature": "v1,bm90IHRoaXMgb25l v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	}, `{"test": 2432232314}`}, http.StatusOK, "ignored")
}

func TestPingsAndOtherEventsAreAnsweredWithoutEffect(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		hook hook
		want string
	}{
		"a ping of GitHub":                       {githubHook(secret, "ping", "id", `{"zen":"Keep it logically awesome.","hook_id":1}`), "pong"},
		"an issue on GitHub":                     {githubHook(secret, "issues", "id", `{"action":"opened"}`), "ignored"},
		"no event of GitHub at all":              {githubHook(secret, "", "id", `{}`), "ignored"},
		"an issue on GitLab":                     {gitlabHook(secret, "Issue Hook", "id", `{"object_kind":"issue"}`), "ignored"},
		"a user made in GitLab":                  {gitlabHook(secret, "System Hook", "id", `{"event_name":"user_create"}`), "ignored"},
		"a ping of Bitbucket, signed":            {bitbucketHook(secret, "diagnostics:ping", "id", `{"test":true}`), "pong"},
		"a ping of Bitbucket before it is saved": {bitbucketHook(secret, "diagnostics:ping", "id", `{"test":true}`).with("X-Hub-Signature", ""), "pong"},
		"a pull request on Bitbucket":            {bitbucketHook(secret, "pullrequest:created", "id", `{}`), "ignored"},
		"a generic ping":                         {genericHook(secret, now, ``).with("X-Event", "ping"), "pong"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.expect(c.hook, http.StatusOK, c.want)
			w.expect(c.hook, http.StatusOK, c.want)
			if got := w.pushes(); len(got) > 0 {
				t.Errorf("told of pushes to %v", got)
			}
		})
	}
}

func TestOnlyPOSTToTheFourPathsIsServed(t *testing.T) {
	w := start(t)
	h := githubHook(secret, "push", "id", githubPush("org/app", 1))
	for _, path := range []string{"/", "/hooks", "/hooks/", "/hooks/gitea", "/hooks/github/", "/hooks/GitHub", "/hooks/github/../gitlab", "/metrics", "//hooks/github"} {
		if status, _, _ := w.request(http.MethodPost, path, h, strings.NewReader(h.body)); status != http.StatusNotFound {
			t.Errorf("POST %s was answered with %d, want 404", path, status)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, "PUSH"} {
		status, _, header := w.request(method, "/hooks/github", h, strings.NewReader(h.body))
		if status != http.StatusMethodNotAllowed || header.Get("Allow") != http.MethodPost {
			t.Errorf("%s was answered with %d, Allow %q, want 405 and POST", method, status, header.Get("Allow"))
		}
	}
	if got := w.pushes(); len(got) > 0 {
		t.Errorf("told of pushes to %v", got)
	}
	w.expect(h, http.StatusAccepted, "accepted")
}
