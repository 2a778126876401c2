package decide

import (
	"regexp"

	"awscdk.dev/operator/api/v1alpha1"
)

// stackName is the name in an ARN, or what was given.
func stackName(ref string) string {
	if at, ok := PlaceOf(ref); ok {
		return at.StackName
	}
	return ref
}

// short abbreviates a commit hash for people.
func short(revision string) string {
	if commitHash.MatchString(revision) {
		return revision[:12]
	}
	return revision
}

// stackRef is how the object's stack is known best: by ARN, by the name that
// was deployed, or by the name in the spec.
func stackRef(obj *v1alpha1.CdkTsStack) string {
	switch st := &obj.Status; {
	case st.StackID != "":
		return st.StackID
	case st.Deployed != nil && st.Deployed.Plan.StackName != "":
		return st.Deployed.Plan.StackName
	}
	return obj.Spec.StackName
}

var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)
