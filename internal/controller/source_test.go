package controller_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

func autoRedeploy() *v1alpha1.Actions { return &v1alpha1.Actions{AutoRedeploy: ptr.To(true)} }

func deployedAt(revision string) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == revision }
}

func TestTheHighestVersionOfARangeIsFollowed(t *testing.T) {
	w := newWorld(t)
	first := w.commit(map[string]any{"Topic": topic("one")})
	w.must(w.repo.Tag("v2.1.0", first))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Source.Git.Semver, obj.Spec.Actions = ">=2.0.0 <3.0.0", autoRedeploy()
	w.create(obj)
	w.until("web", "v2.1.0 is deployed", deployedAt(first))
	second := w.commit(map[string]any{"Topic": topic("two")})
	w.must(w.repo.Tag("v3.0.0", second))
	third := w.commit(map[string]any{"Topic": topic("three")})
	w.must(w.repo.Tag("v2.2.0", third))
	moved := w.until("web", "v2.2.0 is deployed", deployedAt(third))
	if got := moved.Status.Source.Tag; got != "v2.2.0" {
		t.Errorf("tag %q", got)
	}
}

func TestACommitThatTouchesNothingFollowedIsPassedOver(t *testing.T) {
	w := newWorld(t)
	one := template(t, map[string]any{"Topic": topic("one")})
	first := w.commitFiles(map[string]string{"infra/template.json": one, "docs/readme.md": "hello"})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Path, obj.Spec.Source.Git.Include, obj.Spec.Actions = "./infra", []string{"infra/**"}, autoRedeploy()
	w.create(obj)
	w.until("web", "it is deployed", deployedAt(first))
	passed := w.commitFiles(map[string]string{"infra/template.json": one, "docs/readme.md": "hello again"})
	over := w.until("web", "the commit was read", func(o *v1alpha1.CdkTsStack) bool { return o.Status.Source.IrrelevantRevision == passed })
	if !deployedAt(first)(over) || over.Status.Source.PendingRevision != "" {
		t.Errorf("source %+v", over.Status.Source)
	}
	taken := w.commitFiles(map[string]string{"infra/template.json": template(t, map[string]any{"Topic": topic("two")}), "docs/readme.md": "hello again"})
	w.until("web", "the commit that counts is deployed", deployedAt(taken))
}

func TestWhoWroteAPendingCommitIsTold(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{AfterGitSync: `
if [ "$GIT_CHANGES_DETECTED" = true ]; then
	kubectl create configmap news --from-literal=revision="$GIT_REVISION" --from-literal=changed="$GIT_CHANGED" --from-literal=ref="$GIT_REF"
fi`})
	w.create(obj)
	w.untilReady("web")
	second := w.commit(map[string]any{"Topic": topic("two")})
	pending := w.until("web", "the author is known", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Source.Pending != nil && o.Status.Source.Pending.Hash == second
	})
	if p := pending.Status.Source.Pending; p.Subject != "change" || p.Author == "" {
		t.Errorf("pending %+v", p)
	}
	contains(t, message(w.get("web")), "is pending", `"change"`)
	if news := w.configMap("news"); news["revision"] != second || news["changed"] != "true" || news["ref"] != "main" {
		t.Errorf("afterGitSync saw %v", news)
	}
}

func TestACommitThatNobodySignedIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	w.must(err)
	w.secret("signers", map[string]string{"ada": string(public)})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Source.Git.Verify = &v1alpha1.Verify{SecretName: "signers"}
	w.create(obj)
	refused := w.until("web", "the commit is refused", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "CommitNotSigned" })
	if refused.Status.StackID != "" || w.aws.Succeeded(t, "CreateChangeSet") != 0 {
		t.Error("something was deployed")
	}
}

func TestAFluxSourceIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.installFlux()
	artifacts := newArtifacts(t)
	w.manage()
	obj := w.stack("web")
	obj.Spec.Source = v1alpha1.Source{SourceRef: &v1alpha1.SourceRef{Kind: "GitRepository", Name: "infra"}}
	obj.Spec.Actions = autoRedeploy()
	w.create(obj)
	w.until("web", "the source is missed", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "SourceNotFound" })
	one := artifacts.add(t, map[string]string{"template.json": template(t, map[string]any{"Topic": topic("one")})})
	w.offer(one)
	w.until("web", "the artifact is deployed", deployedAt(one.commit))
	two := artifacts.add(t, map[string]string{"template.json": template(t, map[string]any{"Topic": topic("two")})})
	w.offer(two)
	w.until("web", "the next artifact is deployed", deployedAt(two.commit))
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
}

// installFlux makes the kind GitRepository known, once.
func (w *world) installFlux() {
	w.Helper()
	preserve := true
	crd := &apiextensionsv1.CustomResourceDefinition{
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "source.toolkit.fluxcd.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "gitrepositories", Singular: "gitrepository", Kind: "GitRepository", ListKind: "GitRepositoryList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve}},
			}},
		},
	}
	crd.Name = "gitrepositories.source.toolkit.fluxcd.io"
	_, err := envtest.InstallCRDs(apiServer, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}})
	w.must(err)
}

// artifact is a tarball as source-controller offers it.
type artifact struct{ url, digest, commit string }

type artifacts struct {
	dir, url string
}

func newArtifacts(t *testing.T) artifacts {
	t.Helper()
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return artifacts{dir, server.URL}
}

func (a artifacts) add(t *testing.T, files map[string]string) artifact {
	t.Helper()
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	archive := tar.NewWriter(zip)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	digest := hex.EncodeToString(sum[:])
	if err := os.WriteFile(filepath.Join(a.dir, digest+".tar.gz"), buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return artifact{a.url + "/" + digest + ".tar.gz", "sha256:" + digest, digest[:40]}
}

// offer has the GitRepository infra offer an artifact.
func (w *world) offer(a artifact) {
	w.Helper()
	source := &unstructured.Unstructured{}
	source.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	source.SetKind("GitRepository")
	source.SetNamespace(w.namespace)
	source.SetName("infra")
	_ = w.client.Delete(w.Context(), source.DeepCopy())
	w.must(unstructured.SetNestedMap(source.Object, map[string]any{
		"artifact":   map[string]any{"url": a.url, "digest": a.digest, "revision": "main@sha1:" + a.commit},
		"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
	}, "status"))
	w.must(w.client.Create(w.Context(), source))
}
