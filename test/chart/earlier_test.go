package chart_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/git/gittest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// builds run in the manager's own process here: there are no nodes for Jobs.
const inProcess = "executor: Local\n"

// stacks is a namespace with an object that the earlier operator deployed, its
// repository, and its stack in the local AWS.
type stacks struct {
	*cluster
	aws *awstest.Server
}

func newStacks(t *testing.T, c *cluster) *stacks {
	s := &stacks{cluster: c, aws: awstest.Start(t, "--speed", "0")}
	aws := cloudformation.New(cloudformation.Options{
		Region: "us-east-1", BaseEndpoint: &s.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
	})
	_, err := aws.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: ptr.To("WebApp"), TemplateBody: ptr.To(`{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}`),
	})
	must(t, err)
	s.aws.ForgetCalls(t)
	return s
}

// object makes what the earlier operator had deployed, with its status.
func (s *stacks) object() {
	s.Helper()
	folder := s.TempDir()
	repo, err := gittest.NewRepo(filepath.Join(folder, "web.git"))
	must(s, err)
	_, err = repo.Commit(map[string]string{"README.md": "an app"}, "first")
	must(s, err)
	git, err := gittest.ServeHTTP(folder, gittest.HTTPOptions{})
	must(s, err)
	s.Cleanup(func() { _ = git.Close() })
	s.namespace("team")
	must(s, s.Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "aws"},
		StringData: map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "verysecretvalue"},
	}))
	object, err := os.ReadFile(filepath.Join("testdata", "earlier-object.yaml"))
	must(s, err)
	// A stack that is younger than the last deployment would be taken for another's.
	now := time.Now().UTC().Format(time.RFC3339)
	manifest := strings.NewReplacer("REPOSITORY", git.URL+"/web.git", "NOW", now).Replace(string(object))
	s.kubectl(manifest, "create", "--filename=-")
	s.kubectl(manifest, "replace", "--subresource=status", "--filename=-")
}

func (s *stacks) web() *v1alpha1.CdkTsStack {
	s.Helper()
	var web v1alpha1.CdkTsStack
	must(s, s.Get(s.Context(), types.NamespacedName{Namespace: "team", Name: "web"}, &web))
	return &web
}

// untouched fails the test when anything was written to AWS.
func (s *stacks) untouched() {
	s.Helper()
	for _, action := range []string{"CreateChangeSet", "ExecuteChangeSet", "CreateStack", "UpdateStack", "DeleteStack"} {
		if n := len(s.aws.Calls(s, action)); n != 0 {
			s.Errorf("%s was called %d times", action, n)
		}
	}
}

func TestAnUpgradeFromTheEarlierChartAdoptsAndDeploysNothing(t *testing.T) {
	for name, c := range map[string]struct{ first, then, values string }{
		"its definition is a template, Helm 3, then 4":  {helm3, helm4, "crd: template\nownsNamespace: true"},
		"its definition was applied by kubectl, Helm 3": {helm3, helm3, "crd: applied"},
		"its definition is a template, Helm 4":          {helm4, helm4, "crd: template"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, c.first)
			s := newStacks(t, cluster)
			n := newNode(cluster)
			before := s.installEarlier(c.values)
			cluster.helm = c.then
			values, err := os.ReadFile(filepath.Join("testdata", "earlier", "values.yaml"))
			must(t, err)
			// The two first entries are this recording's own; the image is the earlier operator's.
			users := string(values)[strings.Index(string(values), "imagePullSecrets:"):]
			said := s.install("upgrade", chart, inProcess+users)
			s.adopted(n, before)
			if !strings.Contains(said, "deletes no stack") {
				t.Errorf("helm says %s", said)
			}
			cluster.refusesSecond("")
			s.survivesUninstallation(n)
		})
	}
}

// identities are what must be the same objects after an upgrade.
type identities struct{ deployment, definition, object, namespace types.UID }

func (s *stacks) identities() identities {
	s.Helper()
	var d appsv1.Deployment
	var crd apiextensionsv1.CustomResourceDefinition
	var ns corev1.Namespace
	s.read("deployment", release, &d.ObjectMeta)
	must(s, s.Get(s.Context(), client.ObjectKey{Name: "cdktsstacks.awscdk.dev"}, &crd))
	must(s, s.Get(s.Context(), client.ObjectKey{Name: namespace}, &ns))
	if !crd.DeletionTimestamp.IsZero() || !ns.DeletionTimestamp.IsZero() {
		s.Error("the definition or the namespace is being deleted")
	}
	return identities{d.UID, crd.UID, s.web().UID, ns.UID}
}

// read reads the metadata of an object in the operator's namespace.
func (s *stacks) read(kind, name string, into *metav1.ObjectMeta) {
	s.Helper()
	o := parse(s, []byte(s.kubectl("", "get", kind, name, "--namespace", namespace, "--output=yaml")))[0]
	into.UID = o.GetUID()
}

func (s *stacks) installEarlier(values string) identities {
	s.Helper()
	earlier := filepath.Join("testdata", "earlier")
	if strings.Contains(values, "applied") {
		s.kubectl("", "apply", "--filename", filepath.Join(earlier, "crd.yaml"))
	}
	if strings.Contains(values, "ownsNamespace") {
		s.kubectl("", "annotate", "namespace", namespace, "meta.helm.sh/release-name="+release, "meta.helm.sh/release-namespace="+namespace)
		s.kubectl("", "label", "namespace", namespace, "app.kubernetes.io/managed-by=Helm")
	}
	s.install("install", earlier, values)
	s.served()
	s.object()
	return s.identities()
}

func (s *stacks) adopted(n *node, before identities) {
	s.Helper()
	if after := s.identities(); after != before {
		s.Errorf("objects were made anew: %+v, were %+v", after, before)
	}
	deployment := parse(s, []byte(s.kubectl("", "get", "deployment", release, "--namespace", namespace, "--output=yaml")))[0]
	for path, want := range map[string]string{
		"{.spec.selector.matchLabels.app}":                                    "awscdk-operator",
		"{.spec.template.metadata.labels.app}":                                "awscdk-operator",
		"{.spec.template.metadata.labels['app\\.kubernetes\\.io/component']}": "manager",
		"{.spec.template.spec.containers[*].name}":                            "manager",
	} {
		if got := at(s, deployment, path); got != want {
			s.Errorf("%s of the Deployment is %q, want %q", path, got, want)
		}
	}
	// The earlier operator is to end before this one starts.
	if got := at(s, deployment, "{.spec.strategy}"); got != `{"type":"Recreate"}` && got != `{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1},"type":"RollingUpdate"}` {
		s.Errorf("the Deployment's strategy is %s", got)
	}
	m := n.start(release)
	s.eventually("the object is adopted, with its stack", func() bool {
		st := s.web().Status
		ready := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == "Adopted" && st.StackID != ""
	})
	web := s.web()
	if web.Status.Phase != v1alpha1.PhaseSucceeded || web.Status.LastDeploy.IsZero() || !slices.Contains(web.Finalizers, v1alpha1.Finalizer) {
		s.Errorf("the object is %+v %+v", web.ObjectMeta, web.Status)
	}
	time.Sleep(2 * time.Second) // for what must not happen
	s.untouched()
	m.lacksNothing()
	_, err := s.run("", s.helm, "test", release, "--namespace", namespace, "--timeout", "60s")
	if err != nil {
		s.Errorf("%v\n%s", err, n.said.String())
	}
	m.stop()
}

// survivesUninstallation shows that the stack outlives the chart, even where its
// object is deleted meanwhile, and that a new release goes on with it.
func (s *stacks) survivesUninstallation(n *node) {
	s.Helper()
	was := s.web()
	s.uninstall()
	if is := s.web(); is.UID != was.UID || !is.DeletionTimestamp.IsZero() {
		s.Error("the object did not survive the uninstallation")
	}
	s.kubectl("", "delete", "cdk", "web", "--namespace", "team", "--wait=false")
	time.Sleep(time.Second) // for what must not happen
	if is := s.web(); !slices.Contains(is.Finalizers, v1alpha1.Finalizer) {
		s.Errorf("the object's finalizers are %v", is.Finalizers)
	}
	s.untouched()
	s.install("install", chart, inProcess)
	m := n.start(release)
	s.eventually("the stack is deleted as its object was", func() bool { return s.aws.Succeeded(s, "DeleteStack") == 1 })
	m.stop()
}
