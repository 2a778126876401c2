package controller_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/controller"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// clusterIssuer has the account trust the tokens of the control plane, as the
// OIDC provider of an EKS cluster does, and returns its issuer.
func (w *world) clusterIssuer() string {
	w.Helper()
	c, err := kubernetes.NewForConfig(apiServer)
	w.must(err)
	document, err := c.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(w.Context())
	w.must(err)
	keys, err := c.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(w.Context())
	w.must(err)
	var of struct{ Issuer string }
	w.must(json.Unmarshal(document, &of))
	w.aws.Issuer(w, of.Issuer, keys)
	return of.Issuer
}

// allowAccount lets the operator use one ServiceAccount, as docs/how-to/credentials.md says.
func (w *world) allowAccount(name string) {
	w.Helper()
	meta := metav1.ObjectMeta{Namespace: w.namespace, Name: "awscdk-operator-service-accounts"}
	w.must(w.client.Create(w.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{name}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{name}, Verbs: []string{"create"}},
	}}))
	w.must(w.client.Create(w.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: operatorUser}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	}))
}

// nudge has an object looked at now.
func (w *world) nudge(name, why string) {
	w.Helper()
	w.edit(name, `{"metadata":{"annotations":{"nudge":"`+why+`"}}}`)
}

// actors are the access keys that stacks were operated on with.
func (w *world) actors() (users, sessions int) {
	for _, call := range w.aws.Calls(w, "") {
		switch {
		case call.Service != "cloudformation":
		case strings.HasPrefix(call.AccessKey, "ASIA"):
			sessions++
		default:
			users++
		}
	}
	return users, sessions
}

// A hook that fails unless it has temporary keys, and nothing to make others of.
const wantsSession = `[[ $AWS_ACCESS_KEY_ID == ASIA* && -n $AWS_SESSION_TOKEN ]] || { echo "no session"; exit 1; }
env | grep -E '^AWS_(WEB_IDENTITY|ROLE|CONTAINER)' && exit 1
[[ $AWS_ACCOUNT_ID == 123456789012 ]]`

func TestAServiceAccountActsForItsStack(t *testing.T) {
	w := newWorld(t)
	refusalsMeant.Store(w.namespace, true)
	w.commit(map[string]any{"Topic": topic("one")})
	issuer := w.clusterIssuer()
	role := w.aws.Role(t, "deployer", awstest.WebTrust(issuer, "system:serviceaccount:"+w.namespace+":deployer"))
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: wantsSession})
	obj.Spec.CredentialsSecretName, obj.Spec.ServiceAccountName = "", "deployer"
	w.create(obj)
	said := w.until("web", "the right is missed", because("ServiceAccountForbidden"))
	contains(t, message(said), w.namespace+"/deployer", "get of serviceaccounts for the name deployer")
	w.allowAccount("deployer")
	w.nudge("web", "allowed")
	w.until("web", "the account is missed", because("ServiceAccountNotFound"))
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "deployer"}}
	w.must(w.client.Create(t.Context(), account))
	w.nudge("web", "made")
	said = w.until("web", "its role is missed", because("ServiceAccountIncomplete"))
	contains(t, message(said), "eks.amazonaws.com/role-arn", "spec.roleARN")
	account.Annotations = map[string]string{"eks.amazonaws.com/role-arn": role + "-of-somebody-else"}
	w.must(w.client.Update(t.Context(), account))
	w.nudge("web", "annotated")
	said = w.until("web", "the role is denied", because("RoleNotAssumable"))
	contains(t, message(said), "system:serviceaccount:"+w.namespace+":deployer", "sts:AssumeRoleWithWebIdentity")
	account.Annotations["eks.amazonaws.com/role-arn"] = role
	w.must(w.client.Update(t.Context(), account))
	w.nudge("web", "right")
	w.untilReady("web")
	if users, sessions := w.actors(); users > 0 || sessions == 0 {
		t.Errorf("%d calls were made with the keys of a user, %d with those of a session", users, sessions)
	}
	who := w.aws.Calls(t, "AssumeRoleWithWebIdentity")
	if n := len(who); n > 12 {
		t.Errorf("the token was exchanged %d times", n)
	}
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	if w.aws.Succeeded(t, "DeleteStack") == 0 {
		t.Error("the stack was left behind")
	}
}

func TestARoleIsAssumedForEverything(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	role := w.aws.Role(t, "deployer", awstest.Trust("arn:aws:iam::"+account+":root",
		`{"StringEquals": {"sts:ExternalId": "x-1"}, "StringLike": {"sts:RoleSessionName": "`+w.namespace+`.*"}}`))
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: wantsSession})
	obj.Spec.RoleARN = role
	w.create(obj)
	said := w.until("web", "the external ID is missed", because("RoleNotAssumable"))
	contains(t, message(said), role, "spec.externalID", w.namespace+".web")
	w.edit("web", `{"spec":{"externalID":"x-1"}}`)
	w.untilReady("web")
	w.until("web", "drift was looked for", func(o *v1alpha1.CdkTsStack) bool { return o.Status.LastDriftCheck != nil })
	if users, sessions := w.actors(); users > 0 || sessions == 0 {
		t.Errorf("%d calls were made with the keys of a user, %d with those of a session", users, sessions)
	}
	if strings.Contains(w.logs.String(), "verysecretvalue") {
		t.Error("the secret key shows")
	}
	// Build and hook may take more than an hour together. This role allows no more:
	// it was asked for the whole time first.
	if !slices.ContainsFunc(w.aws.Calls(t, "AssumeRole"), func(c awstest.Call) bool { return c.Error == "ValidationError" }) {
		t.Error("no session was asked for that lasts as long as the run may take")
	}
}

func TestARoleOfAnotherAccountNeverMovesAStack(t *testing.T) {
	const other = "210987654321"
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIATEST":"`+account+`","AKIAOTHER":"`+other+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "--credentials", keys)
	w.post("/_localaws/bootstrap?account="+other, nil)
	w.aws.RoleOf(t, "AKIAOTHER", "deployer", awstest.Trust("arn:aws:iam::"+account+":root", ""))
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	stack := w.untilReady("web").Status.StackID
	w.edit("web", `{"spec":{"roleARN":"arn:aws:iam::`+other+`:role/deployer"}}`)
	w.until("web", "what was built for the account is not deployed in another", because("WrongEnvironment"))
	app, err := json.Marshal(map[string]any{"stackName": "Stack-web", "region": region, "account": other})
	w.must(err)
	w.commitFiles(map[string]string{"app.json": string(app)})
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	said := w.until("web", "the other account is refused", because("AccountChanged"))
	contains(t, message(said), "account "+account, "account "+other)
	if n := w.aws.Succeeded(t, "CreateChangeSet"); n != 1 {
		t.Errorf("%d change sets were made", n)
	}
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.nudge("web", "deleted")
	w.until("web", "the deletion waits", func(o *v1alpha1.CdkTsStack) bool { return strings.Contains(message(o), "actions.destroy") })
	w.edit("web", `{"spec":{"roleARN":""}}`)
	w.untilGone("web")
	if calls := w.aws.Calls(t, "DeleteStack"); len(calls) != 1 || !strings.Contains(stack, calls[0].Target) && calls[0].Target != stack {
		t.Errorf("deleted was %v, not %s", calls, stack)
	}
}

// operatorKeys gives the manager an AWS identity of its own, of keys that do not end.
func operatorKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "operators-own-secret-key")
}

func TestRunsThatAreApartGetKeysOfTheOperatorThatEnd(t *testing.T) {
	w := newWorld(t)
	operatorKeys(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", func(o *managerOptions) { o.runsApart = true })
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: wantsSession})
	obj.Spec.CredentialsSecretName = ""
	w.create(obj)
	w.untilReady("web")
}

func TestTheOperatorsIdentityServesWhoMayUseIt(t *testing.T) {
	for name, c := range map[string]struct {
		serves controller.OwnIdentity
		// plain is an object without credentials, role one with a role alone.
		plain, role bool
	}{
		"everybody":       {controller.OwnIdentityAll, true, true},
		"those of a role": {controller.OwnIdentityRoles, false, true},
		"nobody":          {controller.OwnIdentityNone, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			operatorKeys(t)
			w.commit(map[string]any{"Topic": topic("one")})
			w.manageEvery("@every 1s", func(o *managerOptions) { o.ownIdentity = c.serves })
			role := w.aws.Role(t, "deployer", awstest.Trust("arn:aws:iam::"+account+":root", ""))
			plain, assumes := w.stack("plain"), w.stack("assumes")
			plain.Spec.CredentialsSecretName = ""
			assumes.Spec.CredentialsSecretName, assumes.Spec.RoleARN = "", role
			for _, o := range []*v1alpha1.CdkTsStack{plain, assumes} {
				w.create(o)
				serves := c.plain
				if o == assumes {
					serves = c.role
				}
				if serves {
					w.untilReady(o.Name)
					continue
				}
				contains(t, message(w.until(o.Name, "it is refused", because("OperatorIdentityRefused"))), "--operator-identity="+string(c.serves), "spec.credentialsSecretName")
			}
			if !c.role && !c.plain && w.aws.Succeeded(t, "") > 1 {
				t.Errorf("AWS was called: %v", w.aws.Calls(t, ""))
			}
		})
	}
}
