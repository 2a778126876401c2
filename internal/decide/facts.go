package decide

import (
	"encoding/json"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
)

// File is a file that a hook gets: its name and its content.
type File struct {
	Name string
	Data []byte
}

// PlanOf is what the operation in flight deploys or, for one that builds
// nothing, what was built last: its roles are those to act with.
func PlanOf(obj *v1alpha1.CdkTsStack) *v1alpha1.Plan {
	st := &obj.Status
	switch {
	case st.Operation != nil && st.Operation.Plan != nil:
		return st.Operation.Plan
	case st.Plan != nil:
		return st.Plan
	case st.Deployed != nil:
		return &st.Deployed.Plan
	}
	return &v1alpha1.Plan{StackName: obj.Spec.StackName}
}

// RevisionOf is the commit that the run of an operation checks out: that which
// the operation is about, or else what is deployed.
func RevisionOf(obj *v1alpha1.CdkTsStack, op *v1alpha1.Operation) string {
	st := &obj.Status
	switch {
	case op.Target != nil && op.Target.Revision != "":
		return op.Target.Revision
	case op.Revision != "":
		return op.Revision
	case st.Deployed != nil && st.Deployed.Target.Revision != "":
		return st.Deployed.Target.Revision
	case st.Target != nil:
		return st.Target.Revision
	}
	return ""
}

// HookFacts are the variables and files that tell a hook what it is run for.
func HookFacts(obj *v1alpha1.CdkTsStack, name string) (env map[string]string, files map[string]File) {
	st, op := &obj.Status, obj.Status.Operation
	if op == nil {
		op = &v1alpha1.Operation{}
	}
	env, files = map[string]string{"CDK_GIT_REF": gitRef(obj, RevisionOf(obj, op))}, map[string]File{}
	switch name {
	case AfterDeploy:
		outputs, _ := json.Marshal(orEmpty(st.Outputs)) // strings always encode
		files["CDK_OUTPUTS_FILE"] = File{Name: "outputs.json", Data: outputs}
		if len(outputs) < 96<<10 { // the kernel's bound for one variable is 128 KiB
			env["CDK_OUTPUTS"] = string(outputs)
		}
		env["CDK_DEPLOY_OUTCOME"] = string(op.Outcome)
	case BeforeDestroy:
		env["CDK_DESTROY"] = fmt.Sprint(MayDestroy(&obj.Spec))
	case BeforeDriftDetection, AfterDriftDetection:
		env["DRIFT_DETECTED"] = fmt.Sprint(st.DriftDetected)
		drift, _ := json.Marshal(st.Drift) // plain data always encodes
		files["CDK_DRIFT_FILE"] = File{Name: "drift.json", Data: drift}
	case BeforeGitSync, AfterGitSync:
		changed := fmt.Sprint(name == AfterGitSync && gitChanged(st))
		env["GIT_CHANGES_DETECTED"], env["GIT_CHANGED"] = changed, changed
		env["GIT_REPOSITORY"], env["GIT_REF"] = obj.Spec.Source.Git.Repository, gitRef(obj, op.Revision)
		env["GIT_REVISION"] = op.Revision
	}
	return env, files
}

// gitRef is what scripts take for the ref of a revision: the tag that a range
// of versions has chosen, if that is still the one, or else what is followed.
func gitRef(obj *v1alpha1.CdkTsStack, revision string) string {
	if s := obj.Status.Source; s != nil && s.Tag != "" && s.Revision == revision {
		return s.Tag
	}
	return Tracked(&obj.Spec)
}

// gitChanged says whether the check in flight is about a commit that counts
// and is not deployed.
func gitChanged(st *v1alpha1.CdkTsStackStatus) bool {
	op := st.Operation
	if op == nil || st.Target == nil || op.Revision == "" || op.Revision == st.Target.Revision {
		return false
	}
	return st.Source == nil || st.Source.IrrelevantRevision != op.Revision
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
