package cdk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Tools are what the package manager gives, by hand, to everything that runs in
// a project: itself, where it is not on PATH, and what yarn 2 and later say of
// where packages are. What the install was given belongs to them.
type Tools struct {
	// bin is a folder for the front of PATH, "" for none.
	bin string
	// settings are of yarn, KEY=value.
	settings []string
	// options are for NODE_OPTIONS.
	options string
	// cdk is the project's own CLI, when it is in no node_modules.
	cdk string
}

// Apply adds the tools to an environment.
func (t Tools) Apply(env []string) []string {
	e := environ(env)
	for _, setting := range t.settings {
		name, value, _ := strings.Cut(setting, "=")
		e = e.set(name, value)
	}
	if t.bin != "" {
		e = e.set("PATH", t.bin+":"+e.get("PATH"))
	}
	if t.options != "" {
		e = e.set("NODE_OPTIONS", strings.TrimSpace(t.options+" "+e.get("NODE_OPTIONS")))
	}
	return e
}

// Tools returns the tools of an installed project, after writing what they
// need into state, a scratch folder of the run. A project without a lock file
// has none.
func (p Project) Tools(state string, c Cache, env []string) (Tools, error) {
	k, err := detect(p)
	if err != nil || k.manager == "npm" {
		return Tools{}, nil //nolint:nilerror // the install has said what is wrong with the lock file
	}
	path, args, err := k.tool(env)
	if err != nil || len(args) == 0 && !k.berry() {
		return Tools{}, err // it is on PATH
	}
	t := Tools{settings: corepackSettings(c, env)}
	if k.berry() {
		t.settings = append(t.settings, k.yarnSettings(p.Root, c, env)...)
	}
	if t.bin, err = os.MkdirTemp(state, "tools-"); err != nil {
		return Tools{}, fmt.Errorf("make a folder for %s: %w", k.manager, err)
	}
	if err := t.write(k.manager, append([]string{path}, args...)...); err != nil {
		return Tools{}, err
	}
	if !k.pnp(p.Root, env) {
		return t, nil
	}
	t.options = pnpOptions(k.dir)
	if err := os.WriteFile(filepath.Join(t.bin, "npx"), npxScript, 0o700); err != nil {
		return Tools{}, fmt.Errorf("write npx: %w", err)
	}
	t.settings = append(t.settings, "AWSCDK_OPERATOR_YARN="+filepath.Join(t.bin, "yarn"))
	for _, at := range []struct{ dir, scope string }{{p.Dir, ""}, {k.dir, "--top-level"}} {
		if t.cdk == "" && dependsOn(at.dir, "aws-cdk") {
			t.cdk = filepath.Join(t.bin, "cdk")
			words := slices.DeleteFunc([]string{filepath.Join(t.bin, "yarn"), "run", at.scope, "--binaries-only", "cdk"}, func(s string) bool { return s == "" })
			err = t.write("cdk", words...)
		}
	}
	return t, err
}

// write writes a script that runs a command with further arguments.
func (t Tools) write(name string, command ...string) error {
	for i, word := range command {
		command[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	script := "#!/bin/sh\nexec " + strings.Join(command, " ") + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(t.bin, name), []byte(script), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// pnpOptions have Node.js find packages as Plug'n'Play has them.
func pnpOptions(dir string) string {
	var options []string
	if hook := filepath.Join(dir, ".pnp.cjs"); isFile(hook) {
		options = append(options, "--require", quoteOption(hook))
	}
	if loader := filepath.Join(dir, ".pnp.loader.mjs"); isFile(loader) {
		options = append(options, "--experimental-loader", quoteOption("file://"+loader))
	}
	return strings.Join(options, " ")
}

// quoteOption writes a word as Node.js reads NODE_OPTIONS.
func quoteOption(word string) string {
	if !strings.ContainsAny(word, " \"\\") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

func dependsOn(dir, name string) bool {
	var m struct {
		Dependencies    map[string]string `json:"dependencies"`
		DevDependencies map[string]string `json:"devDependencies"`
	}
	content, err := readBounded(filepath.Join(dir, "package.json"), maxLockFile)
	if err != nil || json.Unmarshal(content, &m) != nil {
		return false
	}
	_, run := m.Dependencies[name]
	_, dev := m.DevDependencies[name]
	return run || dev
}

// yarnSettings are what yarn 2 and later are told, at the install and in
// whatever runs in the project afterwards: told otherwise, `yarn run` would
// look for the packages where they are not.
func (k packages) yarnSettings(root string, c Cache, env []string) []string {
	settings := []string{"YARN_ENABLE_TELEMETRY=0"}
	if !k.pnp(root, env) {
		// Links to a store (nodeLinker: pnpm) are nothing for a cache by hard links.
		settings = append(settings, "YARN_NODE_LINKER=node-modules")
	}
	if c.Dir == "" {
		return settings
	}
	if environ(env).get("YARN_GLOBAL_FOLDER") == "" {
		settings = append(settings, "YARN_GLOBAL_FOLDER="+followed(c.sub("yarn-berry")))
	}
	if environ(env).get("YARN_CACHE_FOLDER") == "" && !k.keepsArchives(root) {
		settings = append(settings, "YARN_ENABLE_GLOBAL_CACHE=true")
	}
	return settings
}

// followed makes a folder and follows the links to it: Node.js does, and
// Plug'n'Play would not know its packages again by the other path.
func followed(dir string) string {
	if os.MkdirAll(dir, 0o755) != nil {
		return dir // yarn will say why
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// corepackSettings are for the package managers that corepack fetches.
func corepackSettings(c Cache, env []string) []string {
	settings := []string{"COREPACK_ENABLE_DOWNLOAD_PROMPT=0"}
	if c.Dir != "" && environ(env).get("COREPACK_HOME") == "" {
		settings = append(settings, "COREPACK_HOME="+c.sub("corepack"))
	}
	return settings
}

// pnp tells whether packages are to be found by Plug'n'Play, which is what yarn
// does when nobody says otherwise.
func (k packages) pnp(root string, env []string) bool {
	if !k.berry() {
		return false
	}
	linker := environ(env).get("YARN_NODE_LINKER")
	if linker == "" {
		linker = k.yarnSetting(root, "nodeLinker")
	}
	return linker == "" || linker == "pnp"
}

// keepsArchives tells whether the repository holds the archives of its
// packages ("zero-installs").
func (k packages) keepsArchives(root string) bool {
	folder := k.yarnSetting(root, "cacheFolder")
	if folder == "" {
		folder = ".yarn/cache"
	}
	return filepath.IsLocal(folder) && isDir(filepath.Join(k.dir, folder))
}

// yarnSetting is a plain setting of .yarnrc.yml, of the nearest folder.
func (k packages) yarnSetting(root, name string) string {
	line := regexp.MustCompile(`(?m)^` + name + `:[ \t]*["']?([^"'\s#]+)`)
	for _, dir := range (Project{Root: root, Dir: k.dir}).upwards() {
		content, err := readBounded(filepath.Join(dir, ".yarnrc.yml"), 1<<20)
		if err != nil {
			continue
		}
		if found := line.FindSubmatch(content); found != nil {
			return string(found[1])
		}
	}
	return ""
}

// yarnRelease is the yarn that the project keeps in its own repository.
func (k packages) yarnRelease() string {
	path := k.yarnSetting(k.dir, "yarnPath")
	if path == "" || !filepath.IsLocal(path) || !isFile(filepath.Join(k.dir, path)) {
		return ""
	}
	return filepath.Join(k.dir, path)
}
