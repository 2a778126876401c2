package customer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Tools is a folder that comes first on the PATH of hooks: the real tools, led
// to this machine.
type Tools string

// WrapTools leads the scripts' tools to where they may go in a test: aws to
// the local AWS and nowhere else, openssl to the port of the application
// instead of 443, which is not ours to open; date says what time a test wants
// it to be, and sleep does not take as long.
func WrapTools(t *testing.T, app string) Tools {
	t.Helper()
	dir := Tools(t.TempDir())
	address := strings.TrimPrefix(app, "https://")
	for name, script := range map[string]string{
		"aws": `case ${AWS_ENDPOINT_URL:-} in http://127.0.0.1:*) ;; *) echo "aws would leave this machine" >&2; exit 97 ;; esac
exec "$real" --endpoint-url "$AWS_ENDPOINT_URL" "$@"`,
		"openssl": `[[ $1 == s_client ]] || exec "$real" "$@"
exec "$real" s_client -servername localhost -connect ` + address,
		"date": `case "$*" in +%H | +%-H | +%u) exec "$real" -d "$(cat '` + string(dir) + `/clock')" "$@" ;; esac
exec "$real" "$@"`,
		"sleep": `exec "$real" 0.1`,
	} {
		real := realTool(t, name)
		text := "#!/usr/bin/env bash\nreal='" + real + "'\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(string(dir), name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "jq", "curl", "nc", "awk"} {
		realTool(t, name)
	}
	t.Setenv("PATH", strings.Join([]string{string(dir), os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
	return dir
}

// Clock sets what the scripts take for the present hour and day, as date -d
// reads it.
func (dir Tools) Clock(tb testing.TB, now string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(string(dir), "clock"), []byte(now), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// realTool finds a tool that the scripts call.
func realTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the scripts call %s, which is not on PATH: run hack/prerequisites", name)
	}
	return path
}
