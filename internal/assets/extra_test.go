package assets

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

func TestAnExtraObjectGoesWhereTheTemplateGoes(t *testing.T) {
	const role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/publish"
	to := func(bucket string) map[string]any {
		return map[string]any{"bucketName": bucket, "objectKey": "k", "region": awstest.Region, "assumeRoleArn": role}
	}
	for name, c := range map[string]struct {
		files  map[string]map[string]any
		bucket string
		access string
	}{
		"the template's bucket and role": {
			map[string]map[string]any{
				"a": {"path": "f", "packaging": "file", "destination": to("others")},
				"t": {"path": "app.template.json", "packaging": "file", "destination": to("templates")},
			}, "templates", "ASIA",
		},
		"the first asset's without a template": {map[string]map[string]any{"a": {"path": "f", "packaging": "file", "destination": to("others")}}, "others", "ASIA"},
		"the bootstrap's without assets":       {nil, bucketName, "AKIA"},
	} {
		t.Run(name, func(t *testing.T) {
			aws := awstest.Start(t)
			aws.Role(t, "publish", awstest.Trust("*", ""))
			for _, bucket := range []string{bucketName, "templates", "others"} {
				aws.Bucket(t, bucket)
			}
			a := newAssembly(t)
			a.write(t, "app.template.json", "{}", 0o644)
			a.write(t, "f", "x", 0o644)
			extra := Extra{Name: "plan", Key: "plans/digest.json", Data: []byte(`{"a":1}`), Manifests: []string{a.manifest(t, c.files)}, Root: a.dir, Target: testTarget}
			p := publisher(t)
			for range 2 {
				got, err := p.PublishBeside(t.Context(), extra)
				if err != nil {
					t.Fatal(err)
				}
				want := Published{Name: "plan", Bucket: c.bucket, Key: extra.Key, Region: awstest.Region}
				got.Bytes = 0
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if content, kind := aws.Get(t, c.bucket, extra.Key); string(content) != `{"a":1}` || kind != "application/json" {
				t.Errorf("the object is %q of type %s", content, kind)
			}
			calls := aws.Calls(t, "PutObject")
			if len(calls) != 1 || calls[0].AccessKey[:4] != c.access {
				t.Errorf("uploads %+v, want one as %s", calls, c.access)
			}
		})
	}
}
