package assets

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

func TestPublishRefuses(t *testing.T) {
	big := strings.Repeat(" ", MaxTemplate+1)
	for name, c := range map[string]struct {
		source map[string]any
		want   error
		says   string
	}{
		"a template that CloudFormation would not take": {source("app.template.json", "file"), awsconfig.ErrTooLarge, "it has 1048577 bytes and CloudFormation takes 1048576"},
		"a command as a source":                         {map[string]any{"executable": []string{"sh", "-c", "id"}}, awsconfig.ErrUnsupported, "not implemented: its source is a command"},
		"a source outside of the assembly":              {source("../../etc/passwd", "file"), nil, "lies outside of the project"},
		"an absolute source":                            {source("/etc/passwd", "file"), nil, "lies outside of the project"},
		"a link out of the assembly":                    {source("link", "file"), nil, "path escapes"},
		"a pipe as a source":                            {source("pipe", "file"), nil, "neither a file nor a folder"},
		"a link to a device":                            {source("zero", "file"), nil, "path escapes"},
		"a source that is not there":                    {source("nothing", "file"), os.ErrNotExist, "nothing"},
		"a folder that is not to be zipped":             {source("folder", "file"), nil, "it is a folder: true"},
		"unknown packaging":                             {source("folder", "tar"), awsconfig.ErrUnsupported, `packaging "tar"`},
		"session options that we do not know": {map[string]any{"path": "folder", "packaging": "zip", "destination": map[string]any{
			"bucketName": "b", "objectKey": "k", "assumeRoleAdditionalOptions": map[string]any{"SerialNumber": "arn:aws:iam::1:mfa/me"},
		}}, awsconfig.ErrUnsupported, `unknown field "SerialNumber"; Tags, TransitiveTagKeys, Policy`},
	} {
		t.Run(name, func(t *testing.T) {
			aws := awstest.Start(t)
			aws.Bucket(t, bucketName)
			aws.ForgetCalls(t)
			a := newAssembly(t)
			a.write(t, "app.template.json", big, 0o644)
			a.write(t, "folder/f", "x", 0o644)
			if err := errors.Join(
				os.Symlink("/etc/passwd", filepath.Join(a.dir, "link")), os.Symlink("/dev/zero", filepath.Join(a.dir, "zero")),
				syscall.Mkfifo(filepath.Join(a.dir, "pipe"), 0o600),
			); err != nil {
				t.Fatal(err)
			}
			_, err := publish(t, a.manifest(t, map[string]map[string]any{"a": c.source}))
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want %v with %q", err, c.want, c.says)
			}
			if calls := aws.Calls(t, ""); len(calls) != 0 {
				t.Errorf("AWS was called: %+v", calls)
			}
		})
	}
}

func TestImageAssetsAreRefusedByName(t *testing.T) {
	a := newAssembly(t)
	a.write(t, "m.json", `{"version":"48.0.0","dockerImages":{"abc":{"displayName":"web image","source":{"directory":"x"},"destinations":{}}}}`, 0o644)
	_, err := publish(t, filepath.Join(a.dir, "m.json"))
	if !errors.Is(err, awsconfig.ErrUnsupported) || !strings.Contains(err.Error(), "web image. Build and push") {
		t.Errorf("error is %v", err)
	}
}

func TestAMissingBucketSaysToBootstrap(t *testing.T) {
	awstest.Start(t)
	a := newAssembly(t)
	a.write(t, "f", "x", 0o644)
	_, err := publish(t, a.manifest(t, map[string]map[string]any{"f": source("f", "file")}))
	advice := "there is no bucket " + bucketName + ": run `cdk bootstrap aws://" + awstest.Account + "/" + awstest.Region + "`"
	if !errors.Is(err, awsconfig.ErrNotBootstrapped) || !strings.Contains(err.Error(), advice) {
		t.Errorf("error is %v", err)
	}
}

// TestABucketOfAnotherAccountIsNotWrittenTo uses an S3 that does nothing but
// keep the promise of x-amz-expected-bucket-owner.
func TestABucketOfAnotherAccountIsNotWrittenTo(t *testing.T) {
	var written atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Expected-Bucket-Owner") == "999999999999" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPut {
			written.Add(1)
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	awstest.Env(t, server.URL)
	a := newAssembly(t)
	a.write(t, "f", "x", 0o644)
	stranger := testTarget
	stranger.Account = "999999999999"
	request := Request{Manifests: []string{a.manifest(t, map[string]map[string]any{"f": source("f", "file")})}, Target: stranger}
	_, err := publisher(t).Publish(t.Context(), request)
	if !errors.Is(err, awsconfig.ErrAccessDenied) || !strings.Contains(err.Error(), "must belong to account 999999999999") {
		t.Errorf("error is %v", err)
	}
	if n := written.Load(); n != 0 {
		t.Errorf("%d objects were written", n)
	}
}

func TestARoleOfTheManifestIsAssumed(t *testing.T) {
	aws := awstest.Start(t)
	aws.Bucket(t, "other-bucket")
	a := newAssembly(t)
	a.write(t, "f", "x", 0o644)
	aws.Fault(t, awstest.Fault{Service: "sts", Action: "AssumeRole", Code: "AccessDenied", Status: 403, Message: "not authorized to perform: sts:AssumeRole", Count: -1})
	destination := map[string]any{"bucketName": "other-bucket", "objectKey": "f", "assumeRoleArn": "arn:${AWS::Partition}:iam::444455556666:role/publish-${AWS::Region}"}
	manifest := a.manifest(t, map[string]map[string]any{"f": {"path": "f", "destination": destination}})
	_, err := publish(t, manifest)
	if !errors.Is(err, awsconfig.ErrAccessDenied) || !strings.Contains(err.Error(), "assume role arn:aws:iam::444455556666:role/publish-"+awstest.Region) {
		t.Errorf("error is %v", err)
	}
}

func TestABucketsEncryptionIsNamedInEveryUpload(t *testing.T) {
	aws := awstest.Start(t)
	aws.Bucket(t, bucketName)
	const key = "arn:aws:kms:eu-central-1:123456789012:key/k"
	aws.Encrypt(t, bucketName, key)
	named := watchUploads(t, aws)
	a := newAssembly(t)
	a.write(t, "f", "x", 0o644)
	a.write(t, "g", "y", 0o644)
	if _, err := publish(t, a.manifest(t, map[string]map[string]any{"f": source("f", "file"), "g": source("g", "file")})); err != nil {
		t.Fatal(err)
	}
	if n := len(aws.Calls(t, "GetBucketEncryption")); n != 1 {
		t.Errorf("the bucket was asked %d times", n)
	}
	if diff := cmp.Diff([]string{"aws:kms " + key, "aws:kms " + key}, *named); diff != "" {
		t.Errorf("the encryption that uploads name:\n%s", diff)
	}
}

// watchUploads notes the encryption that uploads name on their way to S3. The
// list is to be read when they are through.
func watchUploads(t *testing.T, aws *awstest.Server) *[]string {
	t.Helper()
	target, err := url.Parse(aws.URL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var named []string
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			mu.Lock()
			named = append(named, r.Header.Get("X-Amz-Server-Side-Encryption")+" "+r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	awstest.Env(t, server.URL)
	return &named
}
