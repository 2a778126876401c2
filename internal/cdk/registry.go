package cdk

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/redact"
)

// registrySettings begin the names of variables that are settings of package
// managers.
var registrySettings = []string{"npm_config_", "NPM_CONFIG_", "pnpm_config_", "PNPM_CONFIG_", "YARN_"}

func isRegistrySetting(name string) bool {
	return slices.ContainsFunc(registrySettings, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// secretSetting are settings that let one in.
var secretSetting = regexp.MustCompile(`(?i)auth|token|passw|ident`)

// reference is how .npmrc, .yarnrc and .yarnrc.yml name a variable: ${NAME},
// ${NAME-default}, ${NAME:-default}, ${NAME?}.
var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:?-[^}]*)?\??\}`)

// registryTexts are the settings of the package manager, file by file.
func (i installer) registryTexts() [][]byte {
	var texts [][]byte
	for _, file := range redact.RegistryFiles(i.dir, i.Root, i.Env) {
		if content, err := readBounded(file, 1<<20); err == nil {
			texts = append(texts, content)
		}
	}
	return texts
}

// variablesIn lists the variables that settings name and that have no default
// there.
func variablesIn(texts [][]byte) []string {
	var names []string
	for _, text := range texts {
		for _, found := range reference.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// registryReferences lists the variables that the package manager's settings
// name.
func (i installer) registryReferences() []string { return variablesIn(i.registryTexts()) }

// registryPlaces lists the variables that the settings name elsewhere than for
// credentials, such as in the address of a registry: what they say may change
// what is installed.
func (i installer) registryPlaces() []string {
	var lines [][]byte
	for _, text := range i.registryTexts() {
		for line := range bytes.Lines(text) {
			if !secretSetting.Match(reference.ReplaceAll(line, nil)) {
				lines = append(lines, line)
			}
		}
	}
	return variablesIn(lines)
}

// registryVariables lists those of the user's variables that the package
// manager needs to fetch packages: its settings, and what these name.
func (i installer) registryVariables() []string {
	named := i.registryReferences()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(i.Variables)) {
		if isRegistrySetting(name) || slices.Contains(named, name) {
			names = append(names, name)
		}
	}
	return names
}

// withRegistry adds them to an environment.
func (i installer) withRegistry(env environ) environ {
	for _, name := range i.registryVariables() {
		env = env.set(name, i.Variables[name])
	}
	return env
}

// scriptsApart has npm and pnpm run install scripts by a shell that drops the
// user's variables: a token for the registry is nothing for the code of a
// thousand packages. Yarn has no such setting; see steps. args are for the
// command line: pnpm 11 reads no npm_config_, and to pnpm 10 the project's
// pnpm-workspace.yaml counts for more than the environment.
func (i installer) scriptsApart(env environ) (apart environ, args []string, err error) {
	names := i.registryVariables()
	if len(names) == 0 || i.manager == "yarn" {
		return env, nil, nil
	}
	shell := i.scriptShell(env)
	dir, err := os.MkdirTemp(i.StateDir, "shell-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for the shell of install scripts: %w", err)
	}
	path := filepath.Join(dir, "sh")
	script := fmt.Sprintf("#!/bin/sh\n# Runs install scripts without the variables that are for the registry alone.\nunset %s\nexec %s \"$@\"\n", strings.Join(names, " "), shell)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return nil, nil, fmt.Errorf("write the shell of install scripts: %w", err)
	}
	if i.manager == "pnpm" {
		args = []string{"--config.script-shell=" + path}
	}
	return env.set("npm_config_script_shell", path), args, nil
}

// setShell is the setting of a shell of the project's own, in .npmrc and in
// pnpm-workspace.yaml.
var setShell = regexp.MustCompile(`(?m)^[ \t]*(?:script-shell[ \t]*=|scriptShell[ \t]*:)[ \t]*["']?([A-Za-z0-9/._-]+)["']?[ \t]*\r?$`)

// scriptShell is the shell that install scripts would have otherwise.
func (i installer) scriptShell(env environ) string {
	for _, name := range []string{"npm_config_script_shell", "NPM_CONFIG_SCRIPT_SHELL"} {
		if shell := env.get(name); shell != "" {
			return "'" + strings.ReplaceAll(shell, "'", `'\''`) + "'"
		}
	}
	for _, file := range []string{"pnpm-workspace.yaml", ".npmrc"} {
		content, err := readBounded(filepath.Join(i.dir, file), 1<<20)
		if found := setShell.FindSubmatch(content); err == nil && found != nil {
			return string(found[1])
		}
	}
	return "sh"
}

// steps are the commands of one install. Yarn fetches first, with the variables
// of the registry, and runs install scripts afterwards without.
func (i installer) steps(c Command) []Command {
	names := i.registryVariables()
	if len(names) == 0 || i.manager != "yarn" {
		return []Command{c}
	}
	fetch, build := c, c
	if i.berry() {
		fetch.Args = append(slices.Clone(c.Args), "--mode=skip-build")
	} else {
		fetch.Args = append(slices.Clone(c.Args), "--ignore-scripts")
		build.Args = append(slices.Clone(c.Args), "--offline", "--force")
	}
	env := environ(c.Env)
	for _, name := range names {
		switch {
		case !isRegistrySetting(name):
			env = env.set(name, "") // yarn wants what its settings name to be there
		case secretSetting.MatchString(name):
			env = env.unset(name)
		}
	}
	build.Env = env
	return []Command{fetch, build}
}

// unauthorized is what package managers print when the registry does not
// accept the credentials, or none: npm, pnpm, yarn 2 and later, yarn 1. The
// last two are those that miss a variable before they ask the registry.
var unauthorized = regexp.MustCompile(`\b(code E40[13]|code ENEEDAUTH|ERR_PNPM_FETCH_40[13]|YN0041|Response Code: 40[13]|Request failed \\?"40[13] |Failed to replace env in config: |Environment variable not found \()`)

// credentialsAdvice says what to do about a registry that gives nothing without
// other credentials; sign is what unauthorized has found.
func (i installer) credentialsAdvice(sign string) string {
	text := "The package registry refused the request%s, so the dependencies could not be installed."
	switch {
	case strings.Contains(sign, "401"):
		text = fmt.Sprintf(text, " (401)")
	case strings.Contains(sign, "403"):
		text = fmt.Sprintf(text, " (403)") + " It also answers so when its rules forbid the package or version."
	case strings.Contains(sign, "nv"): // of "env" and "Environment"
		text = "The dependencies could not be installed."
	default:
		text = fmt.Sprintf(text, "")
	}
	return text + " " + i.tokenAdvice() + " See docs/how-to/private-registries.md."
}

// tokenAdvice says what is wrong with the token that the registry gets.
func (i installer) tokenAdvice() string {
	const how = "put the registry's token into a Secret and add it to spec.build.env under that name."
	var missing, given []string
	for _, name := range i.registryReferences() {
		if i.Variables[name] != "" {
			given = append(given, name)
		} else if environ(i.Env).get(name) == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Sprintf("The settings of %s name the variable %s, which has no value: ", i.manager, list(missing, 5)) + how
	case len(given) > 0:
		return fmt.Sprintf("The token in %s, from spec.build, is wrong or expired, or may not read the package: put a valid one into its Secret.", list(given, 5))
	}
	file := ".npmrc"
	if i.berry() {
		file = ".yarnrc.yml"
	}
	return fmt.Sprintf("If the package is private, let %s name a variable, such as ${NPM_TOKEN}, where the token belongs, ", file) + how
}
