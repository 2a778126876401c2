package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/test/e2e/rig"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// hand types what the operator does: `npm ci && npx cdk deploy` in a fresh
// clone. The npm cache and what the CDK keeps in its
// home are warm, as a developer's are.
type hand struct {
	b          *testing.B
	aws        string
	repository string
	home       string
	clones     []string
}

func newHand(b *testing.B, r *rig.Rig, repository string) *hand {
	return &hand{b: b, aws: r.AWS.URL, repository: repository, home: b.TempDir()}
}

// shared deploys the stack Shared, in one clone, for a key; not measured.
func (h *hand) shared(key string, regions ...string) {
	dir := h.clone()
	h.run(dir, key, rig.Region, "npm", "ci", "--no-audit", "--no-fund")
	for _, region := range regions {
		h.run(dir, key, region, "npx", deployment("Shared")...)
	}
	h.remove(dir)
}

// deploy is what is measured. It includes the clone, a few hundredths of a
// second; the clone is removed later.
func (h *hand) deploy(key, region string, flags ...string) {
	dir := h.clone()
	h.run(dir, key, region, "npm", "ci", "--no-audit", "--no-fund")
	h.run(dir, key, region, "npx", append(deployment("WebApp"), flags...)...)
	h.clones = append(h.clones, dir)
}

// diff shows what a deployment would change, in the clone of the one before. The
// pull is measured, too: a few tenths of a second.
func (h *hand) diff(key, region string) {
	dir := h.clones[len(h.clones)-1]
	h.run(dir, "", "", "git", "pull", "--quiet", "--ff-only")
	h.run(dir, key, region, "npx", "cdk", "diff", "WebApp", "--exclusively", "--no-notices")
}

// deployment is the command line: one stack, no questions, no calls to the
// network beside AWS, which would only make it slower.
func deployment(stack string) []string {
	return []string{"cdk", "deploy", stack, "--exclusively", "--require-approval", "never", "--no-notices"}
}

// destroy deletes the clones and the stacks of who types; not measured.
func (h *hand) destroy(regions ...string) {
	for _, dir := range h.clones {
		h.remove(dir)
	}
	h.clones = nil
	for _, region := range regions {
		api := cloudformation.New(cloudformation.Options{
			Region: region, BaseEndpoint: &h.aws, Credentials: credentials.NewStaticCredentialsProvider(handKey, secretKey, ""),
		})
		if _, err := api.DeleteStack(h.b.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("WebApp")}); err != nil {
			h.b.Fatal(err)
		}
		gone := cloudformation.NewStackDeleteCompleteWaiter(api, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
		})
		if err := gone.Wait(h.b.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("WebApp")}, time.Minute); err != nil {
			h.b.Fatal(err)
		}
	}
}

func (h *hand) clone() string {
	h.b.Helper()
	dir, err := os.MkdirTemp(h.home, "clone-")
	if err != nil {
		h.b.Fatal(err)
	}
	h.run(dir, "", "", "git", "clone", "--quiet", "--depth=1", h.repository, "app")
	return filepath.Join(dir, "app", appPath)
}

func (h *hand) remove(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		h.b.Error(err)
	}
}

// run runs a command in a folder, or ends the benchmark with its output.
func (h *hand) run(dir, key, region, name string, args ...string) {
	h.b.Helper()
	cmd := exec.CommandContext(h.b.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		_, value, _ := strings.Cut(v, "=")
		return value == "" || strings.HasPrefix(v, "CDK_") || strings.HasPrefix(v, "NODE_OPTIONS=")
	}), "npm_config_cache="+filepath.Join(h.home, "npm"), "CDK_HOME="+filepath.Join(h.home, "cdk-"+key), "CDK_DISABLE_CLI_TELEMETRY=true",
		"AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "CI=true", "NO_COLOR=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.b.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
