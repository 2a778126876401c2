package cdk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const registryToken = "npm_s3cretRegistryToken"

// privateRegistry has one package, @acme/tool, whose install script writes its
// environment to a file, and gives it to those with the token.
func privateRegistry(t *testing.T) string {
	t.Helper()
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	files := tar.NewWriter(zip)
	const manifest = `{"name":"@acme/tool","version":"1.0.0","scripts":{"postinstall":"env > env.txt"}}`
	for name, content := range map[string]string{"package/package.json": manifest, "package/index.js": "module.exports = 1"} {
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		_, _ = files.Write([]byte(content))
	}
	_, _ = files.Close(), zip.Close()
	sha, old := sha512.Sum512(archive.Bytes()), sha1.Sum(archive.Bytes())
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "":
			http.Error(w, `{"error":"authentication required"}`, http.StatusUnauthorized)
		case r.Header.Get("Authorization") != "Bearer "+registryToken:
			http.Error(w, `{"error":"forbidden"}`, http.StatusForbidden)
		case strings.HasSuffix(r.URL.Path, ".tgz"):
			_, _ = w.Write(archive.Bytes())
		case strings.Contains(strings.ToLower(r.URL.EscapedPath()), "@acme%2ftool"), r.URL.Path == "/@acme/tool":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"name":"@acme/tool","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"@acme/tool","version":"1.0.0","hasInstallScript":true,"scripts":{"postinstall":"env > env.txt"},
				"dist":{"tarball":"%s/@acme/tool/-/tool-1.0.0.tgz","integrity":"sha512-%s","shasum":"%s"}}}}`, address, base64.StdEncoding.EncodeToString(sha[:]), hex.EncodeToString(old[:]))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	address = server.URL
	return address
}

// registryClient is a package manager that a project uses with the registry.
type registryClient struct {
	tools map[string]string
	lock  []string
	file  string
	// settings by file name; REGISTRY and HOST stand for the address.
	settings map[string]string
}

func registryClients(t *testing.T) map[string]registryClient {
	modules := managers(t)
	npmrc := map[string]string{".npmrc": "registry=REGISTRY/\n//HOST/:_authToken=${NPM_TOKEN}\nalways-auth=true\n"}
	return map[string]registryClient{
		"npm":    {map[string]string{}, []string{"npm", "install", "--package-lock-only"}, "package-lock.json", npmrc},
		"pnpm":   {map[string]string{"pnpm": modules + "/pnpm/bin/pnpm.cjs"}, []string{"pnpm", "install", "--lockfile-only"}, "pnpm-lock.yaml", npmrc},
		"yarn 1": {map[string]string{"yarn": modules + "/yarn/bin/yarn.js"}, []string{"yarn", "install", "--ignore-scripts"}, "yarn.lock", npmrc},
		"yarn 4": {map[string]string{"yarn": modules + "/@yarnpkg/cli-dist/bin/yarn.js"}, []string{"yarn", "install", "--mode=update-lockfile"}, "yarn.lock",
			map[string]string{".yarnrc.yml": "nodeLinker: node-modules\nnpmRegistryServer: REGISTRY\nnpmAuthToken: \"${NPM_TOKEN}\"\nnpmAlwaysAuth: true\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nenableHardenedMode: false\n"}},
	}
}

// project makes a project that depends on the private package.
func (c registryClient) project(t *testing.T, env []string, registry string) map[string]string {
	t.Helper()
	files := map[string]string{"cdk.json": "{}", "package.json": `{"name":"p","version":"1.0.0","dependencies":{"@acme/tool":"1.0.0"},"dependenciesMeta":{"@acme/tool":{"built":true}}}`}
	for name, content := range c.settings {
		files[name] = strings.NewReplacer("REGISTRY", registry, "HOST", strings.TrimPrefix(registry, "http://")).Replace(content)
	}
	files[c.file] = lockFileOf(t, append(env, "NPM_TOKEN="+registryToken), files, c.lock, c.file)
	return files
}

func TestAPrivatePackageIsFetchedAndItsScriptGetsNoToken(t *testing.T) {
	for name, c := range registryClients(t) {
		t.Run(name, func(t *testing.T) {
			registry, env := privateRegistry(t), machine(t, c.tools)
			p := checkout(t, ".", c.project(t, env, registry))
			_, err := Install(t.Context(), p, Cache{Dir: t.TempDir()}, InstallOptions{
				Env: env, StateDir: t.TempDir(), Now: time.Now,
				Variables: map[string]string{"NPM_TOKEN": registryToken, "STAGE": "prod"},
			})
			if err != nil {
				t.Fatal(err)
			}
			seen, err := os.ReadFile(filepath.Join(p.Dir, "node_modules/@acme/tool/env.txt"))
			if err != nil {
				t.Fatalf("its install script did not run: %v", err)
			}
			for _, hidden := range []string{registryToken, "STAGE="} {
				if strings.Contains(string(seen), hidden) {
					t.Errorf("the install script sees %s:\n%s", hidden, seen)
				}
			}
			cmd := exec.CommandContext(t.Context(), "node", "-e", "require('@acme/tool')")
			cmd.Dir = p.Dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("the package cannot be loaded: %v\n%s", err, out)
			}
		})
	}
}

func TestWhoIsRefusedByARegistryIsToldHowToGiveAToken(t *testing.T) {
	for name, c := range registryClients(t) {
		t.Run(name, func(t *testing.T) {
			registry, env := privateRegistry(t), machine(t, c.tools)
			files := c.project(t, env, registry)
			for _, s := range []struct {
				name      string
				variables map[string]string
				says      []string
			}{
				{"no token", nil, []string{"settings of", "name the variable NPM_TOKEN, which has no value", "Secret", "spec.build.env"}},
				{"a wrong one", map[string]string{"NPM_TOKEN": "npm_wrongwrongwrong"}, []string{"refused the request (403)", "NPM_TOKEN", "wrong or expired", "Secret"}},
			} {
				_, err := Install(t.Context(), checkout(t, ".", files), Cache{Dir: t.TempDir()}, InstallOptions{
					Env: env, StateDir: t.TempDir(), Now: time.Now, Variables: s.variables,
				})
				e := wantReason(t, err, ErrInstallFailed, append(s.says, "docs/how-to/private-registries.md")...)
				if strings.Contains(e.Message, "fresh clone") {
					t.Errorf("%s: %s", s.name, e.Message)
				}
			}
		})
	}
}
