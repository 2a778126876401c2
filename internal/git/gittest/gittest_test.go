package gittest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestTheGitProgramReadsWhatIsServed judges the servers by a client that this
// project did not write.
func TestTheGitProgramReadsWhatIsServed(t *testing.T) {
	root := t.TempDir()
	repo, err := gittest.NewRepo(filepath.Join(root, "team", "app.git"))
	must(t, err)
	first, err := repo.Commit(map[string]string{"app.ts": "one\n", "lib/a b.ts": "two\n"}, "First")
	must(t, err)
	must(t, repo.AnnotatedTag("v1.0.0", first, "One"))
	second, err := repo.Commit(map[string]string{"app.ts": "changed\n"}, "Second")
	must(t, err)

	web, err := gittest.ServeHTTP(root, gittest.HTTPOptions{TLS: true, Username: "ada", Password: "s3cret"})
	must(t, err)
	defer web.Close()
	private, public, err := gittest.NewSSHKey()
	must(t, err)
	shell, err := gittest.ServeSSH(root, public)
	must(t, err)
	defer shell.Close()

	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), web.CA, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key"), private, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "hosts"), shell.KnownHosts(), 0o600))
	env := append(os.Environ(), "GIT_SSL_CAINFO="+dir+"/ca.pem", "GIT_TERMINAL_PROMPT=0",
		"GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -i "+dir+"/key -o UserKnownHostsFile="+dir+"/hosts")

	for name, url := range map[string]string{
		"over HTTPS": strings.Replace(web.URL, "https://", "https://ada:s3cret@", 1) + "/team/app.git",
		"over SSH":   shell.URL + "/team/app",
	} {
		t.Run(name, func(t *testing.T) {
			clone := filepath.Join(t.TempDir(), "clone")
			command(t, env, "git", "clone", "--quiet", "--", url, clone)
			if got := command(t, env, "git", "-C", clone, "rev-parse", "HEAD", "v1.0.0^{commit}"); got != second+"\n"+first {
				t.Errorf("cloned %q, want the two commits %s and %s", got, second, first)
			}
			body, err := os.ReadFile(filepath.Join(clone, "lib", "a b.ts"))
			if err != nil || string(body) != "two\n" {
				t.Errorf("file of the first commit = %q, %v", body, err)
			}
		})
	}
	for name, server := range map[string]interface{ Listings() int64 }{"HTTPS": web, "SSH": shell} {
		if got := server.Listings(); got != 1 {
			t.Errorf("%s server counted %d listings for one clone, want 1", name, got)
		}
	}
}

func TestNothingOutsideOfTheServedFolderExists(t *testing.T) {
	root := t.TempDir()
	repo, err := gittest.NewRepo(filepath.Join(root, "private.git"))
	must(t, err)
	_, err = repo.Commit(map[string]string{"a": "b"}, "Secret")
	must(t, err)
	must(t, os.Mkdir(filepath.Join(root, "served"), 0o755))
	web, err := gittest.ServeHTTP(filepath.Join(root, "served"), gittest.HTTPOptions{})
	must(t, err)
	defer web.Close()
	out, err := exec.Command("git", "ls-remote", "--", web.URL+"/../private.git").CombinedOutput()
	if err == nil {
		t.Errorf("a repository outside of the root was served: %s", out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}
