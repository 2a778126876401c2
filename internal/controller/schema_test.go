package controller_test

import (
	"encoding/json"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTheSchemaTellsWhatToWrite asks the real API server to take odd specs.
func TestTheSchemaTellsWhatToWrite(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		patch string
		says  string
	}{
		"an option for a stack name":         {`{"stackName":"S --app /tmp/evil.sh"}`, "stackName must start with a letter"},
		"a stack name that is a number":      {`{"stackName":"1web"}`, "stackName must start with a letter"},
		"a path out of the repository":       {`{"path":"../.."}`, "path must be a folder inside the repository"},
		"a path in disguise":                 {`{"path":"a/../../b"}`, "path must be a folder inside the repository"},
		"an absolute path":                   {`{"path":"/etc"}`, "path must be a folder inside the repository"},
		"a path like an option":              {`{"path":"-x"}`, "path must be a folder inside the repository"},
		"no region":                          {`{"awsRegion":"here"}`, "awsRegion must be an AWS region"},
		"a ref like an option":               {`{"source":{"git":{"ref":"--upload-pack=evil"}}}`, "ref must be a branch, a tag or a commit hash"},
		"a ref range":                        {`{"source":{"git":{"ref":"a..b"}}}`, "ref must be a branch, a tag or a commit hash"},
		"a local repository":                 {`{"source":{"git":{"repository":"file:///etc"}}}`, "repository must be https://"},
		"a remote helper":                    {`{"source":{"git":{"repository":"ext::sh -c evil"}}}`, "repository must be https://"},
		"a repository like an option":        {`{"source":{"git":{"repository":"-oProxyCommand=evil"}}}`, "repository must be https://"},
		"a password in the repository":       {`{"source":{"git":{"repository":"https://me:secret@h/r.git"}}}`, "must not hold a password"},
		"a Secret of another namespace":      {`{"credentialsSecretName":"kube-system/admin"}`, "must be the name of a Secret in this namespace"},
		"a ServiceAccount with a path":       {`{"credentialsSecretName":"","serviceAccountName":"other/deployer"}`, "must be the name of a ServiceAccount in this namespace"},
		"two identities":                     {`{"serviceAccountName":"deployer"}`, "credentialsSecretName and serviceAccountName cannot both be set"},
		"a user for a role":                  {`{"roleARN":"arn:aws:iam::123456789012:user/me"}`, "roleARN must be the ARN of an IAM role"},
		"a role of no account":               {`{"roleARN":"arn:aws:iam::12345:role/me"}`, "roleARN must be the ARN of an IAM role"},
		"a session for a role":               {`{"roleARN":"arn:aws:sts::123456789012:assumed-role/me/x"}`, "roleARN must be the ARN of an IAM role"},
		"a role of another partition":        {`{"roleARN":"arn:aws-cn:iam::123456789012:role/me"}`, "roleARN must be of the partition of awsRegion"},
		"a role of AWS for China":            {`{"awsRegion":"cn-north-1","roleARN":"arn:aws:iam::123456789012:role/me"}`, "roleARN must be of the partition of awsRegion"},
		"an external ID for no role":         {`{"externalID":"x-1"}`, "externalID needs roleARN"},
		"an external ID with a space":        {`{"roleARN":"arn:aws:iam::123456789012:role/me","externalID":"a b"}`, "externalID must have 2 to 1224 letters"},
		"an external ID of one letter":       {`{"roleARN":"arn:aws:iam::123456789012:role/me","externalID":"a"}`, "externalID must have 2 to 1224 letters"},
		"a timeout that is no duration":      {`{"timeout":"soon"}`, "timeout"},
		"a timeout of nothing":               {`{"timeout":"1s"}`, "timeout must lie between"},
		"outputs to two places":              {`{"outputs":{"configMapName":"a","secretName":"b"}}`, "exactly one of"},
		"outputs to nowhere":                 {`{"outputs":{}}`, "exactly one of"},
		"more retries than history holds":    {`{"retry":{"limit":50}}`, "retry.limit"},
		"a variable that is the operator's":  {`{"build":{"env":[{"name":"PATH","value":"/evil"}]}}`, "build.env must not set PATH"},
		"another endpoint for the build":     {`{"build":{"env":[{"name":"AWS_ENDPOINT_URL_S3","value":"http://evil"}]}}`, "AWS_ENDPOINT_URL*"},
		"AWS credentials for the build":      {`{"build":{"env":[{"name":"AWS_SECRET_ACCESS_KEY","value":"x"}]}}`, "spec.credentialsSecretName"},
		"a variable from two places":         {`{"build":{"env":[{"name":"A","value":"x","valueFrom":{"secretKeyRef":{"name":"a","key":"b"}}}]}}`, "one of value and valueFrom"},
		"a hook longer than a script is":     {`{"lifecycleHooks":{"beforeDeploy":"` + strings.Repeat("x", 200<<10) + `"}}`, "lifecycleHooks.beforeDeploy"},
		"more context entries than anyone":   {`{"cdkContext":[` + strings.Repeat(`"a=b",`, 300) + `"a=b"]}`, "cdkContext"},
		"a Secret with two dots":             {`{"credentialsSecretName":"a..b"}`, "credentialsSecretName must be the name of a Secret"},
		"an SSH Secret with a path":          {`{"source":{"git":{"sshSecretName":"../x"}}}`, "sshSecretName must be the name of a Secret"},
		"a git Secret in capitals":           {`{"source":{"git":{"secretName":"Git"}}}`, "secretName must be the name of a Secret"},
		"signers in a path":                  {`{"source":{"git":{"verify":{"secretName":"a/b"}}}}`, "secretName must be the name of a Secret"},
		"a Flux source with a path":          {`{"source":{"git":null,"sourceRef":{"kind":"GitRepository","name":"../x"}}}`, "name must be the name of a Flux source"},
		"outputs to a path":                  {`{"outputs":{"configMapName":"a/b"}}`, "configMapName must be the name of a ConfigMap"},
		"outputs to a Secret in capitals":    {`{"outputs":{"secretName":"A"}}`, "secretName must be the name of a Secret"},
		"a hook's Secret with a path":        {`{"hooks":{"envFrom":[{"secretRef":{"name":"a/../b"}}]}}`, "name must be the name of an object"},
		"a hook's ConfigMap with a dash":     {`{"hooks":{"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"a-","key":"k"}}}]}}`, "name must be the name of an object"},
		"a check of nothing":                 {`{"verification":[{"name":"a"}]}`, "exactly one of http, targetGroups, certificate, alarms and afterDeploy"},
		"a check of two things":              {`{"verification":[{"alarms":{},"targetGroups":{}}]}`, "exactly one of http, targetGroups, certificate, alarms and afterDeploy"},
		"two checks of one name":             {`{"verification":[{"name":"a","alarms":{}},{"name":"a","targetGroups":{}}]}`, "two items of verification have the same name"},
		"a check of no URL":                  {`{"verification":[{"http":{"path":"/x"}}]}`, "http needs exactly one of url and urlFromOutput"},
		"a check of a URL twice":             {`{"verification":[{"http":{"url":"https://h/","urlFromOutput":"Url"}}]}`, "http needs exactly one of url and urlFromOutput"},
		"a check with a password":            {`{"verification":[{"http":{"url":"https://me:secret@h/"}}]}`, "http.url must be https:// or http://"},
		"a check of a file":                  {`{"verification":[{"http":{"url":"file:///etc/passwd"}}]}`, "http.url must be https:// or http://"},
		"a path that is no path":             {`{"verification":[{"http":{"urlFromOutput":"Url","path":"@evil.example"}}]}`, "http.path must start with '/'"},
		"a factor that makes no difference":  {`{"verification":[{"http":{"urlFromOutput":"Url","degradedAbove":"0.5"}}]}`, "http.degradedAbove must be a number above 1"},
		"a factor that is no number":         {`{"verification":[{"http":{"urlFromOutput":"Url","degradedAbove":"fast"}}]}`, "http.degradedAbove must be a number above 1"},
		"a certificate of nobody":            {`{"verification":[{"certificate":{}}]}`, "certificate needs url or urlFromOutput"},
		"a certificate without TLS":          {`{"verification":[{"certificate":{"url":"http://h/"}}]}`, "certificate.url must be https://"},
		"alarms of nobody":                   {`{"verification":[{"alarms":{"ofStack":false}}]}`, "alarms with ofStack: false needs names"},
		"a hook that is not there":           {`{"verification":[{"afterDeploy":{}}]}`, "lifecycleHooks.afterDeploy is empty"},
		"a hook that is asked all the time":  {`{"lifecycleHooks":{"afterDeploy":":"},"verification":[{"afterDeploy":{},"every":"5m"}]}`, "afterDeploy takes no every"},
		"the hook in two places":             {`{"lifecycleHooks":{"afterDeploy":":"},"verification":[{"afterDeploy":{}},{"afterDeploy":{}}]}`, "afterDeploy has one place"},
		"a check that is asked all the time": {`{"verification":[{"alarms":{},"every":"1s"}]}`, "every must lie between 30s and 24h"},
		"a threshold of no use":              {`{"verification":[{"alarms":{},"failureThreshold":3}]}`, "failureThreshold needs every"},
		"a window's hour without its zero":   {`{"windows":{"allow":[{"from":"9:00"}]}}`, "from must be a time of day"},
		"a window that begins at 24:00":      {`{"windows":{"allow":[{"from":"24:00"}]}}`, "from must be a time of day"},
		"a day by its whole name":            {`{"windows":{"allow":[{"days":["Monday"]}]}}`, "windows.allow[0].days[0]"},
		"a denied span without its end":      {`{"windows":{"deny":[{"start":"2026-12-20T00:00"}]}}`, "start and end belong together"},
		"a denied span of days":              {`{"windows":{"deny":[{"start":"2026-12-20T00:00","end":"2027-01-04T00:00","days":["Mon"]}]}}`, "make two of it"},
		"a denied span in a zone":            {`{"windows":{"deny":[{"start":"2026-12-20T00:00Z","end":"2027-01-04T00:00"}]}}`, "windows.deny[0].start"},
		"a freeze with a password":           {freezeOf(`"url":"https://me:secret@h/x"`), "http.url must be https:// or http://"},
		"a freeze with a user in disguise":   {freezeOf(`"url":"https://good.example\\@evil.example/"`), "http.url must be https:// or http://"},
		"a freeze of a file":                 {freezeOf(`"url":"file:///etc/passwd"`), "http.url must be https:// or http://"},
		"a freeze without a host":            {freezeOf(`"url":"https:///x"`), "http.url must be https:// or http://"},
		"a freeze in two lines":              {freezeOf(`"url":"https://h/\nx"`), "http.url must be https:// or http://"},
		"a freeze that takes its time":       {freezeOf(`"url":"https://h/","timeout":"1m"`), "http.timeout must lie between"},
		"a freeze with a Secret elsewhere":   {freezeOf(`"url":"https://h/","headersFrom":{"secretName":"other/x"}`), "secretName must be the name of a Secret"},
		"a freeze without an expression":     {`{"freeze":[{"name":"a","http":{"url":"https://h/"}}]}`, "deployWhen"},
		"a freeze that is neither":           {`{"freeze":[{"name":"a","onError":"Ignore","http":{"url":"https://h/","deployWhen":"true"}}]}`, "onError"},
		"two freezes of one name":            {`{"freeze":[{"name":"a","http":{"url":"https://h/","deployWhen":"true"}},{"name":"a","http":{"url":"https://h/","deployWhen":"true"}}]}`, "Duplicate value"},
		"an approval of nothing":             {`{"approval":{"required":"Sometimes"}}`, "approval.required"},
		"an approval for a second":           {`{"approval":{"expiresAfter":"1s"}}`, "approval.expiresAfter must lie between"},
		"a negative limit":                   {`{"limits":{"maxRemoved":-1}}`, "limits.maxRemoved"},
		"a protected construct path":         {`{"protect":["Web/Data/Users-Table"]}`, "protect[0]"},
		"a dependency with a path":           {`{"dependsOn":[{"name":"a/b"}]}`, "name must be the name of a CdkTsStack"},
		"a dependency twice":                 {`{"dependsOn":[{"name":"a"},{"name":"a"}]}`, "dependsOn[1]"},
		"a context value from two places":    {`{"contextFrom":[{"key":"a","stack":{"name":"n","output":"O"},"configMapKeyRef":{"name":"c","key":"k"}}]}`, "exactly one of stack and configMapKeyRef"},
		"a context value from nowhere":       {`{"contextFrom":[{"key":"a"}]}`, "exactly one of stack and configMapKeyRef"},
		"a context value from a Secret":      {`{"contextFrom":[{"key":"a","secretKeyRef":{"name":"s","key":"k"}}]}`, "exactly one of stack and configMapKeyRef"},
		"a context key with '='":             {`{"contextFrom":[{"key":"a=b","stack":{"name":"n","output":"O"}}]}`, "key must not contain '='"},
		"a context key twice":                {`{"contextFrom":[{"key":"a","stack":{"name":"n","output":"O"}},{"key":"a","stack":{"name":"n","output":"P"}}]}`, "contextFrom[1]"},
		"an output with a dash":              {`{"contextFrom":[{"key":"a","stack":{"name":"n","output":"Vpc-Id"}}]}`, "output must be the key of an output"},
		"a parameter from two places":        {`{"parametersFrom":[{"parameter":"P","secretKeyRef":{"name":"s","key":"k"},"configMapKeyRef":{"name":"c","key":"k"}}]}`, "exactly one of stack, configMapKeyRef and secretKeyRef"},
		"a parameter from nowhere":           {`{"parametersFrom":[{"parameter":"P"}]}`, "exactly one of stack, configMapKeyRef and secretKeyRef"},
		"a parameter with a dash":            {`{"parametersFrom":[{"parameter":"P-1","secretKeyRef":{"name":"s","key":"k"}}]}`, "parameter must be the logical id"},
		"a hook's key with a path":           {`{"hooks":{"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"a","key":"../k"}}}]}}`, "key must be a key"},
	} {
		t.Run(name, func(t *testing.T) {
			err := w.client.Create(t.Context(), w.odd("odd", c.patch), client.DryRunAll)
			if err == nil {
				t.Fatal("it was accepted")
			}
			contains(t, err.Error(), c.says)
		})
	}
}

// freezeOf is a spec with a freeze that has these fields of http.
func freezeOf(http string) string {
	return `{"freeze":[{"name":"a","http":{"deployWhen":"true",` + http + `}}]}`
}

func TestWhatUsersWroteForTheEarlierOperatorIsTaken(t *testing.T) {
	w := newWorld(t)
	for name, patch := range map[string]string{
		"context of strings":       `{"cdkContext":["environment=production","a=b=c","empty="]}`,
		"context of objects":       `{"cdkContext":[{"name":"environment","value":"production"},{"name":"on","value":true},{"name":"n","value":3}]}`,
		"mixed context":            `{"cdkContext":["a=b",{"name":"c","value":"d"}]}`,
		"an scp-like repository":   `{"source":{"git":{"repository":"git@github.com:company/webapp-infrastructure.git","ref":"v2.1.0","sshSecretName":"production-ssh-key"}}}`,
		"an ssh repository":        `{"source":{"git":{"repository":"ssh://git@git.example:2222/org/repo.git"}}}`,
		"a commit hash":            `{"source":{"git":{"ref":"0123456789abcdef0123456789abcdef01234567"}}}`,
		"a branch with a slash":    `{"source":{"git":{"ref":"feature/login-2"}}}`,
		"a tag of a package":       `{"source":{"git":{"ref":"@acme/infra@1.4.0"}}}`,
		"a path with a dot":        `{"path":"./production-stack"}`,
		"all actions":              `{"actions":{"deploy":true,"destroy":false,"driftDetection":true,"autoRedeploy":false}}`,
		"names with dots":          `{"credentialsSecretName":"aws.prod-1.creds","outputs":{"configMapName":"web.outputs"},"hooks":{"envFrom":[{"secretRef":{"name":"1.a-b"}}],"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"a","key":"Slack_url.v-2"}}}]}}`,
		"names left empty":         `{"credentialsSecretName":"","source":{"git":{"sshSecretName":"","secretName":""}}}`,
		"a government region":      `{"awsRegion":"us-gov-west-1"}`,
		"a role in a folder":       `{"roleARN":"arn:aws:iam::123456789012:role/cdk/team_a/deployer+x=1,@.-","externalID":"a:b/c_d=e@f.g,h-i+2"}`,
		"a role of China":          `{"awsRegion":"cn-northwest-1","roleARN":"arn:aws-cn:iam::123456789012:role/me"}`,
		"a role of a government":   `{"awsRegion":"us-gov-west-1","roleARN":"arn:aws-us-gov:iam::123456789012:role/me"}`,
		"a role left empty":        `{"roleARN":"","externalID":"","serviceAccountName":""}`,
		"a ServiceAccount":         `{"credentialsSecretName":"","serviceAccountName":"deployer.v2"}`,
		"a freeze of IPv6":         freezeOf(`"url":"https://[2001:db8::1]:8443/x?a[]=b&c=%20d"`),
		"a freeze of a service":    freezeOf(`"url":"http://alertmanager-operated.monitoring.svc:9093"`),
		"a stack in a stage":       `{"stackName":"Prod/Web"}`,
		"a hook with all its dirt": `{"lifecycleHooks":{"beforeDeploy":"#!/bin/bash\nset -e\necho \"üè≠ $CDK_STACK_NAME\"\n"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := w.client.Create(t.Context(), w.odd("odd", patch), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	w := newWorld(t)
	obj := w.create(w.stack("web"))
	want := v1alpha1.CdkTsStackSpec{AWSRegion: "us-east-1", Path: "."}
	got := v1alpha1.CdkTsStackSpec{AWSRegion: obj.Spec.AWSRegion, Path: obj.Spec.Path}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if obj.Spec.Source.Git.Ref != "main" {
		t.Errorf("ref %q, want main", obj.Spec.Source.Git.Ref)
	}
	partly := w.stack("partly")
	partly.Spec.Actions = &v1alpha1.Actions{Destroy: ptr.To(false)}
	w.create(partly)
	if a := partly.Spec.Actions; !*a.Deploy || *a.Destroy || !*a.DriftDetection || *a.AutoRedeploy {
		t.Errorf("actions %+v", a)
	}
}

func TestANameThatWouldLeaveAStackBehindIsRefused(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	// Nothing was made yet: a name and a region that were mistyped are corrected.
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "exit 1"})
	obj.Spec.StackName, obj.Spec.AWSRegion = "Stack-wbe", "eu-west-1"
	w.create(obj)
	w.until("web", "nothing is deployed", because("BeforeDeployFailed"))
	w.edit("web", `{"spec":{"stackName":"Stack-web","awsRegion":"us-east-1","lifecycleHooks":null}}`)
	deployed := w.untilReady("web")
	if got := deployed.Status.StackID; !strings.Contains(got, ":us-east-1:") || !strings.Contains(got, ":stack/Stack-web/") {
		t.Errorf("the stack is %s", got)
	}
	for _, patch := range []string{`{"spec":{"stackName":"Other"}}`, `{"spec":{"awsRegion":"eu-west-1"}}`} {
		err := w.client.Patch(t.Context(), w.stack("web"), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil {
			t.Errorf("%s was accepted", patch)
			continue
		}
		contains(t, err.Error(), "would be left behind")
	}
}

// What is saved of an operation before it acts decides: the API server compares
// with it when it takes the edit.
func TestANameIsCorrectedUntilSomethingIsMade(t *testing.T) {
	w := newWorld(t)
	arn := "arn:aws:cloudformation:us-east-1:" + account + ":stack/Stack-web/6f5c"
	started := metav1.Now()
	at := func(step v1alpha1.OperationStep) *v1alpha1.Operation {
		return &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: step, StartedAt: started, StepStartedAt: started}
	}
	for name, c := range map[string]struct {
		status  v1alpha1.CdkTsStackStatus
		refused bool
	}{
		"an object that nobody looked at":   {v1alpha1.CdkTsStackStatus{}, false},
		"a failed build":                    {v1alpha1.CdkTsStackStatus{Phase: v1alpha1.PhaseFailed, Message: "failed"}, false},
		"a build":                           {v1alpha1.CdkTsStackStatus{Operation: at(v1alpha1.StepBuilding)}, false},
		"a change set that is asked for":    {v1alpha1.CdkTsStackStatus{Operation: at(v1alpha1.StepPlanning)}, true},
		"an execution":                      {v1alpha1.CdkTsStackStatus{Operation: at(v1alpha1.StepExecuting)}, true},
		"a stack":                           {v1alpha1.CdkTsStackStatus{StackID: arn}, true},
		"a stack that is being built again": {v1alpha1.CdkTsStackStatus{StackID: arn, Operation: at(v1alpha1.StepBuilding)}, true},
		"an object of the earlier operator": {v1alpha1.CdkTsStackStatus{Phase: v1alpha1.PhaseSucceeded, LastDeploy: v1alpha1.NewTime(started)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			obj := w.create(w.stack(strings.ReplaceAll(name, " ", "-")))
			obj.Status = c.status
			w.must(w.client.Status().Update(t.Context(), obj))
			for _, patch := range []string{`{"spec":{"stackName":"Other"}}`, `{"spec":{"awsRegion":"eu-west-1"}}`} {
				err := w.client.Patch(t.Context(), obj.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
				if (err != nil) != c.refused {
					t.Errorf("%s: %v", patch, err)
				}
			}
		})
	}
}

// odd is a good object with a patch laid over its spec.
func (w *world) odd(name, patch string) *unstructured.Unstructured {
	w.Helper()
	obj := w.stack(name)
	data, err := json.Marshal(obj)
	w.must(err)
	u := &unstructured.Unstructured{}
	w.must(json.Unmarshal(data, &u.Object))
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CdkTsStack"))
	delete(u.Object, "status")
	var laid map[string]any
	w.must(json.Unmarshal([]byte(patch), &laid))
	spec, _, err := unstructured.NestedMap(u.Object, "spec")
	w.must(err)
	overlay(spec, laid)
	u.Object["spec"] = spec
	return u
}

func overlay(under, over map[string]any) {
	for k, v := range over {
		below, ok := under[k].(map[string]any)
		if above, isMap := v.(map[string]any); isMap && ok {
			overlay(below, above)
			continue
		}
		under[k] = v
	}
}
