package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// examTime bounds each examination, unless --request-timeout says otherwise; all go
// on at once.
const examTime = 15 * time.Second

func newDoctor(o *Options) *cobra.Command {
	d := &doctor{Options: o}
	cmd := &cobra.Command{
		Use: "doctor [NAME]", Short: "Find out what is missing around the operator, or around one stack",
		Long: `Find out whether the cluster, the operator and you have what is needed and, with NAME, whether one stack has. Nothing is
changed, and no value of a Secret is shown.

  ✓  is as it should be
  !  is not known, or is yours to decide
  ✗  is missing or broken

Exit codes: 0 nothing is missing, 3 there is something with ✗, 2 it was called wrongly, 1 it could not be done.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return named(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				d.name = args[0]
			}
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.operator.Namespace, "operator-namespace", "awscdk-operator-system", "the `namespace` of the operator")
	cmd.Flags().StringVar(&d.operator.Name, "operator", "awscdk-operator", "the `name` of the operator's Deployment")
	cmd.Flags().BoolVar(&d.aws, "aws", false, "ask AWS, too, with your own credentials: who you are, the CDK's bootstrap, and its deploy role")
	cmd.Flags().StringVar(&d.region, "region", "", "the AWS region that --aws asks in; by default that of the stack, or AWS_REGION")
	return cmd
}

// doctor is one examination.
type doctor struct {
	*Options
	name, region string
	aws          bool
	// operator is the Deployment.
	operator client.ObjectKey

	// each is how long one examination may take.
	each time.Duration

	c         client.Client
	known     discovery.DiscoveryInterface
	server    string
	namespace string
	// deployment is the operator's, and object the one that is examined; nil when
	// they could not be read, and why.
	deployment   *appsv1.Deployment
	noDeployment error
	object       *v1alpha1.CdkTsStack
	noObject     error
}

// advice is one line: what was found, and what to type.
type advice struct {
	mark mark
	text string
	fix  string
}

var markUnsure = mark{"!", yellow}

func fine(format string, args ...any) advice {
	return advice{mark: markGood, text: fmt.Sprintf(format, args...)}
}

func unsure(text, fix string) advice { return advice{markUnsure, text, fix} }

func broken(text, fix string) advice { return advice{markBad, text, fix} }

// exam is one examination. Each has its own time, and none needs another to have
// gone well.
type exam struct {
	name string
	look func(*doctor, context.Context) []advice
}

var exams = []exam{
	{"cluster", (*doctor).cluster},
	{"definition", (*doctor).definition},
	{"operator", (*doctor).examineOperator},
	{"its rights", (*doctor).operatorRights},
	{"your rights", (*doctor).ownRights},
	{"policies", (*doctor).policies},
	{"webhooks", (*doctor).webhooks},
	{"stacks", (*doctor).stacks},
}

var examsOfObject = []exam{
	{"this stack", (*doctor).state},
	{"its Secrets", (*doctor).secrets},
}

var examAWS = exam{"AWS", (*doctor).askAWS}

func (d *doctor) run(ctx context.Context) error {
	if err := d.connect(); err != nil {
		return err
	}
	d.prepare(ctx)
	all := exams
	if d.name != "" {
		all = append(all[:len(all):len(all)], examsOfObject...)
	}
	if d.aws {
		all = append(all[:len(all):len(all)], examAWS)
	}
	found := make([][]advice, len(all))
	var wait sync.WaitGroup
	for i, e := range all {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.each)
			defer cancel()
			found[i] = e.look(d, ctx)
		})
	}
	wait.Wait()
	p, bad := d.painter(), false
	for i, e := range all {
		for n, a := range found[i] {
			title := e.name
			if n > 0 {
				title = ""
			}
			p.printf("%s %-12s %s\n", p.in(a.mark.color, a.mark.sign), title, printable(a.text))
			if a.fix != "" {
				p.printf("%15s%s\n", "", printable(a.fix))
			}
			bad = bad || a.mark == markBad
		}
	}
	if bad {
		return errNotReady
	}
	return nil
}

// connect makes the client; it asks nothing of the cluster yet.
func (d *doctor) connect() error {
	config, err := d.flags.ToRESTConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS = -1 // a few dozen questions at once
	if config.Timeout <= 0 {
		config.Timeout = examTime
	}
	d.each = config.Timeout
	d.server = config.Host
	if d.namespace, _, err = d.flags.ToRawKubeConfigLoader().Namespace(); err != nil {
		return fmt.Errorf("find the namespace: %w", err)
	}
	if d.known, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	s, mapper := kinds()
	d.c, err = client.New(config, client.Options{Scheme: s, Mapper: mapper})
	return err
}

// kinds are those that are examined. Where they are served is known: a cluster
// that does not answer is not asked for that over and over.
func kinds() (*runtime.Scheme, meta.RESTMapper) {
	s := scheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, coordinationv1.AddToScheme, authorizationv1.AddToScheme,
		admissionregistrationv1.AddToScheme, discoveryv1.AddToScheme, rbacv1.AddToScheme, apiextensionsv1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for gv, names := range map[schema.GroupVersion][]string{
		v1alpha1.GroupVersion:              {"CdkTsStack"},
		corev1.SchemeGroupVersion:          {"Secret", "ConfigMap", "Service", "ServiceAccount"},
		appsv1.SchemeGroupVersion:          {"Deployment"},
		coordinationv1.SchemeGroupVersion:  {"Lease"},
		discoveryv1.SchemeGroupVersion:     {"EndpointSlice"},
		authorizationv1.SchemeGroupVersion: {"LocalSubjectAccessReview"},
		rbacv1.SchemeGroupVersion:          {"RoleBinding"},
	} {
		for _, kind := range names {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
		}
	}
	for gv, names := range map[schema.GroupVersion][]string{
		authorizationv1.SchemeGroupVersion:         {"SelfSubjectAccessReview", "SubjectAccessReview"},
		authenticationv1.SchemeGroupVersion:        {"SelfSubjectReview"},
		admissionregistrationv1.SchemeGroupVersion: {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
		apiextensionsv1.SchemeGroupVersion:         {"CustomResourceDefinition"},
		rbacv1.SchemeGroupVersion:                  {"ClusterRole"},
	} {
		for _, kind := range names {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeRoot)
		}
	}
	return s, mapper
}

// prepare reads what several examinations need. What fails here is said by them.
func (d *doctor) prepare(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.each)
	defer cancel()
	var wait sync.WaitGroup
	wait.Go(func() {
		var deployment appsv1.Deployment
		if d.noDeployment = d.c.Get(ctx, d.operator, &deployment); d.noDeployment == nil {
			d.deployment = &deployment
		}
	})
	wait.Go(func() {
		var obj v1alpha1.CdkTsStack
		if d.name == "" {
			return
		}
		if d.noObject = d.c.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: d.name}, &obj); d.noObject == nil {
			d.object = &obj
		}
	})
	wait.Wait()
}
