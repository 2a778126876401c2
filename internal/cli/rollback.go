package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newRollback(o *Options) *cobra.Command {
	var to int
	var yes bool
	var skip []string
	cmd := &cobra.Command{
		Use: "rollback NAME [--to N | --skip ID,ID]", Short: "Go back to a revision that was deployed well", Args: named,
		Long: `Go back to a revision that was deployed well: the object is pointed at that commit, which is built and deployed as any
other. It shows the good deployments, numbered, and what will happen, and asks.

With --skip it has a rollback that CloudFormation could not finish (UPDATE_ROLLBACK_FAILED) go on without these resources.
They stay as they are, and no longer match the template.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			asked := cmd.Flags().Changed("to")
			switch skips := cmd.Flags().Changed("skip"); {
			case skips && asked:
				return errUsage{errors.New("--skip and --to cannot both be given: the one goes on with a rollback, the other begins one")}
			case skips:
				return o.skip(cmd.Context(), args[0], skip, yes)
			}
			if yes && !asked {
				return errUsage{errors.New("--yes needs --to N: no revision is chosen for you; without --yes the good ones are shown")}
			}
			return o.rollback(cmd.Context(), args[0], to, asked, yes)
		},
	}
	cmd.Flags().IntVar(&to, "to", 0, "the number of the deployment, as shown")
	cmd.Flags().StringSliceVar(&skip, "skip", nil, "resources, by logical id, that a stuck rollback goes on without")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// commitHash is a revision that says exactly which commit is meant.
var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// goodDeployment is a revision that was deployed well.
type goodDeployment struct {
	revision, changes string
	at                time.Time
}

// goodDeployments are the revisions that were deployed well, the newest first.
func goodDeployments(obj *v1alpha1.CdkTsStack) []goodDeployment {
	var all []goodDeployment
	add := func(g goodDeployment) {
		has := func(h goodDeployment) bool { return h.revision == g.revision }
		if commitHash.MatchString(g.revision) && !slices.ContainsFunc(all, has) {
			all = append(all, g)
		}
	}
	for _, e := range obj.Status.History {
		if e.Kind == v1alpha1.OperationDeploy && (e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged) {
			add(goodDeployment{e.Revision, e.Changes, e.EndedAt.Time})
		}
	}
	if d := obj.Status.Deployed; d != nil {
		add(goodDeployment{revision: d.Target.Revision, at: d.At.Time})
	}
	return all
}

func (o *Options) rollback(ctx context.Context, name string, to int, asked, yes bool) error {
	c, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	if err := mayRollBack(obj); err != nil {
		return err
	}
	good := goodDeployments(obj)
	if len(good) == 0 {
		return fmt.Errorf("the history of %s has no good deployment to go back to", obj.Name)
	}
	if !asked {
		showGood(o.painter(), obj, good, o.Now())
		if to, err = o.number("Go back to which?"); err != nil {
			return err
		}
	}
	if to < 1 || to > len(good) {
		return fmt.Errorf("there is no good deployment %d of %s: it has 1 to %d, as %s shows", to, obj.Name, len(good), o.painter().call("rollback", obj))
	}
	chosen := good[to-1]
	if isThere(obj, chosen.revision) {
		return fmt.Errorf("%s is deployed at %s already", obj.Name, short(chosen.revision))
	}
	o.showRollback(obj, chosen)
	if !yes {
		if agreed, err := o.confirm("Go back?"); err != nil || !agreed {
			return errors.Join(err, refused(agreed, err))
		}
	}
	return o.pointAt(ctx, c, obj, chosen.revision)
}

// refused is errNothingDone when a person said no.
func refused(agreed bool, err error) error {
	if err == nil && !agreed {
		return errNothingDone
	}
	return nil
}

// mayRollBack says of an object that does not follow a repository itself what to
// do instead.
func mayRollBack(obj *v1alpha1.CdkTsStack) error {
	if !obj.DeletionTimestamp.IsZero() {
		return fmt.Errorf("%s is being deleted", obj.Name)
	}
	ref := obj.Spec.Source.SourceRef
	switch {
	case ref == nil:
		return nil
	case ref.Kind == "GitRepository":
		return fmt.Errorf(`%s follows the Flux source GitRepository %s: roll that back, for example with kubectl patch gitrepository %s -n %s --type=merge -p '{"spec":{"ref":{"commit":"HASH"}}}'; kubectl cdk history %s -n %s has the hashes`,
			obj.Name, ref.Name, ref.Name, obj.Namespace, obj.Name, obj.Namespace)
	}
	return fmt.Errorf("%s follows the Flux source %s %s: point that at the artifact that was good, for example spec.ref.tag or spec.ref.digest of an OCIRepository", obj.Name, ref.Kind, ref.Name)
}

// isThere says whether a revision is what is deployed and wanted.
func isThere(obj *v1alpha1.CdkTsStack, revision string) bool {
	st := &obj.Status
	return st.Deployed != nil && st.Deployed.Target.Revision == revision && st.Target != nil && st.Target.Revision == revision &&
		meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ConditionReady)
}

func showGood(p painter, obj *v1alpha1.CdkTsStack, good []goodDeployment, now time.Time) {
	t := &table{p: p}
	t.add("", "DEPLOYED", "REVISION", "CHANGES")
	for i, g := range good {
		what := g.changes
		if d := obj.Status.Deployed; d != nil && d.Target.Revision == g.revision {
			what = strings.TrimPrefix(what+", live", ", ")
		}
		t.add(strconv.Itoa(i+1), ago(g.at, now), short(g.revision), what)
	}
	t.write("")
}

// number asks for one.
func (o *Options) number(question string) (int, error) {
	_, _ = fmt.Fprintf(o.Streams.ErrOut, "%s ", question)
	answer, err := o.answer()
	if err != nil {
		return 0, errors.New("nobody answered: give --to N")
	}
	n, err := strconv.Atoi(answer)
	if err != nil {
		return 0, fmt.Errorf("%q is no number: %w", answer, errNothingDone)
	}
	return n, nil
}

// showRollback tells what will happen, and how it is undone.
func (o *Options) showRollback(obj *v1alpha1.CdkTsStack, to goodDeployment) {
	p, git := o.painter(), obj.Spec.Source.Git
	p.printf("%s goes back to %s, deployed well %s\n", printable(obj.Name), to.revision, ago(to.at, o.Now()))
	following := "ref " + git.Ref
	if git.Semver != "" {
		following = "semver " + git.Semver
	}
	lines := []string{
		"source.git.ref is set to that commit, in place of " + following,
		"the commit is built and deployed as any other: hooks run, windows, limits and approvals hold it",
		"new commits are not followed until this is undone, also with autoRedeploy",
	}
	if obj.Spec.Suspend {
		lines = append(lines, "it is suspended: nothing happens until "+p.call("resume", obj))
	}
	if a := obj.Spec.Actions; a != nil && a.Deploy != nil && !*a.Deploy {
		lines = append(lines, "actions.deploy is false: nothing is deployed until that is true")
	}
	if by := appliedBy(obj); by != "" {
		lines = append(lines, "the object is applied by "+by+", which will put source.git.ref back: change it where its manifest is, too")
	}
	for _, line := range lines {
		p.printf("  - %s\n", printable(line))
	}
	p.printf("  undo: %s\n", printable(fmt.Sprintf("kubectl patch cdktsstack %s -n %s%s --type=merge -p %s", obj.Name, obj.Namespace, o.givenCluster(), shellWord(pointing(git.Ref, git.Semver)))))
}

// pointing is the patch that has an object follow a ref, or versions.
func pointing(ref, semver string) string {
	git := map[string]any{"ref": ref}
	if semver != "" {
		git["semver"] = semver
	}
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"source": map[string]any{"git": git}}})
	if err != nil { // texts can always be written
		return err.Error()
	}
	return string(data)
}

// appliedBy is who keeps an object as a manifest says, as far as it shows.
func appliedBy(obj *v1alpha1.CdkTsStack) string {
	for _, by := range []struct{ mark, name string }{
		{"kustomize.toolkit.fluxcd.io/name", "Flux"}, {"helm.toolkit.fluxcd.io/name", "Flux"},
		{"argocd.argoproj.io/tracking-id", "Argo CD"}, {"argocd.argoproj.io/instance", "Argo CD"},
	} {
		if obj.Labels[by.mark] != "" || obj.Annotations[by.mark] != "" {
			return by.name
		}
	}
	return ""
}

// pointAt has the object follow a commit, unless somebody has edited it since it
// was shown. What the operator writes meanwhile is no edit.
func (o *Options) pointAt(ctx context.Context, c client.Client, shown *v1alpha1.CdkTsStack, revision string) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var obj v1alpha1.CdkTsStack
		if err := c.Get(ctx, client.ObjectKeyFromObject(shown), &obj); err != nil {
			return err
		}
		if obj.UID != shown.UID || obj.Generation != shown.Generation {
			return fmt.Errorf("somebody has edited it since it was shown: look again with %s; %w", o.painter().call("rollback", shown), errNothingDone)
		}
		before := obj.DeepCopy()
		obj.Spec.Source.Git.Ref, obj.Spec.Source.Git.Semver = revision, ""
		return c.Patch(ctx, &obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return fmt.Errorf("set source.git.ref of %s: %w", shown.Name, err)
	}
	o.say("%s goes back to %s; %s shows how it goes", shown.Name, short(revision), o.painter().call("status -w", shown))
	return nil
}
