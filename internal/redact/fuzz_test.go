package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRedactor holds that no secret is seen in what the redactor leaves, in
// one piece or line by line, however it is written.
func FuzzRedactor(f *testing.F) {
	f.Add(secret, "before ", " after", 20)
	f.Add("hunter22", `\`, "%", 3)
	f.Add("%41%42%43%44", "&#x41;", "'\\''", 1)
	f.Add("-----BEGIN PRIVATE KEY-----", "-----BEGIN", "\n\n", 5)
	f.Add(strings.Repeat("ab\n", 30), "\\u00", "00", 64)
	f.Fuzz(func(t *testing.T, value, before, after string, cut int) {
		value = strings.TrimSpace(value)
		if len(value) < minLine || strings.ContainsAny(value, "*\n\r") || len(value) > 4096 {
			return // short values are found where they can be; lines have tests of their own
		}
		quoted, _ := json.Marshal(value)
		var valid string
		_ = json.Unmarshal(quoted, &valid)
		r := New(value)
		for form, text := range map[string]string{
			"plain": value, "a query": url.QueryEscape(value), "base64": base64.StdEncoding.EncodeToString([]byte(value)),
			"hex": hex.EncodeToString([]byte(value)), "JSON": string(quoted),
		} {
			if form == "JSON" && valid != value {
				continue // not UTF-8: JSON cannot hold it
			}
			// What stands before is kept from being half of an escape of the text's.
			all := before + "\n " + text + " \n" + after
			if got := r.String(all); !strings.Contains(got, Mark) || strings.Contains(got, text) {
				t.Fatalf("%s: %q became %q", form, all, got)
			}
			at := min(max(cut, 0), len(all))
			if got := lines(r, all[:at], all[at:]); strings.Contains(got, text) {
				t.Fatalf("%s, in lines: %q became %q", form, all, got)
			}
		}
	})
}

// FuzzRegistrySettings holds that the tokens in any text can be looked for, and
// that a token on a line of its own is found whatever is around that.
func FuzzRegistrySettings(f *testing.F) {
	f.Add("registry=https://npm.acme.com/\n", "\nalways-auth=true")
	f.Add("npmRegistries:\n  x:\n    npmAuthIdent: a:b\n", "\"")
	f.Add("_auth=${A:-${B}}", "key=\"\\n\"")
	f.Fuzz(func(t *testing.T, before, after string) {
		dir := t.TempDir()
		content := before + "\n//npm.acme.com/:_authToken=npm_4711abcdef\n" + after
		if err := os.WriteFile(filepath.Join(dir, ".npmrc"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := New(RegistrySecrets(dir, dir, nil)...).String("npm_4711abcdef"); got != Mark {
			t.Fatalf("of %q the token is not known: %q", content, got)
		}
	})
}
