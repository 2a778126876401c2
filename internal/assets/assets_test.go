package assets

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

const bucketName = "cdk-hnb659fds-assets-" + awstest.Account + "-" + awstest.Region

var testTarget = Target{
	Credentials: awsconfig.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test-secret-key"},
	Region:      awstest.Region,
}

// assembly is a cloud assembly in the making.
type assembly struct {
	dir string
}

func newAssembly(t *testing.T) assembly {
	t.Helper()
	return assembly{t.TempDir()}
}

func (a assembly) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// manifest writes app.assets.json; destinations are the CDK's own unless given.
func (a assembly) manifest(t *testing.T, files map[string]map[string]any) string {
	t.Helper()
	all := map[string]any{}
	for key, source := range files {
		destination := map[string]any{"bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "objectKey": key}
		if own, ok := source["destination"].(map[string]any); ok {
			destination = own
		}
		delete(source, "destination")
		all[key] = map[string]any{
			"displayName":  "asset " + key,
			"source":       source,
			"destinations": map[string]any{"current": destination},
		}
	}
	data, err := json.Marshal(map[string]any{"version": "48.0.0", "files": all})
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "app.assets.json", string(data), 0o644)
	return filepath.Join(a.dir, "app.assets.json")
}

func source(path, packaging string) map[string]any {
	return map[string]any{"path": path, "packaging": packaging}
}

func publisher(t *testing.T) *Publisher {
	t.Helper()
	return New(Options{Now: time.Now, TempDir: t.TempDir()})
}

func publish(t *testing.T, manifest string) (Report, error) {
	t.Helper()
	return publisher(t).Publish(t.Context(), Request{Manifests: []string{manifest}, Target: testTarget})
}

func TestAssetsAreUploadedOnce(t *testing.T) {
	aws := awstest.Start(t)
	aws.Bucket(t, bucketName)
	a := newAssembly(t)
	a.write(t, "app.template.json", `{"Resources":{}}`, 0o644)
	a.write(t, "asset.1/index.js", "exports.handler = 1", 0o644)
	manifest := a.manifest(t, map[string]map[string]any{
		"t.json": source("app.template.json", "file"),
		"c.zip":  source("asset.1", "zip"),
	})
	first, err := publish(t, manifest)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Uploaded: []Published{
		{Name: "asset c.zip", Bucket: bucketName, Key: "c.zip", Region: awstest.Region},
		{Name: "asset t.json", Bucket: bucketName, Key: "t.json", Region: awstest.Region, Bytes: 16},
	}}
	if diff := cmp.Diff(want, first, cmpopts.IgnoreFields(Published{}, "Bytes")); diff != "" || first.Uploaded[1].Bytes != 16 {
		t.Errorf("%+v\n%s", first, diff)
	}
	if content, kind := aws.Get(t, bucketName, "t.json"); string(content) != `{"Resources":{}}` || kind != "application/json" {
		t.Errorf("the template is %q of type %s", content, kind)
	}
	content, kind := aws.Get(t, bucketName, "c.zip")
	if diff := cmp.Diff(map[string]string{"index.js": "exports.handler = 1"}, unzip(t, content)); diff != "" || kind != "application/zip" {
		t.Errorf("the zip file, of type %s:\n%s", kind, diff)
	}
	aws.ForgetCalls(t)
	again, err := publish(t, manifest)
	if err != nil || len(again.Uploaded) != 0 || len(again.Skipped) != 2 {
		t.Errorf("again: %+v, %v", again, err)
	}
	for _, call := range aws.Calls(t, "") {
		if call.Action != "HeadObject" && call.Action != "GetCallerIdentity" {
			t.Errorf("publishing again calls %s", call.Action)
		}
	}
}

func unzip(t *testing.T, content []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
	}
	return files
}

func TestALegacyTemplateIsPublishedByItsContent(t *testing.T) {
	aws := awstest.Start(t)
	a := newAssembly(t)
	a.write(t, "app.template.json", `{"Resources":{}}`, 0o644)
	p := publisher(t)
	template := Template{Path: filepath.Join(a.dir, "app.template.json"), StackName: "app", Target: testTarget}
	if _, err := p.PublishTemplate(t.Context(), template); !errors.Is(err, awsconfig.ErrNotBootstrapped) {
		t.Errorf("without a bucket: error is %v", err)
	}
	aws.Bucket(t, bucketName)
	for range 2 {
		url, err := p.PublishTemplate(t.Context(), template)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := strings.CutPrefix(url, "https://s3."+awstest.Region+".amazonaws.com/"+bucketName+"/")
		if content, _ := aws.Get(t, bucketName, key); !ok || string(content) != `{"Resources":{}}` {
			t.Errorf("%s holds %q", url, content)
		}
	}
	if n := aws.Succeeded(t, "PutObject"); n != 1 {
		t.Errorf("it was uploaded %d times", n)
	}
	template.Qualifier = "own"
	if _, err := p.PublishTemplate(t.Context(), template); !errors.Is(err, awsconfig.ErrNotBootstrapped) || !strings.Contains(err.Error(), " --qualifier own --toolkit-stack-name CDKToolkit-own`") {
		t.Errorf("with a qualifier of one's own: error is %v", err)
	}
}

func TestTemplateURL(t *testing.T) {
	got, err := TemplateURL("s3://my.bucket/a/b.json", "cn-north-1")
	if err != nil || got != "https://s3.cn-north-1.amazonaws.com.cn/my.bucket/a/b.json" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "https://x/y", "s3://bucket", "s3:///key"} {
		if _, err := TemplateURL(bad, "us-east-1"); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAssetsArePublishedInTheSessionThatTheAppAsksFor(t *testing.T) {
	aws := awstest.Start(t)
	aws.Bucket(t, bucketName)
	role := aws.Role(t, "publish", awstest.TaggedTrust("account", awstest.Account))
	a := newAssembly(t)
	a.write(t, "f", "x", 0o644)
	asset := source("f", "file")
	asset["destination"] = map[string]any{
		"bucketName": bucketName, "objectKey": "k", "assumeRoleArn": role,
		"assumeRoleAdditionalOptions": map[string]any{"Tags": []map[string]string{{"Key": "account", "Value": "${AWS::AccountId}"}}},
	}
	if _, err := publish(t, a.manifest(t, map[string]map[string]any{"a": asset})); err != nil {
		t.Fatal(err)
	}
	if calls := aws.Calls(t, "PutObject"); len(calls) != 1 || !strings.HasPrefix(calls[0].AccessKey, "ASIA") {
		t.Errorf("it was uploaded outside of the session: %+v", calls)
	}
}
