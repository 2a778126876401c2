package assets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzManifest holds that nothing is published but files of the assembly.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":"36.0.0","files":{"a1":{"source":{"path":"app.template.json","packaging":"file"},"destinations":{"d":{"bucketName":"b","objectKey":"k"}}}}}`))
	f.Add([]byte(`{"files":{"a":{"displayName":"x","source":{"path":"asset.a","packaging":"zip"},"destinations":{"d":{"bucketName":"cdk-${AWS::AccountId}","objectKey":"k","region":"${AWS::Region}","assumeRoleArn":"arn:${AWS::Partition}:iam::1:role/x","assumeRoleAdditionalOptions":{"Tags":[{"Key":"a","Value":"b"}]}}}}}}`))
	f.Add([]byte(`{"files":{"a":{"source":{"path":"../../etc/passwd"},"destinations":{"d":{}}},"b":{"source":{"path":"/etc/passwd"},"destinations":{"d":{}}},"c":{"source":{"executable":["sh"]}}}}`))
	f.Add([]byte(`{"dockerImages":{"i":{"displayName":"image"}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		root := t.TempDir()
		path := filepath.Join(root, "cdk.out", "app.assets.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := readManifest(path)
		if err != nil {
			return
		}
		jobs, err := m.jobs(filepath.Dir(path))
		if err != nil {
			return
		}
		for _, j := range jobs {
			if !filepath.IsLocal(j.path) || j.root != filepath.Dir(path) {
				t.Fatalf("%+v is published", j)
			}
			if d := j.destination.resolve(Target{Region: "eu-west-1", Account: "1", Partition: "aws"}); strings.Contains(d.BucketName, accountPlaceholder) {
				t.Fatalf("the bucket is %q", d.BucketName)
			}
			if body, err := j.open(root); err == nil {
				if info, err := body.file.Stat(); err != nil || !info.Mode().IsRegular() {
					t.Fatalf("%v is opened, %v", info, err)
				}
				_ = body.close()
			}
		}
	})
}
