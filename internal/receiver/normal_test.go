package receiver_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"awscdk.dev/operator/internal/receiver"
)

func TestAddressesOfOneRepositoryAreTheSame(t *testing.T) {
	cases := map[string][]string{
		"github.com/org/repo": {
			"https://github.com/org/repo", "https://github.com/org/repo.git", "https://github.com/org/repo/", "https://github.com/org/repo.git/",
			"HTTPS://GitHub.com/Org/Repo.git", "http://github.com/org/repo", "https://token@github.com/org/repo.git", "https://user:pass@github.com:443/org/repo.git",
			"git@github.com:org/repo.git", "git@github.com:/org/repo", "github.com:org/repo.git", "ssh://git@github.com/org/repo.git", "ssh://github.com:22/org/repo",
			"ssh://git@ssh.github.com:443/org/repo.git", "git://github.com/org/repo.git", "https://github.com//org//repo", "https://github.com./org/repo",
		},
		"gitlab.com/group/sub/project":  {"https://gitlab.com/group/sub/project.git", "git@gitlab.com:group/sub/project.git", "ssh://git@altssh.gitlab.com:443/group/sub/project.git"},
		"bitbucket.org/team/app":        {"https://bitbucket.org/team/app", "git@bitbucket.org:team/app.git", "ssh://git@altssh.bitbucket.org:443/team/app.git"},
		"git.example.com/team/app":      {"https://git.example.com/scm/team/app.git", "ssh://git@git.example.com:7999/team/app.git", "https://git.example.com:8443/scm/TEAM/app.git"},
		"git.example.com/~dev/app":      {"https://git.example.com/scm/~dev/app.git", "ssh://git@git.example.com:7999/~dev/app.git"},
		"h/a b":                         {"https://h/a%20b.git", "ssh://h/a%20b"},
		"2001:db8::1/a":                 {"https://[2001:db8::1]/a.git", "ssh://git@[2001:db8::1]:22/a", "git@[2001:db8::1]:a.git"},
		"127.0.0.1/app":                 {"http://127.0.0.1:34567/app.git", "ssh://git@127.0.0.1:2222/app.git"},
		"git.example.com/scm":           {"https://git.example.com/scm", "git@git.example.com:scm.git"},
		"git.example.com/org/repo.wiki": {"https://git.example.com/org/repo.wiki.git"},
	}
	for want, addresses := range cases {
		for _, address := range addresses {
			if got := receiver.Normal(address); got != want {
				t.Errorf("the normal form of %s is %q, want %q", address, got, want)
			}
			if !receiver.Same(address, addresses[0]) {
				t.Errorf("%s and %s are not the same", address, addresses[0])
			}
		}
	}
}

func TestAddressesOfDifferentRepositoriesDiffer(t *testing.T) {
	const one = "https://github.com/org/repo.git"
	for _, other := range []string{
		"https://github.com/org/repo2.git", "https://github.com/org2/repo.git", "https://gitlab.com/org/repo.git", "git@github.com:repo.git",
		"https://github.com/org/repo/sub", "https://github.com.evil.example/org/repo.git", "https://evil.example/github.com/org/repo.git", "git@evil.example:github.com/org/repo",
		"https://github.com@evil.example/org/repo.git",
	} {
		if receiver.Same(one, other) {
			t.Errorf("%s and %s are taken for the same", one, other)
		}
	}
}

func TestWhatIsNoAddressIsTheSameAsNothing(t *testing.T) {
	for _, address := range []string{
		"", " ", "/", "repo", "org/repo", "/srv/git/repo.git", "./repo", "https://", "https://github.com", "https://github.com/", "https://github.com/.git",
		"git@github.com:", "git@github.com:.git", ":repo", "https:///org/repo", "https://github.com/org repo", "https://github.com/org\trepo", "https://h/%zz",
		"https://github.com/" + strings.Repeat("a", 3000),
	} {
		if got := receiver.Normal(address); got != "" {
			t.Errorf("the normal form of %q is %q, want none", address, got)
		}
		if receiver.Same(address, address) {
			t.Errorf("%q is the same as itself", address)
		}
	}
}

func FuzzNormal(f *testing.F) {
	for _, seed := range []string{"https://github.com/org/repo.git", "git@h:a/b", "ssh://u@[::1]:22//scm/x.git/", "h:%2f..//.git", "[::1]:a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		n := receiver.Normal(address)
		if n == "" || !utf8.ValidString(n) {
			return
		}
		if n != strings.ToLower(n) || strings.HasSuffix(n, "/") || strings.HasPrefix(n, "/") || strings.Contains(n, "//") {
			t.Errorf("the normal form of %q is %q", address, n)
		}
		if !strings.Contains(n, "/") {
			t.Errorf("the normal form %q of %q has no path", n, address)
		}
	})
}
