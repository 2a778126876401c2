package controller_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// operatorNamespace is where the operator is installed.
const operatorNamespace = "awscdk-operator-system"

// operatorUser is the identity that config/operator gives to the operator.
const operatorUser = "system:serviceaccount:awscdk-operator-system:awscdk-operator"

// asOperator is the configuration of a client that may do what the operator's
// role says, and nothing else. Every manager of these tests has it.
func asOperator(config *rest.Config) *rest.Config {
	return asAccount(config, "awscdk-operator-system", "awscdk-operator")
}

// asAccount is the configuration of a client that is a ServiceAccount.
func asAccount(config *rest.Config, namespace, name string) *rest.Config {
	limited := rest.CopyConfig(config)
	limited.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":" + name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	return limited
}

// installIdentities applies what a cluster's administrator applies.
func installIdentities(c client.Client) error {
	for _, folder := range []string{"operator", "rbac"} { // a Role of the second is in a namespace of the first
		files, err := filepath.Glob(filepath.Join("..", "..", "config", folder, "*.yaml"))
		if err != nil {
			return err
		}
		for _, file := range files {
			objects, err := readObjects(file)
			if err != nil {
				return err
			}
			for _, o := range objects {
				if err := c.Create(context.Background(), o); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
		}
	}
	return nil
}

func readObjects(file string) ([]*unstructured.Unstructured, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var objects []*unstructured.Unstructured
	for reader := utilyaml.NewYAMLOrJSONDecoder(bufio.NewReader(f), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := reader.Decode(o); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return objects, err
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// audited has the API server note every request, and gives where.
func audited(env *envtest.Environment, dir string) (log string, err error) {
	policy := filepath.Join(dir, "policy.yaml")
	log = filepath.Join(dir, "audit.log")
	env.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", log)
	return log, os.WriteFile(policy, []byte(`{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[{"level":"Metadata"}]}`), 0o600)
}

// request is one line of an audit log.
type request struct {
	Verb             string `json:"verb"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ObjectRef struct {
		Resource, Subresource, Namespace, Name, APIGroup string
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// right is a verb on a resource of a group.
type right struct{ group, resource, verb string }

// refusalsMeant are the namespaces in which a test has rights to ServiceAccounts
// of its own.
var refusalsMeant sync.Map

// auditLog is where the API server notes its requests.
var auditLog string

// usedRights are what a user did, and refusals what it was not allowed.
func usedRights(log, user string) (used map[right]bool, refusals []string, err error) {
	f, err := os.Open(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errors.New("the API server wrote no audit log")
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	used = map[right]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, nil, err
		}
		if r.ImpersonatedUser.Username != user || r.ObjectRef.Resource == "" {
			continue
		}
		resource := r.ObjectRef.Resource
		if r.ObjectRef.Subresource != "" {
			resource += "/" + r.ObjectRef.Subresource
		}
		did := right{r.ObjectRef.APIGroup, resource, r.Verb}
		if _, meant := refusalsMeant.Load(r.ObjectRef.Namespace); meant && r.ObjectRef.Resource == "serviceaccounts" {
			continue // some of these are granted by the tests, and some are not
		}
		if r.ResponseStatus.Code == 403 {
			refusals = append(refusals, fmt.Sprintf("%v %s/%s", did, r.ObjectRef.Namespace, r.ObjectRef.Name))
			continue
		}
		used[did] = true
	}
	return used, refusals, lines.Err()
}

// unseen are rights that no request shows: the API server asks for them beside
// one for something else, or another package's tests use them.
var unseen = map[right]string{
	{"rbac.authorization.k8s.io", "clusterroles", "bind"}: "asked for when a RoleBinding is made",
	{"awscdk.dev", "cdktsstacks/finalizers", "update"}:    "asked for when an owner reference blocks a deletion",
	{"coordination.k8s.io", "leases", "create"}:           "leader election: test/e2e",
	{"coordination.k8s.io", "leases", "get"}:              "leader election: test/e2e",
	{"coordination.k8s.io", "leases", "update"}:           "leader election: test/e2e",
}

// checkRights says which rules of the operator's roles nothing uses. It runs
// after all tests, so it is no test itself.
func checkRights(log string) error {
	used, refusals, err := usedRights(log, operatorUser)
	if err != nil {
		return err
	}
	var idle []string
	for _, rule := range operatorRules() {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					r := right{group, resource, verb}
					if !used[r] && unseen[r] == "" && !sibling(used, r) {
						idle = append(idle, fmt.Sprint(r))
					}
				}
			}
		}
	}
	slices.Sort(refusals)
	if refusals = slices.Compact(refusals); len(refusals) > 0 {
		return fmt.Errorf("the operator was not allowed what it asked for:\n%s", strings.Join(refusals, "\n"))
	}
	if len(idle) > 0 && wholePackage() {
		return fmt.Errorf("config/rbac/role.yaml allows what the operator does in no test:\n%s", strings.Join(idle, "\n"))
	}
	return nil
}

// sibling says whether a right goes with one that was used: a list with its
// watch, a resource that two groups serve, one of several kinds that are read
// alike.
func sibling(used map[right]bool, r right) bool {
	for other := range used {
		if other.group == r.group && other.resource == r.resource && other.verb == "watch" && r.verb == "list" {
			return true // an API server before 1.34 gives a watch no list
		}
		if other.verb != r.verb {
			continue
		}
		if other.resource == r.resource && r.resource == "events" {
			return true
		}
		if r.group == "source.toolkit.fluxcd.io" && other.group == r.group {
			return true
		}
	}
	return false
}

func operatorRules() []rbacv1.PolicyRule {
	objects, err := readObjects(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		panic(err)
	}
	var rules []rbacv1.PolicyRule
	for _, o := range objects {
		var role rbacv1.ClusterRole // a Role has its rules in the same place
		data, err := json.Marshal(o.Object)
		if err == nil {
			err = json.Unmarshal(data, &role)
		}
		if err != nil {
			panic(err)
		}
		rules = append(rules, role.Rules...)
	}
	return rules
}

// wholePackage says whether every test was asked for.
func wholePackage() bool {
	for _, name := range []string{"test.run", "test.skip"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}
