package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/assets"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/runner"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
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
	config, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	config.QPS = -1
	apiServer, kubeconfig = config, env.KubeConfig
	return m.Run()
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(s), corev1.AddToScheme(s)); err != nil {
		panic(err)
	}
	return s
}

// quickRun is `run` without Node: the project's template.json is the
// template. Everything else of it is real: the process, git, publishing.
func quickRun(args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	dir := flags.String("dir", "", "")
	data := flags.String("data", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return runner.Main(ctrl.SetupSignalHandler(), runner.MainOptions{
		Dir: runner.Dir(*dir), Data: *data, Stdin: os.Stdin, Now: time.Now, Work: quickBuild,
	})
}

func quickBuild(ctx context.Context, s *runner.Session) (*v1alpha1.Plan, error) {
	repository, err := git.ParseRepository(s.Request.Repository)
	if err != nil {
		return nil, err
	}
	mirrors, err := git.OpenMirrors(filepath.Join(s.Data, "mirrors"), 0)
	if err != nil {
		return nil, err
	}
	commit, err := mirrors.Checkout(ctx, git.Remote{Repository: repository}, s.Request.Revision, s.Dir.Workspace())
	if err != nil {
		return nil, err
	}
	project, err := git.ProjectPath(s.Dir.Workspace(), s.Request.Path)
	if err != nil {
		return nil, &runner.Failure{Reason: "InvalidProjectPath", Message: err.Error(), Permanent: true}
	}
	plan, err := readApp(filepath.Join(project, "app.json"), s.Request)
	if err != nil {
		return nil, err
	}
	credentials, err := awsconfig.FromEnviron(s.Secrets.AWS)
	if err != nil {
		return nil, err
	}
	plan.TemplateURL, err = assets.New(assets.Options{Now: time.Now, TempDir: s.Dir.Temp()}).PublishTemplate(ctx, assets.Template{
		Path: filepath.Join(project, "template.json"), StackName: plan.StackName,
		Target: assets.Target{Credentials: credentials, Region: s.Request.Region, Account: plan.Account},
	})
	plan.Commit = &v1alpha1.Commit{Hash: commit.Hash, Author: commit.Author, Subject: commit.Subject, Time: &metav1.Time{Time: commit.Time}}
	return plan, err
}

// readApp reads what an app would say of its stack: app.json is a plan.
func readApp(path string, req runner.Request) (*v1alpha1.Plan, error) {
	plan := &v1alpha1.Plan{StackName: req.StackName, Region: req.Region, Account: account}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return plan, nil
	}
	if err != nil {
		return nil, err
	}
	return plan, json.Unmarshal(data, plan)
}
