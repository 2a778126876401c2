package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// workingCopy is what git tells of a folder.
type workingCopy struct {
	// top is its root, absolute and without links; "" when the folder is in none.
	top string
	// repository is what spec.source.git.repository takes, and ssh whether it is
	// reached over that.
	repository string
	ssh        bool
	// ref is the branch, the tag or the commit that is checked out.
	ref   string
	notes []string
	// missing says why there is no repository, "" when there is one.
	missing string
}

// readWorkingCopy asks git. A folder without one is not an error here: what is
// missing is said when a manifest is made of it.
func readWorkingCopy(ctx context.Context, folder string) (workingCopy, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return workingCopy{}, errors.New("git is not on the PATH: install it, since the manifest names the repository")
	}
	git := func(args ...string) (string, error) { return askGit(ctx, folder, args...) }
	top, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return workingCopy{missing: "the folder is in no working copy of one" + because(err)}, nil
	}
	c := workingCopy{top: top}
	if real, err := filepath.EvalSymlinks(top); err == nil {
		c.top = real
	}
	branch, _ := git("symbolic-ref", "--quiet", "--short", "HEAD")
	remote, err := remoteOf(git, branch)
	if err != nil {
		c.missing = err.Error()
		return c, nil
	}
	address, err := git("remote", "get-url", "--", remote)
	if err != nil {
		c.missing = fmt.Sprintf("git does not tell the address of the remote %s", remote)
		return c, nil
	}
	if c.repository, c.ssh, err = repositoryOf(address); err != nil {
		c.missing = fmt.Sprintf("the remote %s %s", remote, err)
		return c, nil
	}
	if heldCredentials(address) {
		c.notes = append(c.notes, fmt.Sprintf("the address of the remote %s holds a user or a password, which the manifest leaves out: put them into a Secret, and name it with --https-secret", remote))
	}
	c.chooseRef(git, remote, branch)
	return c, nil
}

// chooseRef takes the branch, else the tag, else the commit.
func (c *workingCopy) chooseRef(git func(...string) (string, error), remote, branch string) {
	if branch != "" {
		c.ref = branch
		if followed, _ := git("config", "--get", "branch."+branch+".merge"); strings.HasPrefix(followed, "refs/heads/") {
			branch = strings.TrimPrefix(followed, "refs/heads/")
			c.ref = branch
		}
		if _, err := git("rev-parse", "--verify", "--quiet", "refs/remotes/"+remote+"/"+branch); err != nil {
			c.notes = append(c.notes, fmt.Sprintf("as far as is known here, the branch %s is not on the remote yet: git push -u %s %s", branch, shellWord(remote), shellWord(branch)))
		}
		return
	}
	if tag, err := git("describe", "--tags", "--exact-match", "HEAD"); err == nil {
		c.ref = tag
		return
	}
	c.ref, _ = git("rev-parse", "--verify", "--quiet", "HEAD")
	if c.ref == "" {
		c.ref = "main"
	}
}

// remoteOf is the remote that a branch follows, else origin, else the only one.
func remoteOf(git func(...string) (string, error), branch string) (string, error) {
	listed, _ := git("remote")
	remotes := strings.Fields(listed)
	if branch != "" {
		if of, _ := git("config", "--get", "branch."+branch+".remote"); slices.Contains(remotes, of) {
			return of, nil
		}
	}
	switch {
	case slices.Contains(remotes, "origin"):
		return "origin", nil
	case len(remotes) == 1:
		return remotes[0], nil
	case len(remotes) > 1:
		return "", fmt.Errorf("the repository has the remotes %s and none of them is followed: git branch --set-upstream-to REMOTE/BRANCH", strings.Join(remotes, ", "))
	}
	return "", errors.New("the repository has no remote: push it to where the operator can read it, git remote add origin ADDRESS && git push -u origin HEAD")
}

// errNoAnswer is git's no, for which it gave no reason that may be repeated.
var errNoAnswer = errors.New("git does not say")

func because(err error) string {
	if errors.Is(err, errNoAnswer) {
		return ""
	}
	return ": " + err.Error()
}

// gitTime bounds one question to git, all of which are answered from the disk.
const gitTime = 20 * time.Second

// askGit runs git with arguments of ours. What it says on an error may hold an
// address with a password, so of that only the sentence about ownership is kept,
// which tells what to do.
func askGit(ctx context.Context, folder string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "-C", folder}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "GIT_DIR=") || strings.HasPrefix(e, "GIT_WORK_TREE=") || strings.HasPrefix(e, "GIT_INDEX_FILE=")
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	cmd.WaitDelay = time.Second
	said := &tailed{most: 64 << 10}
	cmd.Stderr = said
	out := &tailed{most: 64 << 10}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		if strings.Contains(said.String(), "dubious ownership") {
			return "", fmt.Errorf("it belongs to another user: git config --global --add safe.directory %s", shellWord(folder))
		}
		return "", errNoAnswer
	}
	return strings.TrimSpace(out.String()), nil
}

// scpLike is git's short form for ssh, [user@]host:path.
var scpLike = regexp.MustCompile(`^(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9][A-Za-z0-9._-]+):([^/\s].*|/[^/\s].*)$`)

// repositoryOf makes an address that spec.source.git.repository takes of a
// remote's, without what may be secret in it. Errors do not repeat it.
func repositoryOf(remote string) (address string, ssh bool, err error) {
	if strings.Contains(remote, "://") && !strings.Contains(strings.SplitN(remote, "://", 2)[0], "::") {
		return repositoryOfURL(remote)
	}
	found := scpLike.FindStringSubmatch(remote)
	if found == nil || strings.Contains(remote, "::") {
		return "", false, errors.New("is neither reached over https nor over ssh, so the operator cannot read it: give the repository an address of that kind, git remote set-url")
	}
	user := found[1]
	if user == "" {
		user = "git" // who is asked here is for the person's own ssh to say
	}
	return user + "@" + found[2] + ":" + found[3], true, nil
}

func repositoryOfURL(remote string) (string, bool, error) {
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" {
		return "", false, errors.New("has an address that is no URL: git remote set-url puts it right")
	}
	scheme := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(u.Scheme), "git+"), "+git")
	switch scheme {
	case "https", "http":
		return (&url.URL{Scheme: scheme, Host: u.Host, Path: u.Path}).String(), false, nil
	case "ssh":
		user := u.User.Username()
		if user == "" {
			user = "git"
		}
		return (&url.URL{Scheme: "ssh", User: url.User(user), Host: u.Host, Path: u.Path}).String(), true, nil
	}
	return "", false, errors.New("is neither reached over https nor over ssh, so the operator cannot read it: give the repository an address of that kind, git remote set-url")
}

// heldCredentials says whether an address names a user or a password that
// repositoryOf leaves out.
func heldCredentials(remote string) bool {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return false
	}
	_, password := u.User.Password()
	return password || strings.HasPrefix(u.Scheme, "http")
}
