package receiver_test

import "fmt"

// githubPush is what GitHub sends about a push, as far as it matters, and some
// of the rest.
func githubPush(repository string, at int64) string {
	return fmt.Sprintf(`{"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",
"after":"2222222222222222222222222222222222222222","created":false,"forced":false,
"repository":{"id":7,"name":"app","full_name":%[1]q,"private":true,"html_url":"https://github.com/%[1]s",
"url":"https://github.com/%[1]s","git_url":"git://github.com/%[1]s.git","ssh_url":"git@github.com:%[1]s.git",
"clone_url":"https://github.com/%[1]s.git","pushed_at":%[2]d},"pusher":{"name":"dev"},
"commits":[{"id":"2222222222222222222222222222222222222222","message":"Say \"hello\"","added":["a.ts"]}]}`, repository, at)
}

const gitlabPush = `{"object_kind":"push","event_name":"push","before":"1111111111111111111111111111111111111111",
"after":"2222222222222222222222222222222222222222","ref":"refs/heads/main","project_id":15,
"project":{"id":15,"name":"App","web_url":"https://gitlab.example.com/org/team/app",
"git_ssh_url":"ssh://git@gitlab.example.com:2222/org/team/app.git","git_http_url":"https://gitlab.example.com/org/team/app.git"},
"repository":{"name":"App","url":"ssh://git@gitlab.example.com:2222/org/team/app.git","homepage":"https://gitlab.example.com/org/team/app",
"git_http_url":"https://gitlab.example.com/org/team/app.git","git_ssh_url":"ssh://git@gitlab.example.com:2222/org/team/app.git"},
"commits":[],"total_commits_count":1}`

const gitlabSystemHook = `{"event_name":"repository_update","project_id":15,
"project":{"git_ssh_url":"git@gitlab.example.com:org/team/app.git","git_http_url":"https://gitlab.example.com/org/team/app.git"},
"changes":[{"before":"1111","after":"2222","ref":"refs/heads/main"}],"refs":["refs/heads/main"]}`

const bitbucketCloudPush = `{"push":{"changes":[{"new":{"type":"branch","name":"main"},"forced":false}]},
"repository":{"type":"repository","full_name":"team/app","name":"app","scm":"git",
"links":{"self":{"href":"https://api.bitbucket.org/2.0/repositories/team/app"},
"html":{"href":"https://bitbucket.org/team/app"},"avatar":{"href":"https://bytebucket.org/x"}}},
"actor":{"display_name":"Dev","links":{"html":{"href":"https://bitbucket.org/dev/"}}}}`

const bitbucketServerPush = `{"eventKey":"repo:refs_changed","date":"2026-03-02T09:00:00+0000","actor":{"name":"dev"},
"repository":{"slug":"app","id":84,"name":"app","scmId":"git","project":{"key":"TEAM"},
"links":{"clone":[{"href":"ssh://git@git.example.com:7999/team/app.git","name":"ssh"},
{"href":"https://git.example.com/scm/team/app.git","name":"http"}],
"self":[{"href":"https://git.example.com/projects/TEAM/repos/app/browse"}]}},
"changes":[{"ref":{"id":"refs/heads/main","type":"BRANCH"},"type":"UPDATE"}]}`
