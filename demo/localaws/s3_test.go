package localaws_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"awscdk.dev/operator/demo/localaws"
)

func newBucket(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, localaws.Config{})
	if _, err := l.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("box")}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) get(key string, span *string) string {
	l.Helper()
	out, err := l.s3.GetObject(l.Context(), &s3.GetObjectInput{Bucket: aws.String("box"), Key: &key, Range: span})
	if err != nil {
		l.Fatalf("get %s: %v", key, err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		l.Fatalf("read %s: %v", key, err)
	}
	return string(body)
}

func TestObjectsComeBackAsTheyWentIn(t *testing.T) {
	l := newBucket(t)
	in := &s3.PutObjectInput{Bucket: aws.String("box"), Key: aws.String("a b/ü+c"), Body: strings.NewReader("hello"), ContentType: aws.String("text/x"), Metadata: map[string]string{"m": "1"}}
	if _, err := l.s3.PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got := l.get("a b/ü+c", nil); got != "hello" {
		t.Errorf("got %q", got)
	}
	head, err := l.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil || *head.ContentLength != 5 || *head.ContentType != "text/x" || head.Metadata["m"] != "1" {
		t.Errorf("head = %+v, %v", head, err)
	}
	if got := l.get("a b/ü+c", aws.String("bytes=1-3")); got != "ell" {
		t.Errorf("range = %q", got)
	}
	_, err = l.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("box"), Key: aws.String("none")})
	refused(t, err, "NoSuchKey", "does not exist")
	_, err = l.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("nobox"), Key: aws.String("none")})
	refused(t, err, "NoSuchBucket", "does not exist")
}

func TestChunkedUploadIsPutTogether(t *testing.T) {
	cases := map[string]struct {
		body   string
		status int
	}{
		"chunks with a checksum after them": {"3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", http.StatusOK},
		"chunks with signatures":            {"5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", http.StatusOK},
		"a chunk that is cut off":           {"5\r\nhel", http.StatusBadRequest},
		"a size that is no number":          {"zz\r\nhello\r\n0\r\n\r\n", http.StatusBadRequest},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newBucket(t)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, l.url+"/box/k", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/s3/aws4_request, Signature=x")
			request.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			request.Header.Set("Content-Encoding", "aws-chunked")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != tc.status {
				t.Fatalf("status %d, want %d", response.StatusCode, tc.status)
			}
			if tc.status == http.StatusOK && l.get("k", nil) != "hello" {
				t.Errorf("object = %q", l.get("k", nil))
			}
		})
	}
}

func TestObjectIsNotOverwrittenWhenItMustNotExist(t *testing.T) {
	l := newBucket(t)
	l.put("box", "k", "first")
	in := &s3.PutObjectInput{Bucket: aws.String("box"), Key: aws.String("k"), Body: strings.NewReader("second"), IfNoneMatch: aws.String("*")}
	_, err := l.s3.PutObject(t.Context(), in)
	refused(t, err, "PreconditionFailed", "")
	if got := l.get("k", nil); got != "first" {
		t.Errorf("object = %q", got)
	}
}

func TestListingIsPagedAndFoldsFolders(t *testing.T) {
	l := newBucket(t)
	for i := range 5 {
		l.put("box", fmt.Sprintf("in/%d", i), "x")
	}
	l.put("box", "top", "x")
	var keys []string
	pages := s3.NewListObjectsV2Paginator(l.s3, &s3.ListObjectsV2Input{Bucket: aws.String("box"), MaxKeys: aws.Int32(2)})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n++
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	if want := []string{"in/0", "in/1", "in/2", "in/3", "in/4", "top"}; n != 3 || !slices.Equal(keys, want) {
		t.Errorf("%d pages: %v", n, keys)
	}
	out, err := l.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("box"), Delimiter: aws.String("/")})
	if err != nil || len(out.CommonPrefixes) != 1 || len(out.Contents) != 1 {
		t.Errorf("folded: %+v, %v", out, err)
	}
}

func TestMultipartUploadBecomesOneObject(t *testing.T) {
	l := newBucket(t)
	started, err := l.s3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("box"), Key: aws.String("big")})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n, text := range []string{"first ", "second"} {
		number := aws.Int32(int32(n + 1))
		out, err := l.s3.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String("box"), Key: aws.String("big"), UploadId: started.UploadId, PartNumber: number, Body: bytes.NewReader([]byte(text))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: number})
	}
	_, err = l.s3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: aws.String("box"), Key: aws.String("big"), UploadId: started.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.get("big", nil); got != "first second" {
		t.Errorf("object = %q", got)
	}
}

func TestBucketSettingsAreTheResourcesProperties(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "box", "VersioningConfiguration": {"Status": "Enabled"},
		"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}}}}}`
	l.create("s", template, "CREATE_COMPLETE")
	encryption, err := l.s3.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: aws.String("box")})
	if err != nil || encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAwsKms {
		t.Fatalf("encryption = %+v, %v", encryption, err)
	}
	if _, found := l.drift("s"); found["B"].StackResourceDriftStatus != "IN_SYNC" {
		t.Fatalf("drift before any change: %+v", found["B"].PropertyDifferences)
	}
	_, err = l.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("box"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}})
	if err != nil {
		t.Fatal(err)
	}
	_, found := l.drift("s")
	if d := found["B"].PropertyDifferences; len(d) != 1 || *d[0].PropertyPath != "/VersioningConfiguration/Status" || *d[0].ActualValue != "Suspended" {
		t.Errorf("drift = %+v", d)
	}
}
