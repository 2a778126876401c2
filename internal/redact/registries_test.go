package redact

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRegistrySecretsAreKnown(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("joe:opensesame"))
	env := []string{"NPM_TOKEN=npm_4711abcdef", "PATH=/usr/bin:/bin", "AWS_REGION=eu-west-1"}
	for name, c := range map[string]struct {
		file, content string
		secret        string
	}{
		"npm, a token":                {".npmrc", "registry=https://npm.acme.com/\n//npm.acme.com/:_authToken=npm_4711abcdef\n", "npm_4711abcdef"},
		"npm, with spaces and quotes": {".npmrc", `//npm.acme.com/:_authToken = "npm_4711abcdef"` + "\r\n", "npm_4711abcdef"},
		"npm, of the environment":     {".npmrc", "//npm.acme.com/:_authToken=${NPM_TOKEN}\n", "npm_4711abcdef"},
		"npm, user and password":      {".npmrc", "_auth=" + encoded, "opensesame"},
		"npm, a password in base64":   {".npmrc", "//npm.acme.com/:_password=" + base64.StdEncoding.EncodeToString([]byte("opensesame")), "opensesame"},
		"npm, in the address":         {".npmrc", "proxy=http://joe:opensesame@proxy:3128", "opensesame"},
		"npm, a client key":           {".npmrc", `key="-----BEGIN PRIVATE KEY-----\nXXXXopensesame\n-----END PRIVATE KEY-----"`, `XXXXopensesame`},
		"yarn 1":                      {".yarnrc", `"//npm.acme.com/:_authToken" "npm_4711abcdef"`, "npm_4711abcdef"},
		"yarn, a token":               {".yarnrc.yml", "npmRegistries:\n  \"https://npm.acme.com\":\n    npmAuthToken: npm_4711abcdef\n", "npm_4711abcdef"},
		"yarn, of the environment":    {".yarnrc.yml", "npmScopes:\n  acme:\n    npmAuthToken: \"${NPM_TOKEN:-none}\"\n", "npm_4711abcdef"},
		"yarn, a default":             {".yarnrc.yml", "npmAuthToken: ${OTHER:-npm_4711abcdef}\n", "npm_4711abcdef"},
		"yarn, user and password":     {".yarnrc.yml", "npmAuthIdent: 'joe:opensesame'\n", "opensesame"},
		"yarn, both in base64":        {".yarnrc.yml", "npmAuthIdent: " + encoded + "\n", "opensesame"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "apps", "web")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, at := range []string{dir, root} {
				file := filepath.Join(at, c.file)
				if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
				r := New(RegistrySecrets(dir, root, env)...)
				if got := r.String("it is " + c.secret + "!"); strings.Contains(got, c.secret) {
					t.Errorf("%q shows the secret of %s", got, file)
				}
				const plain = "npm.acme.com joe registry eu-west-1 /usr/bin"
				if got := r.String(plain); got != plain {
					t.Errorf("%q became %q", plain, got)
				}
				_ = os.Remove(file)
			}
		})
	}
}

func TestSecretsOfTheEnvironmentAreKnown(t *testing.T) {
	userconfig := filepath.Join(t.TempDir(), "npmrc")
	if err := os.WriteFile(userconfig, []byte("//npm.acme.com/:_authToken=npm_userconfig\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(EnvironSecrets([]string{
		"npm_config_userconfig=" + userconfig, "YARN_NPM_AUTH_TOKEN=yarn4711", "HTTPS_PROXY=http://joe:open%21sesame@proxy:3128",
		"npm_config_//npm.acme.com/:_authToken=npm_variable", "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token", "NODE_OPTIONS=--max-old-space-size=512",
	})...)
	for text, want := range map[string]string{
		"npm_userconfig":             "***",
		"yarn4711":                   "***",
		"open%21sesame, open!sesame": "***, ***",
		"npm_variable":               "***",
		"/var/run/token":             "/var/run/token",
		"--max-old-space-size=512":   "--max-old-space-size=512",
	} {
		if got := r.String(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
