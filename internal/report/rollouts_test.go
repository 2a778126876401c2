package report

import (
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/google/go-cmp/cmp"
)

// TestWhatBecameOfARolloutIsToldOnce, and nothing of what people need not care about.
func TestWhatBecameOfARolloutIsToldOnce(t *testing.T) {
	rollout := func(edit func(*v1alpha1.RolloutStatus)) *v1alpha1.CdkTsStack {
		r := v1alpha1.RolloutStatus{Service: "Service", Kind: v1alpha1.RolloutECS, Name: "arn", Operation: "op", Deployment: "d1", Strategy: "BLUE_GREEN", State: v1alpha1.RolloutPaused, Stage: "BAKE_TIME",
			Pause: &v1alpha1.RolloutPause{HookID: "h1", Stage: "POST_SCALE_UP", TimeoutAction: "ROLLBACK"}, Order: &v1alpha1.RolloutOrder{By: "ada"}}
		if edit != nil {
			edit(&r)
		}
		return &v1alpha1.CdkTsStack{Status: v1alpha1.CdkTsStackStatus{Rollouts: []v1alpha1.RolloutStatus{r}}}
	}
	ends := func(answer v1alpha1.PauseAnswer, by string, state v1alpha1.RolloutState) *v1alpha1.CdkTsStack {
		return rollout(func(r *v1alpha1.RolloutStatus) { r.Pause.Answer, r.Pause.By, r.State = answer, by, state })
	}
	unseen := func() *v1alpha1.CdkTsStack {
		return &v1alpha1.CdkTsStack{Status: v1alpha1.CdkTsStackStatus{Changes: &v1alpha1.Changes{Traffic: &v1alpha1.TrafficStatus{Unseen: "no right"}}}}
	}
	for name, c := range map[string]struct {
		before, after *v1alpha1.CdkTsStack
		want          []string
	}{
		"it begins":                    {&v1alpha1.CdkTsStack{}, rollout(nil), nil},
		"its stage moves on":           {rollout(nil), rollout(func(r *v1alpha1.RolloutStatus) { r.Stage = "CLEAN_UP" }), nil},
		"a person continues it":        {rollout(nil), ends(v1alpha1.PauseContinued, "ada", v1alpha1.RolloutInProgress), []string{"RolloutContinued"}},
		"it succeeds":                  {ends(v1alpha1.PauseContinued, "ada", v1alpha1.RolloutInProgress), ends(v1alpha1.PauseContinued, "ada", v1alpha1.RolloutSucceeded), nil},
		"nobody answers":               {rollout(nil), ends(v1alpha1.PauseTimedOut, "", v1alpha1.RolloutRolledBack), []string{"RolloutPauseTimedOut", "RolloutRolledBack"}},
		"it is rolled back in AWS":     {rollout(nil), ends(v1alpha1.PauseRolledBack, "", v1alpha1.RolloutRolledBack), []string{"RolloutAborted", "RolloutRolledBack"}},
		"AWS refuses the order":        {rollout(nil), rollout(func(r *v1alpha1.RolloutStatus) { r.Order.Error = "no right" }), []string{"RolloutNotAnswered"}},
		"AWS refuses it again":         {rollout(func(r *v1alpha1.RolloutStatus) { r.Order.Error = "no right" }), rollout(func(r *v1alpha1.RolloutStatus) { r.Order.Error = "still no right" }), nil},
		"it cannot be looked at":       {&v1alpha1.CdkTsStack{}, rollout(func(r *v1alpha1.RolloutStatus) { r.State, r.Pause = v1alpha1.RolloutUnknown, nil }), []string{"RolloutNotSeen"}},
		"live traffic cannot be":       {&v1alpha1.CdkTsStack{}, unseen(), []string{"TrafficNotSeen"}},
		"live traffic still cannot be": {unseen(), unseen(), nil},
		"another deployment of service": {ends(v1alpha1.PauseTimedOut, "", v1alpha1.RolloutRolledBack), rollout(func(r *v1alpha1.RolloutStatus) {
			r.Deployment, r.Pause, r.State = "d2", nil, v1alpha1.RolloutInProgress
		}), nil},
	} {
		var got []string
		for _, e := range rolloutEvents(c.before, c.after) {
			got = append(got, e.Reason)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
