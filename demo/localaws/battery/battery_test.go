// Package battery judges the local AWS by a client we did not write: the
// official cdk CLI runs through a stack's whole life against it.
package battery

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

// stage is a local AWS with the battery's app in a folder of its own.
type stage struct {
	*testing.T
	aws    *localaws.Server
	url    string
	folder string
	cdkBin string

	tripwire *tripwire
}

var place = cloud.Place{Account: "123456789012", Region: "eu-central-1"}

func newStage(t *testing.T) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("the real CLIs take minutes; run without -short")
	}
	aws := localaws.New(localaws.Config{})
	server := httptest.NewServer(aws)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		aws.Close()
	})
	s := &stage{T: t, aws: aws, url: server.URL, folder: t.TempDir(), tripwire: newTripwire(t)}
	t.Cleanup(func() {
		if hits := s.tripwire.take(); len(hits) > 0 {
			t.Errorf("calls would have left this machine: %v", hits)
		}
	})
	return s
}

// withApp puts the battery's app and the cdk CLI into the stage's folder.
func (s *stage) withApp() *stage {
	s.Helper()
	return s.with("testdata/app", "cdk")
}

// with puts an app and the cdk CLI into the stage's folder; name is that of
// the app's dependencies in the cache.
func (s *stage) with(app, name string) *stage {
	s.Helper()
	modules := toolchain(s.T, app, name)
	s.cdkBin = filepath.Join(modules, "aws-cdk", "bin", "cdk")
	if err := os.CopyFS(s.folder, os.DirFS(app)); err != nil {
		s.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(s.folder, "node_modules")); err != nil {
		s.Fatal(err)
	}
	return s
}

// environment is all that a child process gets: nothing of ours, and no way
// to an AWS but the local one.
func (s *stage) environment() []string {
	return append(s.tripwire.environment(),
		"PATH="+filepath.Join(s.folder, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+filepath.Join(s.folder, "home"), "CDK_HOME="+filepath.Join(s.folder, "cdkhome"),
		"AWS_ENDPOINT_URL="+s.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION="+place.Region, "AWS_DEFAULT_REGION="+place.Region, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
		"CI=true", "NO_COLOR=1", "CDK_DISABLE_CLI_TELEMETRY=true", "CDK_VALIDATION=false", "NODE_NO_WARNINGS=1",
	)
}

// run runs a command in the app's folder and returns what it wrote and its exit code.
func (s *stage) run(name string, args ...string) (string, int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 4*time.Minute)
	defer cancel()
	if own := filepath.Join(s.folder, "bin", name); exists(own) {
		name = own
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.folder, s.environment()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		s.Fatalf("%s %v did not end:\n%s", name, args, out)
	}
	if cmd.ProcessState == nil {
		s.Fatalf("start %s: %v", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// settle waits until nothing runs on the newest stack of that name any more.
// The aws CLI could wait too, but looks only twice a minute.
func (s *stage) settle(name, status string) {
	s.Helper()
	for range 1000 {
		if !strings.HasSuffix(s.status(name), "_IN_PROGRESS") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.expect(name, status)
}

// cdk runs the CLI; want is its exit code, and each pattern must match its output.
func (s *stage) cdk(want int, patterns []string, args ...string) {
	s.Helper()
	started := time.Now()
	out, code := s.run("node", append([]string{s.cdkBin, "--no-notices"}, s.assembled(args)...)...)
	s.Logf("cdk %s: rc %d in %.1f s", strings.Join(args, " "), code, time.Since(started).Seconds())
	if code != want {
		s.Fatalf("cdk %v: exit code %d, want %d:\n%s", args, code, want, out)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(out) {
			s.Fatalf("cdk %v: output doesn't match %q:\n%s", args, p, out)
		}
	}
}

// assembled lets the CLI synthesise once for each context: later runs get the
// assembly that the first one wrote. Bootstrapping needs no app at all.
func (s *stage) assembled(args []string) []string {
	var context, rest []string
	for i := 0; i < len(args); i++ {
		if args[i] == "-c" {
			i++
			context = append(context, args[i])
			continue
		}
		rest = append(rest, args[i])
	}
	folder := filepath.Join(s.folder, "assembly-"+strings.NewReplacer("=", "-").Replace(strings.Join(context, "-")))
	if _, err := os.Stat(filepath.Join(folder, "manifest.json")); err == nil {
		return append(rest, "--app", folder)
	}
	if args[0] == "bootstrap" || args[0] == "gc" {
		return args
	}
	return append(args, "--output", folder)
}

// deploy is cdk deploy without questions.
func (s *stage) deploy(want int, patterns []string, args ...string) {
	s.Helper()
	s.cdk(want, patterns, append([]string{"deploy", "--require-approval", "never"}, args...)...)
}

// status is the status of the newest stack of that name.
func (s *stage) status(name string) string {
	for _, st := range s.aws.CloudFormation.Stacks() {
		if st.Name == name && st.Status != "DELETE_COMPLETE" {
			return st.Status
		}
	}
	return "none"
}

func (s *stage) expect(name, status string) {
	s.Helper()
	if got := s.status(name); got != status {
		s.Fatalf("stack %s is %s, want %s", name, got, status)
	}
}

// color is the value of the parameter that the app makes.
func (s *stage) color() string {
	p, _ := s.aws.Cloud.Get(place, "AWS::SSM::Parameter", "/battery/color")
	return p.Text("Value")
}

// hack changes what the app's stacks made, behind their backs.
func (s *stage) hack(typ, property, value string) {
	s.Helper()
	for _, r := range s.aws.Cloud.List(place, typ) {
		if r.Logical == "CdkBootstrapVersion" {
			continue
		}
		err := s.aws.Cloud.Change(place, typ, r.ID, func(r *cloud.Resource) error {
			r.Props[property] = value
			return nil
		})
		if err != nil {
			s.Fatal(err)
		}
	}
}
