package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/runner"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"
)

// apiServer is the one control plane of this package's tests.
var (
	apiServer  *rest.Config
	kubeconfig []byte
)

// TestMain is three programs: the tests, the run that the local executor
// starts, and the manager that the crash tests kill.
func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "run":
			exit(quickRun(os.Args[2:]))
		case "manager":
			exit(crashingManager(os.Args[2:]))
		}
	}
	os.Exit(tests(m))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func tests(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		return 1
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd")},
		ErrorIfCRDPathMissing: true,
	}
	dir, err := os.MkdirTemp("", "controller-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	log, err := audited(env, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "have the API server note its requests:", err)
		return 1
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	config.QPS = -1
	if err := prepare(config); err != nil {
		fmt.Fprintln(os.Stderr, "prepare the control plane:", err)
		return 1
	}
	apiServer, kubeconfig, auditLog = config, env.KubeConfig, log
	status := m.Run()
	if err := checkRights(log); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return max(status, 1)
	}
	return status
}

// prepare makes the identities of the operator and of the hooks, and puts the kubectl that belongs to
// the API server on the PATH of hooks.
func prepare(config *rest.Config) error {
	c, err := client.New(config, client.Options{Scheme: controller.Scheme()})
	if err != nil {
		return err
	}
	if err := os.Setenv("PATH", os.Getenv("KUBEBUILDER_ASSETS")+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	return installIdentities(c)
}

// quickRun is `run` without Node: the project's template.json is the
// template. Everything else of it is real: the process, git, publishing.
func quickRun(args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	dir := flags.String(run.FlagDir, "", "")
	data := flags.String(run.FlagData, "", "")
	stage := runner.StageOptions{Log: os.Stdout, Now: time.Now, Work: quickWork}
	flags.StringVar(&stage.Stage, run.FlagStage, "", "")
	flags.StringVar(&stage.Request, run.FlagRequest, "", "")
	flags.StringVar(&stage.Secrets, run.FlagSecrets, "", "")
	flags.StringVar(&stage.Message, run.FlagMessage, "", "")
	flags.IntVar(&stage.MessageLimit, run.FlagMessageLimit, 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if stage.Stage != "" {
		stage.Dir, stage.Data = run.Dir(*dir), *data
		return runner.Stage(ctrl.SetupSignalHandler(), stage)
	}
	return runner.Main(ctrl.SetupSignalHandler(), runner.MainOptions{
		Dir: run.Dir(*dir), Data: *data, Stdin: os.Stdin, Now: time.Now, Work: quickWork,
	})
}

func quickWork(ctx context.Context, s *runner.Session) (*v1alpha1.Plan, error) {
	tools, err := runner.RealTools(s)
	if err != nil {
		return nil, err
	}
	tools.Toolchain = quickToolchain{s.Request}
	return tools.Work(ctx, s)
}

// quickToolchain takes template.json for what the app makes.
type quickToolchain struct{ request run.Request }

func (quickToolchain) Install(context.Context, string, io.Writer) (string, bool, error) {
	return "", true, nil
}

func (q quickToolchain) Synth(_ context.Context, installed runner.Installed, _ string, _ io.Writer) (runner.Stack, error) {
	project := installed.Project
	plan, err := readApp(filepath.Join(project, "app.json"), q.request)
	if err != nil {
		return runner.Stack{}, err
	}
	return runner.Stack{Plan: *plan, Root: project, TemplateFile: filepath.Join(project, "template.json")}, nil
}

// readApp reads what an app would say of its stack: app.json is a plan. A
// parameter that is "context:KEY" is given the context value of that key.
func readApp(path string, req run.Request) (*v1alpha1.Plan, error) {
	plan := &v1alpha1.Plan{StackName: req.StackName, Region: req.Region, Account: account}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return plan, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, plan); err != nil {
		return nil, err
	}
	for name, value := range plan.Parameters {
		for _, c := range req.Context {
			if value == "context:"+c.Name {
				plan.Parameters[name] = c.Value
			}
		}
	}
	return plan, nil
}
