package awstest

import (
	"bytes"
	"encoding/json"
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

// DeleteTemplate deletes the object that a template's URL names.
func (s *Server) DeleteTemplate(tb testing.TB, templateURL string) {
	tb.Helper()
	at, err := url.Parse(templateURL)
	if err != nil {
		tb.Fatal(err)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(at.Path, "/"), "/")
	if _, err := s.S3().HeadObject(tb.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		tb.Fatalf("%s: %v", templateURL, err)
	}
	if _, err := s.S3().DeleteObject(tb.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		tb.Fatal(err)
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

// Role makes an IAM role with a trust policy, and returns its ARN. More are
// further parameters of CreateRole, each followed by its value.
func (s *Server) Role(tb testing.TB, name, trust string, more ...string) string {
	tb.Helper()
	form := url.Values{"Action": {"CreateRole"}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	s.iam(tb, "AKIATEST", form)
	return "arn:aws:iam::" + Account + ":role/" + name
}

// RoleOf makes a role in the account of an access key.
func (s *Server) RoleOf(tb testing.TB, key, name, trust string) {
	tb.Helper()
	s.iam(tb, key, url.Values{"Action": {"CreateRole"}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust}})
}

// DeleteRole deletes a role.
func (s *Server) DeleteRole(tb testing.TB, name string) {
	tb.Helper()
	s.iam(tb, "AKIATEST", url.Values{"Action": {"DeleteRole"}, "RoleName": {name}})
}

// Issuer has the world know the keys of an OIDC issuer, and the account trust
// its tokens that are made out to STS.
func (s *Server) Issuer(tb testing.TB, issuer string, keys json.RawMessage) {
	tb.Helper()
	body, err := json.Marshal(map[string]json.RawMessage{issuer: keys})
	if err != nil {
		tb.Fatal(err)
	}
	s.do(tb, http.MethodPut, "/_localaws/issuers", body)
	s.iam(tb, "AKIATEST", url.Values{"Action": {"CreateOpenIDConnectProvider"}, "Url": {issuer}, "ClientIDList.member.1": {"sts.amazonaws.com"}})
}

// iam makes a call of IAM with an access key.
func (s *Server) iam(tb testing.TB, key string, form url.Values) {
	tb.Helper()
	form.Set("Version", "2010-05-08")
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	if data, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %s: %s, %v", form.Get("Action"), answer.Status, data, err)
	}
}

// Trust is a trust policy that lets a principal of IAM, such as an ARN, assume a
// role, on a condition if that is not "".
func Trust(principal, condition string) string {
	return trust("sts:AssumeRole", `{"AWS": "`+principal+`"}`, condition)
}

// WebTrust is a trust policy that lets whom a token of an OIDC issuer names assume a
// role.
func WebTrust(issuer, subject string) string {
	host := strings.TrimPrefix(issuer, "https://")
	return trust("sts:AssumeRoleWithWebIdentity", `{"Federated": "arn:aws:iam::`+Account+`:oidc-provider/`+host+`"}`,
		`{"StringEquals": {"`+host+`:sub": "`+subject+`", "`+host+`:aud": "sts.amazonaws.com"}}`)
}

func trust(action, principal, condition string) string {
	if condition == "" {
		condition = "{}"
	}
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": %q, "Principal": %s, "Condition": %s}]}`, action, principal, condition)
}

// TaggedTrust is a trust policy that wants a session tag, and allows tags.
func TaggedTrust(key, value string) string {
	return fmt.Sprintf(`{"Statement": [
		{"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"AWS": "*"}},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:RequestTag/%s": %q}}}]}`, key, value)
}
