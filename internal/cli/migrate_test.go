package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/cli"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestAThousandManifestsAreChecked has one wrong among many.
func TestAThousandManifestsAreChecked(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	var text strings.Builder
	for n := range 1000 {
		field := "path"
		if n == 734 {
			field = "pth"
		}
		fmt.Fprintf(&text, "---\napiVersion: awscdk.dev/v1alpha1\nkind: CdkTsStack\nmetadata: {name: web-%d}\nspec:\n  stackName: Web-%d\n  %s: infra\n  source: {git: {repository: 'https://git.example/web.git'}}\n", n, n, field)
	}
	s.must(os.WriteFile(s.in("all.yaml"), []byte(text.String()), 0o644))
	got := s.run([]string{"migrate", "-f", "DIR"}, "")
	for _, want := range []string{"✗ DIR/all.yaml:5879  spec.pth: there is no such field", "1000 checked, 1 with something to do", "(exit code 3)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if n := strings.Count(got, "works as it is"); n != 999 {
		t.Errorf("%d work as they are, want 999", n)
	}
}

// TestWhatIsHugeIsRefused does not read it.
func TestWhatIsHugeIsRefused(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	huge, err := os.Create(s.in("huge.yaml"))
	s.must(err)
	s.must(huge.Truncate(1 << 40))
	s.must(huge.Close())
	if got := s.run([]string{"migrate", "-f", "DIR/huge.yaml"}, ""); !strings.Contains(got, "which is more than") || !strings.Contains(got, "(exit code 1)") {
		t.Error(got)
	}
	s.must(os.Symlink("huge.yaml", s.in("cdk.json")))
	if got := s.run([]string{"init", "DIR"}, ""); !strings.Contains(got, "which is more than") || !strings.Contains(got, "(exit code 1)") {
		t.Error(got)
	}
}

// TestAnObjectWithAMillionFieldsIsToldInPart bounds time and output.
func TestAnObjectWithAMillionFieldsIsToldInPart(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	text := strings.Builder{}
	text.WriteString("apiVersion: awscdk.dev/v1alpha1\nkind: CdkTsStack\nmetadata: {name: web}\nspec:\n")
	for n := range 200000 {
		fmt.Fprintf(&text, "  stackNam%d: x\n", n)
	}
	s.must(os.WriteFile(s.in("many.yaml"), []byte(text.String()), 0o644))
	got := s.run([]string{"migrate", "-f", "DIR"}, "")
	if n := strings.Count(got, "\n"); n > 200 || !strings.Contains(got, "and 199903 more") {
		t.Errorf("%d lines: %.500s", n, got)
	}
}

// TestAPipeKeepsNobodyWaiting has one where files are expected.
func TestAPipeKeepsNobodyWaiting(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	s.must(exec.Command("mkfifo", s.in("cdk.json"), s.in("a.yaml")).Run())
	for _, args := range [][]string{{"init", "DIR"}, {"migrate", "-f", "DIR"}, {"migrate", "-f", "DIR/a.yaml"}} {
		if got := s.run(args, ""); strings.Contains(got, "(exit code 0)") {
			t.Errorf("%s: %s", args, got)
		}
	}
}

// TestAnAliasThatStandsForMuchEnds has a billion words in a few lines.
func TestAnAliasThatStandsForMuchEnds(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	text := "apiVersion: awscdk.dev/v1alpha1\nkind: CdkTsStack\nmetadata: {name: web}\nspec:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for n := 1; n < 10; n++ {
		text += fmt.Sprintf("  a%d: &a%d [%s]\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", n-1), 10), ", "))
	}
	s.must(os.WriteFile(s.in("much.yaml"), []byte(text), 0o644))
	if got := s.run([]string{"migrate", "-f", "DIR/much.yaml"}, ""); !strings.Contains(got, "excessive aliasing") || !strings.Contains(got, "(exit code 3)") {
		t.Error(got)
	}
}

// TestTextsOfFilesMoveNoCursor shows a manifest whose author means harm.
func TestTextsOfFilesMoveNoCursor(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	s.must(os.WriteFile(s.in("evil.yaml"), []byte("apiVersion: awscdk.dev/v1alpha1\nkind: CdkTsStack\nmetadata: {name: \"a\\e[2Jb\"}\nspec: {\"x\\e[31m\": 1, stackName: \"\\e[0m\"}\n"), 0o644))
	if got := s.run([]string{"migrate", "-f", "DIR"}, ""); strings.ContainsAny(got, "\x1b\x07") {
		t.Errorf("it writes control characters: %q", got)
	}
}

// TestWriteKeepsEveryLetter adds to a file of Windows, and to one not at all.
func TestWriteKeepsEveryLetter(t *testing.T) {
	const head = "# first\r\nkind: Other\r\n---\r\napiVersion: awscdk.dev/v1alpha1\r\nkind: CdkTsStack\r\nmetadata: {name: web}\r\nspec:\r\n"
	const tail = "  stackName:   'Web'   # ours\r\n  source: {git: {repository: https://git.example/web.git}}\r\n"
	const hook = "  lifecycleHooks:\r\n    beforeDeploy: |\r\n      H=$(date +%H)\r\n      if [ $H -lt 8 ] || [ $H -ge 18 ]; then\r\n        exit 1\r\n      fi\r\n"
	const added = "  windows:\r\n    timeZone: UTC\r\n    overrun: Finish\r\n    allow:\r\n      - {from: \"08:00\", to: \"18:00\"}\r\n"
	for given, want := range map[string]string{head + tail: head + tail, head + tail + hook: head + added + tail + hook} {
		var out, said bytes.Buffer
		code := cli.Run(t.Context(), cli.Options{
			Streams: genericiooptions.IOStreams{In: strings.NewReader(given), Out: &out, ErrOut: &said}, Now: time.Now,
		}, []string{"migrate", "--write", "-f", "-"})
		if out.String() != want || code != cli.ExitOK {
			t.Errorf("exit code %d, wrote %q, want %q; %s", code, out.String(), want, said.String())
		}
	}
}

// TestEveryExampleIsFine checks the manifests that we give to people.
func TestEveryExampleIsFine(t *testing.T) {
	s := &folder{t: t, dir: t.TempDir()}
	examples, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	s.must(err)
	for _, example := range examples {
		got := s.run([]string{"migrate", "-f", example}, "")
		if strings.Contains(got, "✗") {
			t.Errorf("%s: %s", example, got)
		}
	}
}
