package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cli"

	"github.com/cockroachdb/datadriven"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// TestSessionsWithFiles plays terminal sessions in a folder, which is called DIR.
// The commands are:
//
//	file PATH     writes a file; \r and \t are what they stand for
//	copy FROM TO  copies a file or folder of the repository
//	link TO PATH  makes a symbolic link
//	git ARGS      calls git in the folder, or in that of its option -C
//	create [FILE] makes objects in the cluster, with their status: those below it,
//	              or those of a file of the repository
//	may USER VERB GROUP/RESOURCE [NAMESPACE]
//	              waits until rights that were given have come to the API server
//	run ARGS      a command line; prints standard output, standard error and the
//	              exit code. What init writes is shown to the API server, too
//	show PATH     prints a file
func TestSessionsWithFiles(t *testing.T) {
	utilruntime.Must(authorizationv1.AddToScheme(cluster.Scheme()))
	datadriven.Walk(t, "sessions", func(t *testing.T, path string) {
		s := &folder{t: t, dir: t.TempDir()}
		s.must(cluster.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace("default"))) // of other tests
		t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
		t.Setenv("GIT_CONFIG_SYSTEM", "/dev/null")
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string { return s.command(d) })
	})
}

type folder struct {
	t   *testing.T
	dir string
}

func (s *folder) in(path string) string { return filepath.Join(s.dir, path) }

func (s *folder) command(d *datadriven.TestData) string {
	s.t.Helper()
	words := words(d)
	switch d.Cmd {
	case "file":
		s.must(os.MkdirAll(filepath.Dir(s.in(words[0])), 0o755))
		s.must(os.WriteFile(s.in(words[0]), []byte(strings.NewReplacer(`\r`, "\r", `\t`, "\t", `\ufeff`, "\ufeff").Replace(d.Input)+"\n"), 0o644))
	case "copy":
		s.must(os.MkdirAll(filepath.Dir(s.in(words[1])), 0o755))
		out, err := exec.Command("cp", "-r", filepath.Join("..", "..", words[0]), s.in(words[1])).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s: %s", err, out)
		}
	case "link":
		s.must(os.MkdirAll(filepath.Dir(s.in(words[1])), 0o755))
		s.must(os.Symlink(words[0], s.in(words[1])))
	case "git":
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"}, words...)...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("%s: %s", err, out)
		}
	case "create":
		s.create(append(words, "")[0], d.Input)
	case "may":
		s.may(words)
	case "run":
		return s.run(words, d.Input)
	case "show":
		data, err := os.ReadFile(s.in(words[0]))
		s.must(err)
		return strings.ReplaceAll(string(data), "\r", `\r`)
	default:
		s.t.Fatalf("unknown command %q", d.Cmd)
	}
	return ""
}

func words(d *datadriven.TestData) (all []string) {
	for _, a := range d.CmdArgs {
		word := a.Key
		if len(a.Vals) > 0 {
			word += "=" + strings.Join(a.Vals, ",")
		}
		all = append(all, word)
	}
	return all
}

func (s *folder) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// create makes objects; they go when the session ends.
func (s *folder) create(file, text string) {
	s.t.Helper()
	if file != "" {
		data, err := os.ReadFile(filepath.Join("..", "..", file))
		s.must(err)
		text = string(data)
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var u unstructured.Unstructured
		s.must(yaml.Unmarshal([]byte(document), &u.Object))
		status := u.Object["status"]
		err := cluster.Create(s.t.Context(), &u)
		if u.GetKind() == "Namespace" {
			continue // it is not deleted where no controller does that
		}
		s.must(err)
		s.t.Cleanup(func() { _ = cluster.Delete(context.Background(), &u, client.GracePeriodSeconds(0)) })
		if status != nil {
			u.Object["status"] = status
			s.must(cluster.Status().Update(s.t.Context(), &u))
		}
	}
}

func (s *folder) may(words []string) {
	s.t.Helper()
	group, resource, _ := strings.Cut(words[2], "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: words[0], ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: words[1], Group: group, Resource: resource, Namespace: append(words, "")[3]},
	}}
	for range 300 {
		asked := review.DeepCopy()
		s.must(cluster.Create(s.t.Context(), asked))
		if asked.Status.Allowed {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("%v is not allowed", words)
}

// changing is what is another in each run of the tests.
var changing = regexp.MustCompile(`https://127\.0\.0\.1:\d+|Kubernetes v1\.\d+\.\d+\S*`)

func (s *folder) run(args []string, typed string) string {
	s.t.Helper()
	var full []string
	for _, a := range args {
		full = append(full, strings.ReplaceAll(a, "DIR", s.dir))
	}
	var out, said bytes.Buffer
	code := cli.Run(s.t.Context(), cli.Options{
		Streams: genericiooptions.IOStreams{In: strings.NewReader(typed), Out: &out, ErrOut: &said},
		Now:     func() time.Time { return now },
	}, full)
	text := ended(out.String())
	if said.Len() > 0 {
		text += "(standard error)\n" + ended(said.String())
	}
	if strings.Contains(text, "hunter2") {
		s.t.Errorf("%s shows a secret: %s", args, text)
	}
	if args[0] == "init" && code == cli.ExitOK {
		text += s.taken(out.String())
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, s.dir, "DIR"), "\r", `\r`)
	text = changing.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "https") {
			return "https://SERVER"
		}
		return "Kubernetes vVERSION"
	})
	return fmt.Sprintf("%s(exit code %d)\n", text, code)
}

// taken shows manifests to the API server, as strictly as kubectl does.
func (s *folder) taken(text string) string {
	s.t.Helper()
	refused := ""
	for document := range strings.SplitSeq(text, "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil || len(u.Object) == 0 {
			continue
		}
		if u.GetNamespace() == "" {
			u.SetNamespace("default")
		}
		if err := client.WithFieldValidation(cluster, "Strict").Create(s.t.Context(), &u, client.DryRunAll); err != nil {
			refused += "THE API SERVER REFUSES IT: " + err.Error() + "\n"
		}
	}
	return refused
}
