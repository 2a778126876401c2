package git

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
)

// runner runs the git program (2.30 or later) for one remote. What git needs
// to know that is secret lies in files in a folder of its own, readable by
// this user only and gone after close: nothing secret is in an argument, in
// the environment or in a URL.
type runner struct {
	home    string
	unlock  func()
	address string // what to fetch from
	env     []string
}

// newRunner makes the runner's folder below homes.
func newRunner(ctx context.Context, remote Remote, homes string) (*runner, error) {
	// Asked before anything fails for want of it, which is not for a mirror to mend.
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("%s; git 2.30 or later is needed", proc.NotOnPath("git"))
	}
	home, unlock, err := newHome(ctx, homes)
	if err != nil {
		return nil, fmt.Errorf("prepare to run git: %w", err)
	}
	r := &runner{home: home, unlock: unlock, address: commandAddress(remote.Repository)}
	if err := r.prepare(remote); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *runner) close() {
	_ = os.RemoveAll(r.home)
	r.unlock()
}

// newHome makes a folder that stays locked while its process lives, and
// removes those of processes that were killed.
func newHome(ctx context.Context, homes string) (home string, unlock func(), err error) {
	if strings.ContainsAny(homes, "'\"\\\n") {
		// The path is quoted in a configuration file and in ssh's command.
		return "", nil, fmt.Errorf("%q has a quote in its name", homes)
	}
	if err := os.MkdirAll(homes, 0o700); err != nil {
		return "", nil, err
	}
	done, err := waitLock(ctx, homes+".lock")
	if err != nil {
		return "", nil, err
	}
	defer done()
	entries, err := os.ReadDir(homes)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		dead := filepath.Join(homes, e.Name())
		if free, ok, err := tryLock(filepath.Join(dead, "lock")); err == nil && ok {
			_ = os.RemoveAll(dead)
			free()
		}
	}
	if home, err = os.MkdirTemp(homes, "git-*"); err != nil { // mode 0700
		return "", nil, err
	}
	unlock, _, err = tryLock(filepath.Join(home, "lock"))
	return home, unlock, err
}

// commandAddress is the address without password and, over HTTP, without user.
func commandAddress(repository Repository) string {
	if repository.ssh() {
		repository.user = repository.login()
	}
	return repository.String()
}

func (r *runner) prepare(remote Remote) error {
	c := remote.Credentials
	files := map[string][]byte{".gitconfig": []byte("[safe]\n\tdirectory = *\n")}
	username, password := remote.login()
	if !remote.Repository.ssh() && username+password != "" {
		// git's own store helper gives these to the servers they are for, and
		// to no other that a server might send git to.
		for _, server := range remote.Repository.servers() {
			server.User = url.UserPassword(username, password)
			files["credentials"] = append(files["credentials"], server.String()+"\n"...)
		}
		files[".gitconfig"] = fmt.Appendf(files[".gitconfig"], "[credential]\n\thelper = \"store --file='%s'\"\n", r.path("credentials"))
	}
	roots := c.roots()
	if roots != nil {
		files["ca.pem"] = roots
	}
	if remote.Repository.ssh() {
		if len(c.SSHPrivateKey) == 0 {
			return fail(ErrAuth, "%s wants an SSH key and none is given; name a Secret with ssh-privatekey in sshSecretName", remote.Repository)
		}
		trusted, err := trustFor(remote.Repository.dialAddress(), c.KnownHosts)
		if err != nil {
			return err
		}
		files["known_hosts"] = trusted.file()
		if files["key"], err = keyFile(c.SSHPrivateKey); err != nil {
			return err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(r.path(name), content, 0o600); err != nil {
			return fmt.Errorf("prepare to run git: %w", err)
		}
	}
	r.env = r.environment(remote)
	if roots != nil {
		if err := os.MkdirAll(r.path("no-ca"), 0o700); err != nil {
			return fmt.Errorf("prepare to run git: %w", err)
		}
		r.env = append(r.env, trustVariables(r.path("ca.pem"), r.path("no-ca"))...)
	}
	return nil
}

func (r *runner) path(name string) string { return filepath.Join(r.home, name) }

// environment is all that git sees of the machine's: where programs are, and
// the proxy. No configuration of the machine or the user is read.
func (r *runner) environment(remote Remote) []string {
	env := []string{
		"HOME=" + r.home, "XDG_CONFIG_HOME=" + r.home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + r.path(".gitconfig"), "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=" + remote.Repository.protocols(), "GIT_HTTP_USER_AGENT=" + agent,
		"GIT_SSH_COMMAND=" + r.sshCommand(), "GIT_SSH_VARIANT=ssh", "GIT_OPTIONAL_LOCKS=0", "GIT_LFS_SKIP_SMUDGE=1",
	}
	for _, name := range []string{"PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// sshCommand is read by a shell; it holds constants and the names of files
// that this package chose.
func (r *runner) sshCommand() string {
	options := []string{
		"BatchMode=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile='" + r.path("known_hosts") + "'", "GlobalKnownHostsFile='" + r.path("known_hosts") + "'",
		"IdentitiesOnly=yes", "IdentityAgent=none", "IdentityFile='" + r.path("key") + "'", "PreferredAuthentications=publickey",
		"UpdateHostKeys=no", "ForwardAgent=no", "PermitLocalCommand=no", "ControlMaster=no", "ControlPath=none",
		"ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=3",
	}
	return "ssh -F none -o " + strings.Join(options, " -o ")
}

// nowhere is a file that does not exist. (/dev/null can be written to, and as
// root even be replaced by a program that means to replace a file.)
const nowhere = "/nonexistent/file"

// settings hold whatever a repository's own configuration says.
var settings = []string{
	"core.hooksPath=" + nowhere,
	"core.fsmonitor=false",
	"core.attributesFile=" + nowhere,
	"core.excludesFile=" + nowhere,
	"submodule.recurse=false",
	"gc.auto=0",
	"maintenance.auto=false",
	"fetch.unpackLimit=1", // a pack arrives whole or not at all
	"transfer.fsckObjects=true",
	// Old harmless mistakes that well-known repositories hold.
	"fetch.fsck.zeroPaddedFilemode=warn",
	"fetch.fsck.badTimezone=warn",
	"fetch.fsck.missingSpaceBeforeDate=warn",
	"http.followRedirects=false",
	"http.lowSpeedLimit=100",
	"http.lowSpeedTime=60",
	"protocol.version=2",
}

// git runs git on a bare repository and returns what it prints. On failure
// the error holds what it said.
func (r *runner) git(ctx context.Context, gitDir string, args ...string) (string, error) {
	var stdout bytes.Buffer
	err := r.stream(ctx, gitDir, &stdout, args...)
	return stdout.String(), err
}

// stream is git for what may print much: out takes it piece by piece, and
// ends git by failing.
func (r *runner) stream(ctx context.Context, gitDir string, out io.Writer, args ...string) error {
	return r.run(ctx, gitDir, out, append([]string{"--git-dir=" + gitDir}, args...))
}

// checkout writes a commit's files into the working tree at dir.
func (r *runner) checkout(ctx context.Context, dir, hash string) error {
	return r.run(ctx, dir, io.Discard, []string{"--git-dir=" + filepath.Join(dir, ".git"), "--work-tree=" + dir, "read-tree", "--reset", "-u", hash})
}

func (r *runner) run(ctx context.Context, dir string, out io.Writer, args []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var all []string
	for _, s := range settings {
		all = append(all, "-c", s)
	}
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Dir, cmd.Env = dir, r.env
	// git's helpers (ssh, remote-https) do not all end with it.
	cmd.Cancel = func() error { return proc.KillTree(cmd.Process.Pid) }
	cmd.WaitDelay = 2 * time.Second
	stderr := redact.New().Tail(4 << 10)
	cmd.Stdout, cmd.Stderr = out, stderr
	err := cmd.Run()
	_ = stderr.Close()
	if err == nil {
		return nil
	}
	return fmt.Errorf("git: %w\n%s", err, stderr.String())
}
