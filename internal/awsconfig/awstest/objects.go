package awstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Region is where the tests' resources are.
const Region = "eu-central-1"

// config is for what a test does behind the operator's back.
func (s *Server) config() aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: &s.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
	}
}

// S3 is a client of the local S3.
func (s *Server) S3() *s3.Client {
	return s3.NewFromConfig(s.config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// Bucket makes a bucket.
func (s *Server) Bucket(tb testing.TB, name string) {
	tb.Helper()
	_, err := s.S3().CreateBucket(tb.Context(), &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: Region},
	})
	if err != nil {
		tb.Fatalf("create bucket %s: %v", name, err)
	}
}

// Put stores an object and returns the URL that CloudFormation reads it by.
func (s *Server) Put(tb testing.TB, bucket, key, content string) string {
	tb.Helper()
	_, err := s.S3().PutObject(tb.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	if err != nil {
		tb.Fatalf("put %s/%s: %v", bucket, key, err)
	}
	return "https://s3." + Region + ".amazonaws.com/" + bucket + "/" + key
}

// Get reads an object.
func (s *Server) Get(tb testing.TB, bucket, key string) (content []byte, contentType string) {
	tb.Helper()
	out, err := s.S3().GetObject(tb.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		tb.Fatalf("get %s/%s: %v", bucket, key, err)
	}
	defer out.Body.Close()
	content, err = io.ReadAll(out.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return content, aws.ToString(out.ContentType)
}

// Parameter sets an SSM parameter.
func (s *Server) Parameter(tb testing.TB, name, value string) {
	tb.Helper()
	_, err := ssm.NewFromConfig(s.config()).PutParameter(tb.Context(), &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		tb.Fatalf("put parameter %s: %v", name, err)
	}
}

// Encrypt sets a bucket's default encryption to a KMS key.
func (s *Server) Encrypt(tb testing.TB, bucket, key string) {
	tb.Helper()
	_, err := s.S3().PutBucketEncryption(tb.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &bucket,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key},
		}}},
	})
	if err != nil {
		tb.Fatalf("encrypt bucket %s: %v", bucket, err)
	}
}

// Role makes an IAM role with a trust policy, and returns its ARN.
func (s *Server) Role(tb testing.TB, name, trust string) string {
	tb.Helper()
	form := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust}}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	if data, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		tb.Fatalf("make role %s: %s: %s, %v", name, answer.Status, data, err)
	}
	return "arn:aws:iam::" + Account + ":role/" + name
}

// TaggedTrust is a trust policy that wants a session tag, and allows tags.
func TaggedTrust(key, value string) string {
	return fmt.Sprintf(`{"Statement": [
		{"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"AWS": "*"}},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:RequestTag/%s": %q}}}]}`, key, value)
}
