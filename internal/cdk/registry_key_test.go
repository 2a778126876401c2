package cdk

import (
	"os"
	"strings"
	"testing"
)

// What a user's variables say about where packages come from and how they are
// built decides what an install brings: it must be part of the cache's key.
func TestSettingsOfABuildHaveDependenciesOfTheirOwn(t *testing.T) {
	p := checkout(t, ".", with(plain, ".npmrc", "registry=${MIRROR}\n//npm.example.com/:_authToken=${NPM_TOKEN}\n"))
	key := func(variables map[string]string) string {
		t.Helper()
		i := installer{Project: p, packages: packages{manager: "npm", lockFile: "package-lock.json", dir: p.Dir}, InstallOptions: InstallOptions{Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Root}, Variables: variables}}
		got, err := dependencyKey(p.Root, i.packages, nil, i.withRegistry(i.Env), i.registryPlaces())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain := key(nil)
	for name, variables := range map[string]map[string]string{
		"a registry that .npmrc names": {"MIRROR": "https://mirror.example.com"},
		"a setting of yarn":            {"YARN_CHECKSUM_BEHAVIOR": "ignore"},
		"a setting of pnpm":            {"pnpm_config_ignore_scripts": "true"},
		"one in capital letters":       {"PNPM_CONFIG_REGISTRY": "https://mirror.example.com"},
	} {
		if key(variables) == plain {
			t.Errorf("%s changes no key", name)
		}
	}
	if key(map[string]string{"NPM_TOKEN": "one"}) != key(map[string]string{"NPM_TOKEN": "two"}) {
		t.Error("a renewed token installs everything again")
	}
}

func TestPnpmIsToldTheShellOfScriptsWhereNothingOverrulesIt(t *testing.T) {
	p := checkout(t, ".", with(plain, "pnpm-workspace.yaml", "scriptShell: /bin/bash\n"))
	i := installer{Project: p, packages: packages{manager: "pnpm", lockFile: "pnpm-lock.yaml", dir: p.Dir}, InstallOptions: InstallOptions{Variables: map[string]string{"pnpm_config_registry": "https://mirror.example.com"}, StateDir: t.TempDir()}}
	env, args, err := i.scriptsApart(nil)
	if err != nil {
		t.Fatal(err)
	}
	shell := env.get("npm_config_script_shell")
	if len(args) != 1 || args[0] != "--config.script-shell="+shell {
		t.Errorf("pnpm is called with %q", args)
	}
	script, err := readBounded(shell, 1<<20)
	if err != nil || !strings.Contains(string(script), "unset pnpm_config_registry") || !strings.Contains(string(script), "/bin/bash") {
		t.Errorf("the shell is %q, %v", script, err)
	}
}
