package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/bootstrap"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// state says how the object is, and what its conditions tell.
func (d *doctor) state(context.Context) []advice {
	switch {
	case apierrors.IsNotFound(d.noObject):
		return []advice{broken(fmt.Sprintf("there is no CdkTsStack %s in the namespace %s", d.name, d.namespace), "kubectl cdk list -A")}
	case d.noObject != nil:
		return []advice{unsure(fmt.Sprintf("%s/%s cannot be read: %s", d.namespace, d.name, d.noObject), fmt.Sprintf("kubectl auth can-i get cdk/%s -n %s", shellWord(d.name), shellWord(d.namespace)))}
	}
	o := d.object
	m, text := state(o, d.Now())
	why := "kubectl cdk why -n " + shellWord(o.Namespace) + " " + shellWord(o.Name)
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	var all []advice
	switch {
	case ready == nil:
		all = append(all, broken(text, "kubectl logs -n "+shellWord(d.operator.Namespace)+" deployment/"+shellWord(d.operator.Name)))
	case m == markBad:
		all = append(all, broken(text+": "+ready.Message, why))
	case m == markGood:
		all = append(all, fine("%s", text))
	default:
		all = append(all, unsure(text+": "+ready.Message, why))
	}
	for _, kind := range []string{v1alpha1.ConditionSourceAvailable} {
		if c := meta.FindStatusCondition(o.Status.Conditions, kind); c != nil && c.Status == metav1.ConditionFalse && (ready == nil || c.Message != ready.Message) {
			all = append(all, broken("the repository cannot be read ("+c.Reason+"): "+c.Message, why))
		}
	}
	if drift := o.Status.Drift; drift != nil && drift.Error != "" {
		all = append(all, broken("the last drift check gave no answer: "+drift.Error, why))
	}
	if plan := planOf(o); plan != nil && plan.BootstrapVersion > 0 && !d.aws {
		all = append(all, unsure(fmt.Sprintf("the app needs version %d of the CDK's bootstrap in %s; whether it is there is asked with --aws", plan.BootstrapVersion, place(o, plan)), "kubectl cdk doctor -n "+shellWord(o.Namespace)+" "+shellWord(o.Name)+" --aws"))
	}
	return all
}

// planOf is the last plan that is known: of what is going on, of what waits, or of
// what is deployed.
func planOf(o *v1alpha1.CdkTsStack) *v1alpha1.Plan {
	for _, op := range []*v1alpha1.Operation{o.Status.Operation, o.Status.Held} {
		if op != nil && op.Plan != nil {
			return op.Plan
		}
	}
	if o.Status.Deployed != nil {
		return &o.Status.Deployed.Plan
	}
	return nil
}

func place(o *v1alpha1.CdkTsStack, plan *v1alpha1.Plan) string {
	return or(plan.Account, "its account") + ", " + regionOf(o)
}

// need is an object that a stack reads.
type need struct {
	// field says where it is named.
	kind, name, field string
	// keys are those that it must hold: all of one of these.
	keys     [][]string
	optional bool
	// create is the command that makes it.
	create string
}

// needsOf lists what an object reads.
func needsOf(o *v1alpha1.CdkTsStack) (all []need) {
	s := &o.Spec
	secret := func(field, name, create string, keys ...[]string) {
		if name != "" {
			all = append(all, need{kind: "Secret", name: name, field: field, keys: keys,
				create: "kubectl create secret generic " + shellWord(name) + " -n " + shellWord(o.Namespace) + " " + create})
		}
	}
	secret("credentialsSecretName", s.CredentialsSecretName, `--from-literal=AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" --from-literal=AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY"`,
		[]string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
	secret("source.git.sshSecretName", s.Source.Git.SSHSecretName, "--type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=deploy-key", []string{"ssh-privatekey"})
	secret("source.git.secretName", s.Source.Git.SecretName, `--from-literal=username="$GIT_USERNAME" --from-literal=password="$GIT_TOKEN"`,
		[]string{"password"}, []string{"token"}, []string{"githubAppID", "githubAppInstallationID", "githubAppPrivateKey"}, []string{"ca.crt"})
	if s.ServiceAccountName != "" {
		all = append(all, need{kind: "ServiceAccount", name: s.ServiceAccountName, field: "serviceAccountName",
			create: "kubectl create serviceaccount " + shellWord(s.ServiceAccountName) + " -n " + shellWord(o.Namespace)})
	}
	if v := s.Source.Git.Verify; v != nil {
		secret("source.git.verify.secretName", v.SecretName, "--from-file=trusted.pub")
	}
	if h := s.Hooks; h != nil {
		all = append(all, variables("hooks", h.EnvFrom, h.Env)...)
	}
	if b := s.Build; b != nil {
		all = append(all, variables("build", b.EnvFrom, b.Env)...)
	}
	return append(append(all, inputs(s)...), ofGates(s)...)
}

// inputs are the objects that context and parameters come from.
func inputs(s *v1alpha1.CdkTsStackSpec) (all []need) {
	read := func(kind, field string, ref *v1alpha1.InputKey) {
		if ref != nil {
			all = append(all, need{kind: kind, name: ref.Name, field: field, keys: [][]string{{ref.Key}}})
		}
	}
	for _, c := range s.ContextFrom {
		read("ConfigMap", "contextFrom", c.ConfigMapKeyRef)
	}
	for _, p := range s.ParametersFrom {
		read("ConfigMap", "parametersFrom", p.ConfigMapKeyRef)
		read("Secret", "parametersFrom", p.SecretKeyRef)
	}
	return all
}

// ofGates are the objects that policies and freezes are made of.
func ofGates(s *v1alpha1.CdkTsStackSpec) (all []need) {
	for _, p := range s.Policies {
		if p.ConfigMapRef != nil {
			all = append(all, need{kind: "ConfigMap", name: p.ConfigMapRef.Name, field: "policies"})
		}
	}
	for _, f := range s.Freeze {
		if h := f.HTTP.HeadersFrom; h != nil {
			all = append(all, need{kind: "Secret", name: h.SecretName, field: "freeze"})
		}
		if ca := f.HTTP.CAFrom; ca != nil {
			all = append(all, need{kind: "ConfigMap", name: ca.ConfigMapName, field: "freeze", keys: [][]string{{ca.Key}}})
		}
	}
	return all
}

// variables are the objects that variables come from.
func variables(field string, from []v1alpha1.EnvFrom, env []v1alpha1.EnvVar) (all []need) {
	for _, e := range from {
		if r := e.SecretRef; r != nil {
			all = append(all, need{kind: "Secret", name: r.Name, field: field + ".envFrom", optional: r.Optional})
		}
		if r := e.ConfigMapRef; r != nil {
			all = append(all, need{kind: "ConfigMap", name: r.Name, field: field + ".envFrom", optional: r.Optional})
		}
	}
	for _, e := range env {
		if e.ValueFrom == nil {
			continue
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil {
			all = append(all, need{kind: "Secret", name: r.Name, field: field + ".env", keys: [][]string{{r.Key}}, optional: r.Optional})
		}
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
			all = append(all, need{kind: "ConfigMap", name: r.Name, field: field + ".env", keys: [][]string{{r.Key}}, optional: r.Optional})
		}
	}
	return all
}

// secrets looks whether what the object names is there, with its keys. Values are
// not looked at, but for whether there is one.
func (d *doctor) secrets(ctx context.Context) []advice {
	if d.object == nil {
		return []advice{unsure("they are not known without the object", "")}
	}
	var all []advice
	var there []string
	for _, n := range needsOf(d.object) {
		keys, err := d.keysOf(ctx, n)
		label := fmt.Sprintf("the %s %s of spec.%s", n.kind, n.name, n.field)
		switch {
		case apierrors.IsNotFound(err) && n.optional:
		case apierrors.IsNotFound(err):
			all = append(all, broken(label+" does not exist", n.create))
		case apierrors.IsForbidden(err):
			all = append(all, unsure("you may not read "+label+", so whether it is there is not known", fmt.Sprintf("kubectl auth can-i get %ss/%s -n %s", strings.ToLower(n.kind), n.name, shellWord(d.object.Namespace))))
		case err != nil:
			all = append(all, unsure(label+" cannot be read: "+err.Error(), ""))
		case len(keys) == 0:
			all = append(all, broken(label+" is empty", n.create))
		default:
			if lacks := n.lacks(keys); lacks != "" && !n.optional {
				all = append(all, broken(label+" lacks "+lacks, n.create))
				continue
			}
			there = append(there, n.name)
		}
	}
	if len(there) > 0 {
		slices.Sort(there)
		all = append([]advice{fine("with the keys that are needed: %s", strings.Join(slices.Compact(there), ", "))}, all...)
	}
	if len(all) == 0 {
		return []advice{fine("it names none that has to be there")}
	}
	return all
}

// keysOf are the keys that have a value.
func (d *doctor) keysOf(ctx context.Context, n need) (keys []string, err error) {
	key := client.ObjectKey{Namespace: d.object.Namespace, Name: n.name}
	switch n.kind {
	case "ServiceAccount":
		return []string{n.name}, d.c.Get(ctx, key, &corev1.ServiceAccount{})
	case "ConfigMap":
		var m corev1.ConfigMap
		err = d.c.Get(ctx, key, &m)
		return slices.AppendSeq(slices.Collect(maps.Keys(m.Data)), maps.Keys(m.BinaryData)), err
	}
	var s corev1.Secret
	err = d.c.Get(ctx, key, &s)
	for k, value := range s.Data {
		if len(value) > 0 {
			keys = append(keys, k)
		}
	}
	return keys, err
}

// lacks says which keys are missing, "" when all of one of the choices are there.
func (n need) lacks(keys []string) string {
	var choices []string
	for _, choice := range n.keys {
		missing := slices.DeleteFunc(slices.Clone(choice), func(k string) bool { return slices.Contains(keys, k) })
		if len(missing) == 0 {
			return ""
		}
		choices = append(choices, strings.Join(missing, " and "))
	}
	return strings.Join(choices, ", or ")
}

// askAWS asks AWS as the person who types, which is not who deploys the stack:
// it tells what is there.
func (d *doctor) askAWS(ctx context.Context) []advice {
	region := or(d.region, or(os.Getenv("AWS_REGION"), defaultRegion))
	parameter, least := "/cdk-bootstrap/hnb659fds/version", int32(0)
	var role awsconfig.Role
	account := ""
	if o := d.object; o != nil {
		region = or(d.region, regionOf(o))
		account = accountOf(o)
		if plan := planOf(o); plan != nil {
			parameter, least = or(plan.BootstrapParameter, parameter), plan.BootstrapVersion
			role = awsconfig.Role{ARN: plan.DeployRoleARN, ExternalID: plan.DeployRoleExternalID, Session: plan.DeployRoleSession}
		}
	}
	loader := awsconfig.NewLoader(awsconfig.Options{Now: d.Now, AttemptTimeout: d.each / 3, Attempts: 2, MaxBackoff: time.Second})
	config, err := loader.Config(ctx, awsconfig.Target{Region: region})
	var who *sts.GetCallerIdentityOutput
	if err == nil {
		who, err = sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	}
	if err != nil {
		err = awsconfig.Explain("ask AWS who the credentials belong to", awsconfig.Credentials{}, err)
		return []advice{broken("AWS does not say who you are: "+err.Error(), "aws sts get-caller-identity --region "+shellWord(region))}
	}
	own := aws.ToString(who.Account)
	all := []advice{fine("you are %s in %s", aws.ToString(who.Arn), region)}
	if account != "" && account != own {
		return append(all, broken(fmt.Sprintf("the stack is in the account %s, and your credentials are of %s: nothing more was asked", account, own), "export AWS_PROFILE=a-profile-of-"+account))
	}
	all = append(all, bootstrapped(ctx, ssm.NewFromConfig(config), parameter, least, "aws://"+own+"/"+region))
	if role.ARN == "" {
		role.ARN = fmt.Sprintf("arn:%s:iam::%s:role/cdk-hnb659fds-deploy-role-%s-%s", awsconfig.Partition(region), own, own, region)
	}
	return append(all, assume(ctx, loader, region, role))
}

// accountOf is the account that a stack is in, "" when that is not known yet.
func accountOf(o *v1alpha1.CdkTsStack) string {
	if parts := strings.Split(o.Status.StackID, ":"); len(parts) > 4 {
		return parts[4]
	}
	if plan := planOf(o); plan != nil {
		return plan.Account
	}
	return ""
}

// bootstrapped compares the version of the CDK's bootstrap with what the app needs.
func bootstrapped(ctx context.Context, client *ssm.Client, parameter string, least int32, environment string) advice {
	const missing = "the CDK's bootstrap is not there: "
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &parameter})
	if _, none := errors.AsType[*ssmtypes.ParameterNotFound](err); none {
		return broken(missing+"there is no SSM parameter "+parameter, unquoted(bootstrap.Command(environment, parameter)))
	}
	if err != nil {
		err = awsconfig.Explain("read the bootstrap version", awsconfig.Credentials{}, err)
		return unsure("the version of the CDK's bootstrap is not known: "+err.Error(), "aws ssm get-parameter --name "+shellWord(parameter))
	}
	version, err := strconv.Atoi(aws.ToString(out.Parameter.Value))
	switch {
	case err != nil:
		return broken(missing+"the SSM parameter "+parameter+" holds no version", unquoted(bootstrap.Again(environment, parameter)))
	case version < int(least):
		return broken(fmt.Sprintf("the CDK's bootstrap has version %d, and the app needs %d", version, least), unquoted(bootstrap.Again(environment, parameter)))
	case least == 0:
		return fine("the CDK's bootstrap has version %d (%s)", version, parameter)
	}
	return fine("the CDK's bootstrap has version %d, and the app needs %d", version, least)
}

// unquoted takes the quotes of a sentence off a command.
func unquoted(command string) string { return strings.ReplaceAll(command, "`", "") }

// assume tries the role that CloudFormation is called with.
func assume(ctx context.Context, loader *awsconfig.Loader, region string, role awsconfig.Role) advice {
	config, err := loader.Config(ctx, awsconfig.Target{Region: region, Role: role})
	if err == nil {
		_, err = config.Credentials.Retrieve(ctx)
	}
	if err != nil {
		return broken("you may not assume the deploy role: "+err.Error(), "aws sts assume-role --role-session-name doctor --role-arn "+shellWord(role.ARN))
	}
	return fine("you may assume the deploy role %s; whether the stack's own credentials may is said by its status", role.ARN)
}
