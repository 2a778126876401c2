package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/admission"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newMigrate(o *Options) *cobra.Command {
	var files []string
	var server, write bool
	cmd := &cobra.Command{
		Use: "migrate -f FILE|FOLDER|-", Short: "Check manifests of the earlier operator, and say what is different now", Args: none,
		Long: `Check manifests that were written for the earlier, shell-based operator: what would be refused or dropped, what means
something else now, what counts now and was ignored before, and which bash hooks a field could take the place of.

  ✗  has to be changed: it would be refused, or dropped
  !  means something else now: look at it
  ·  is good to know
  →  could be said by a field; the hook goes on working

Exit codes: 0 there is nothing to do, 3 there is something with ✗ or !, 2 it was called wrongly, 1 it could not be done.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return errUsage{errors.New("migrate needs the manifests: kubectl cdk migrate -f FILE, -f FOLDER, or -f - for standard input")}
			}
			return o.migrate(cmd.Context(), files, server, write)
		},
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "`file`, folder with all below it, or - for standard input; may be repeated")
	cmd.Flags().BoolVar(&server, "server", false, "ask the cluster, too, with a dry run that changes nothing")
	cmd.Flags().BoolVar(&write, "write", false, "print the manifests with additions that change nothing of what they do; the list goes to standard error")
	return cmd
}

// grade is how much a finding matters.
type grade int

const (
	hint grade = iota
	note
	look
	must
)

// grades are how they are drawn.
var grades = map[grade]mark{
	must: {"✗", red}, look: {"!", yellow}, note: {"·", plain}, hint: {"→", blue},
}

// finding is one thing about a manifest.
type finding struct {
	grade grade
	// path of the field it is about, line where that is in its file.
	path string
	line int
	text string
	// more are lines below it: fields as they would be written.
	more []string
}

// checked is an object with what was found.
type checked struct {
	*written
	obj      v1alpha1.CdkTsStack
	fields   *admission.Validator
	findings []finding
	// additions are what --write adds.
	additions []addition
}

func (c *checked) find(g grade, path, text string, more ...string) {
	c.findings = append(c.findings, finding{grade: g, path: path, line: c.lineOf(path), text: text, more: more})
}

// label names the object.
func (c *checked) label() string {
	if c.obj.Name == "" {
		return c.kind
	}
	return strings.TrimPrefix(c.obj.Namespace+"/"+c.obj.Name, "/")
}

// todo says whether a person has something to do.
func (c *checked) todo() bool {
	return slices.ContainsFunc(c.findings, func(f finding) bool { return f.grade >= look })
}

func (o *Options) migrate(ctx context.Context, files []string, server, write bool) error {
	read, err := o.readManifests(files)
	if err != nil {
		return err
	}
	fields, err := admission.New(config.Definition)
	if err != nil {
		return err
	}
	var all []*checked
	for _, s := range read.sources {
		c := &checked{written: s, fields: fields}
		c.check(ctx)
		all = append(all, c)
	}
	together(all)
	if server {
		if err := o.askServer(ctx, all); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return errUsage{fmt.Errorf("there is no CdkTsStack in %s (%d files were read)", strings.Join(files, ", "), read.files)}
	}
	list := o.painter()
	if write {
		list.out = o.Streams.ErrOut
		if err := o.writeAdditions(read.parts, all); err != nil {
			return err
		}
	}
	return showFindings(list, all)
}

// check makes all checks of one object. Those that need it whole are left out
// when it cannot be read.
func (c *checked) check(ctx context.Context) {
	if c.broken != nil {
		c.findings = append(c.findings, *c.broken)
		return
	}
	for i, v := range c.fields.Check(ctx, c.object) {
		switch {
		case i > shownFindings: // told as a number
			c.findings = append(c.findings, finding{grade: must, path: v.Path, line: c.line})
		case v.Unknown:
			c.find(must, v.Path, c.unknown(v.Path))
		case strings.HasPrefix(v.Message, admission.Unchecked):
			c.find(note, v.Path, v.Message)
		default:
			c.find(must, v.Path, v.Message)
		}
	}
	data, err := json.Marshal(c.object)
	if err == nil {
		err = json.Unmarshal(data, &c.obj)
	}
	if err != nil {
		// A value of the wrong kind, which was found above.
		c.obj = v1alpha1.CdkTsStack{}
		c.obj.Name, _, _ = unstructured.NestedString(c.object, "metadata", "name")
		c.obj.Namespace, _, _ = unstructured.NestedString(c.object, "metadata", "namespace")
		return
	}
	for _, check := range meanings {
		check(c)
	}
	c.readHooks()
}

// unknown says what to write in the place of a field that does not exist.
func (c *checked) unknown(path string) string {
	text := "there is no such field: the earlier operator ignored it, and kubectl refuses it"
	if nearest := c.fields.Nearest(path); nearest != "" {
		return text + ". Is it " + nearest + "?"
	}
	return text + ". Take it out"
}

// together looks for objects that are in each other's way.
func together(all []*checked) {
	names, stacks := map[string]*checked{}, map[string]*checked{}
	for _, c := range all {
		if c.obj.Name == "" {
			continue
		}
		if first := names[c.label()]; first != nil {
			c.find(must, "metadata.name", fmt.Sprintf("%s is there already, in %s:%d: whichever is applied last wins", c.label(), first.file, first.line))
		} else {
			names[c.label()] = c
		}
		key := strings.Join([]string{c.obj.Namespace, c.obj.Spec.CredentialsSecretName, regionOf(&c.obj), c.obj.Spec.StackName}, "\x00")
		if first := stacks[key]; first != nil && first.label() != c.label() {
			c.find(look, "spec.stackName", fmt.Sprintf("%s (%s:%d) is for the same stack: the second of two is refused now (StackOfAnother), while they undid each other's changes before", first.label(), first.file, first.line))
		} else {
			stacks[key] = c
		}
	}
}

func regionOf(obj *v1alpha1.CdkTsStack) string {
	if obj.Spec.AWSRegion == "" {
		return defaultRegion
	}
	return obj.Spec.AWSRegion
}

// askServer has the API server say what it would make of each object.
func (o *Options) askServer(ctx context.Context, all []*checked) error {
	c, namespace, err := o.cluster()
	if err != nil {
		return err
	}
	strict := client.WithFieldValidation(c, "Strict")
	for _, one := range all {
		if one.broken != nil {
			continue
		}
		u := &unstructured.Unstructured{Object: one.object}
		u = u.DeepCopy()
		if u.GetNamespace() == "" {
			u.SetNamespace(namespace)
		}
		delete(u.Object, "status")
		u.SetManagedFields(nil)
		err := strict.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.DryRunAll, client.FieldOwner("kubectl-cdk-migrate"), client.ForceOwnership)
		switch {
		case err == nil:
		case apierrors.IsInvalid(err) && slices.ContainsFunc(one.findings, func(f finding) bool { return f.grade == must }):
			// Its words repeat the values, a password among them, and tell no more.
			one.find(must, "metadata.name", "the cluster refuses it, too")
		case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err), apierrors.IsNotFound(err), apierrors.IsConflict(err):
			one.find(must, "metadata.name", "the cluster refuses it: "+err.Error())
		default:
			return fmt.Errorf("ask the cluster about %s: %w", one.label(), err)
		}
	}
	return nil
}

// shownFindings bounds what is told of one object.
const shownFindings = 100

// showFindings writes the list, object by object.
func showFindings(p painter, all []*checked) error {
	todo := 0
	for _, c := range all {
		p.printf("%s:%d  %s\n", printable(c.file), c.line, printable(c.label()))
		slices.SortStableFunc(c.findings, func(a, b finding) int { return a.line - b.line })
		if c.todo() {
			todo++
		} else {
			p.printf("  %s\n", p.mark(markGood, "works as it is"))
		}
		if more := len(c.findings) - shownFindings; more > 0 {
			c.findings = append(c.findings[:shownFindings], finding{grade: must, path: "the object", line: c.line, text: fmt.Sprintf("and %d more", more)})
		}
		for _, f := range c.findings {
			g := grades[f.grade]
			p.printf("  %s %s:%d  %s: %s\n", p.in(g.color, g.sign), printable(c.file), f.line, printable(f.path), printable(f.text))
			for _, line := range f.more {
				p.printf("      %s\n", printable(line))
			}
		}
	}
	p.printf("\n%d checked, %d with something to do\n", len(all), todo)
	if todo > 0 {
		return errNotReady
	}
	return nil
}
