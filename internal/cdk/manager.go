package cdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/regular"
)

// lockFiles names the package managers' lock files, in the order in which
// they are believed when there are several and packageManager says nothing.
var lockFiles = []struct{ file, manager string }{
	{"package-lock.json", "npm"},
	{"npm-shrinkwrap.json", "npm"},
	{"pnpm-lock.yaml", "pnpm"},
	{"yarn.lock", "yarn"},
}

// maxLockFile bounds the lock file and each package.json, in bytes.
const maxLockFile = 64 << 20

// packages is how a project's dependencies are to be installed.
type packages struct {
	// manager is npm, pnpm or yarn.
	manager string
	// dir is where the lock file is and the manager runs.
	dir string
	// lockFile is its name, content its content.
	lockFile string
	content  []byte
	// pinned is the packageManager field of dir's package.json.
	pinned string
}

// manifest is what is read of a package.json.
type manifest struct {
	PackageManager string            `json:"packageManager"`
	Scripts        map[string]string `json:"scripts"`
	Workspaces     json.RawMessage   `json:"workspaces"`
}

// detect finds the lock file that the project's dependencies follow from: in
// its own folder, else in the nearest above it that speaks for the project.
func detect(p Project) (packages, error) {
	for _, dir := range p.upwards() {
		pinned := readManifest(dir).PackageManager
		lock, manager := lockIn(dir, pinned)
		if lock == "" {
			continue
		}
		content, err := readBounded(filepath.Join(dir, lock), maxLockFile)
		if err != nil {
			return packages{}, fmt.Errorf("read the lock file: %w", err)
		}
		found := packages{manager: manager, dir: dir, lockFile: lock, content: content, pinned: pinned}
		return found, found.speaksFor(p)
	}
	rel, err := p.rel()
	if err != nil {
		return packages{}, err
	}
	return packages{}, stalls(ErrMissingLockFile, "There is no lock file in %q nor in a folder above it. Run `npm install` (or `pnpm install`, `yarn install`) there and commit package-lock.json (or pnpm-lock.yaml, yarn.lock): without it a deployment could not be repeated.", rel)
}

// lockIn returns the lock file of a folder and whose it is; of several, the
// one of the pinned package manager.
func lockIn(dir, pinned string) (file, manager string) {
	want, _, _ := strings.Cut(pinned, "@")
	for _, lock := range lockFiles {
		if !isFile(filepath.Join(dir, lock.file)) {
			continue
		}
		if lock.manager == want {
			return lock.file, lock.manager
		}
		if file == "" {
			file, manager = lock.file, lock.manager
		}
	}
	return file, manager
}

// DependencyGlobs are the paths of a checkout, as globs from its root, that an
// install of the project follows from beside its own folder, whether they are
// there or not: the lock file of a folder above and what stands beside it.
func (p Project) DependencyGlobs() []string {
	k, err := detect(p)
	if err != nil || k.dir == p.Dir {
		return nil
	}
	rel, err := filepath.Rel(p.Root, k.dir)
	if err != nil {
		return nil
	}
	files := []string{"package.json"}
	for _, lock := range lockFiles {
		files = append(files, lock.file)
	}
	files = append(files, besideFiles...)
	in := func(pattern string) string { return path.Join(filepath.ToSlash(rel), pattern) }
	return []string{in("{" + strings.Join(files, ",") + "}"), in("{" + strings.Join(besideFolders, ",") + "}/**")}
}

// speaksFor is nil when an install beside the lock file brings the project's
// dependencies too: it is the project's own, or a workspace's whose lock file
// names the project. A lock file of repository-wide tools does not.
func (k packages) speaksFor(p Project) error {
	if k.dir == p.Dir || !isFile(filepath.Join(p.Dir, "package.json")) {
		return nil
	}
	rel, err := filepath.Rel(k.dir, p.Dir)
	if err != nil {
		return fmt.Errorf("compare folders: %w", err)
	}
	if k.names(filepath.ToSlash(rel)) {
		return nil
	}
	return stalls(ErrMissingLockFile, "The folder %q has a package.json but no lock file, and %s of a folder above does not name it as a workspace. Run `%s install` in it and commit the lock file.", rel, k.lockFile, k.manager)
}

// names tells whether the lock file names a workspace folder. Yarn 1 writes
// no workspaces into its lock file: it is believed.
func (k packages) names(rel string) bool {
	switch {
	case k.manager == "npm":
		var lock struct {
			Packages map[string]json.RawMessage `json:"packages"`
		}
		if json.Unmarshal(k.content, &lock) != nil {
			return true // npm will say what is wrong with it
		}
		_, ok := lock.Packages[rel]
		return ok
	case k.manager == "pnpm":
		quoted := regexp.MustCompile(`(?m)^ {2}['"]?` + regexp.QuoteMeta(rel) + `['"]?:`)
		return quoted.Match(k.content)
	case k.berry():
		return bytes.Contains(k.content, []byte("@workspace:"+rel+`"`)) || bytes.Contains(k.content, []byte("@workspace:"+rel+"\n"))
	}
	return true
}

// berry tells whether the lock file is of yarn 2 or later.
func (k packages) berry() bool {
	return k.manager == "yarn" && bytes.Contains(k.content, []byte("__metadata:"))
}

// command is the package manager's command line, found on the PATH of the
// environment. The manager itself is never downloaded unless the project pins
// its version and corepack is there to fetch exactly that.
func (k packages) command(env []string) (path string, args []string, err error) {
	path, args, err = k.tool(env)
	return path, append(args, k.arguments()...), err
}

// tool is the package manager itself, without what it is to do.
func (k packages) tool(env []string) (path string, args []string, err error) {
	if k.berry() {
		if release := k.yarnRelease(); release != "" {
			node, err := findNode(env)
			return node, []string{release}, err
		}
	}
	onPath := lookPath(k.manager, env)
	// The yarn of a PATH is of version 1 as a rule, which refuses a project of a later one.
	if onPath != "" && !(k.berry() && k.pins()) {
		return onPath, nil, nil
	}
	if corepack := lookPath("corepack", env); corepack != "" && k.pins() {
		return corepack, []string{k.manager}, nil
	}
	if onPath != "" {
		return onPath, nil, nil
	}
	return "", nil, stalls(ErrInstallFailed, "The project's %s needs %s, which is not on the operator's PATH. Install %s where the operator runs, or pin a version in package.json (\"packageManager\": \"%s@…\") and install corepack there.", k.lockFile, k.manager, k.manager, k.manager)
}

// pins tells whether package.json names the version of the package manager.
func (k packages) pins() bool { return strings.HasPrefix(k.pinned, k.manager+"@") }

func (k packages) arguments() []string {
	switch {
	case k.manager == "npm":
		return []string{"ci", "--no-audit", "--no-fund", "--no-progress", "--include=dev"}
	case k.manager == "pnpm":
		return []string{"install", "--frozen-lockfile", "--prod=false"}
	case k.berry():
		return []string{"install", "--immutable"}
	}
	return []string{"install", "--frozen-lockfile", "--non-interactive", "--no-progress", "--production=false"}
}

// uncacheable says why an install must be done each time, "" if it need not:
// what it does is then more than to fill node_modules from the lock file.
func (k packages) uncacheable(root string, workspaces []string, env []string) string {
	if k.pnp(root, env) {
		return "yarn's Plug'n'Play makes no node_modules; yarn's own cache has the packages"
	}
	for _, dir := range append([]string{"."}, workspaces...) {
		if own := ownScripts(filepath.Join(k.dir, dir)); len(own) > 0 {
			return fmt.Sprintf("package.json has scripts of its own that run at install: %s", strings.Join(own, ", "))
		}
	}
	if k.dependsOnFolder() {
		return "a dependency is a folder of the repository (file:)"
	}
	return ""
}

// dependsOnFolder tells whether a dependency is a folder that is no workspace.
// What it is then made of is in no lock file: yarn, pnpm and, with
// install-links, npm copy it. Otherwise npm links to it, runs its scripts and
// fills a node_modules in it, which is outside of what is stored.
func (k packages) dependsOnFolder() bool {
	var lock struct {
		Packages map[string]struct {
			Resolved string `json:"resolved"`
			Link     bool   `json:"link"`
		} `json:"packages"`
	}
	if k.manager != "npm" || json.Unmarshal(k.content, &lock) != nil || lock.Packages == nil {
		return namesFolder(string(k.content))
	}
	for _, found := range lock.Packages {
		if found.Link && !k.isWorkspace(filepath.FromSlash(found.Resolved)) || namesFolder(found.Resolved) {
			return true
		}
	}
	return false
}

// fileDependency is a dependency on a folder or an archive of the repository.
var fileDependency = regexp.MustCompile(`file:[^\s'",:#)]+`)

// namesFolder tells whether a text names such a dependency that is not an
// archive, of which the lock file holds a checksum.
func namesFolder(text string) bool {
	for _, found := range fileDependency.FindAllString(text, -1) {
		if !strings.HasSuffix(found, ".tgz") && !strings.HasSuffix(found, ".tar.gz") {
			return true
		}
	}
	return false
}

// ownScripts lists what an install would run of a package of the repository
// itself. Husky only sets up git hooks, which a runner has no use for.
func ownScripts(dir string) []string {
	scripts := readManifest(dir).Scripts
	names := []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare", "pnpm:devPreinstall"}
	return slices.DeleteFunc(names, func(name string) bool {
		command := strings.TrimSpace(scripts[name])
		return command == "" || command == "husky" || command == "husky install"
	})
}

// readManifest reads a folder's package.json; what cannot be read is empty,
// the package manager will complain better.
func readManifest(dir string) manifest {
	var m manifest
	content, err := readBounded(filepath.Join(dir, "package.json"), maxLockFile)
	if err == nil {
		_ = json.Unmarshal(content, &m)
	}
	return m
}

// readBounded reads a file of at most so many bytes; links are followed, as
// the tools do.
func readBounded(path string, most int64) ([]byte, error) { return regular.ReadLinked(path, most) }
