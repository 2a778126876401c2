package awsconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var secretKeys = Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "s3cr3t-key", SessionToken: "s3cr3t-token"}

func TestSecretsDoNotShowHoweverTheyArePrinted(t *testing.T) {
	type holder struct {
		Name  string
		Creds Credentials
		Ptr   *Credentials
	}
	var text bytes.Buffer
	for _, v := range []any{secretKeys, &secretKeys, holder{"h", secretKeys, &secretKeys}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&text, verb+"\n", v)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	log := slog.New(slog.NewJSONHandler(&text, nil))
	log.Info("x", "c", secretKeys, "p", &secretKeys, "h", holder{"h", secretKeys, &secretKeys})
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "c", secretKeys, "h", holder{"h", secretKeys, nil})
	for _, secret := range []string{"s3cr3t", fmt.Sprintf("%x", "s3cr3t")} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q shows in:\n%s", secret, text.String())
		}
	}
	if !strings.Contains(text.String(), "AKIAEXAMPLE") {
		t.Error("the access key id, which people need, is not shown")
	}
}

func TestFromSecret(t *testing.T) {
	for name, c := range map[string]struct {
		data    map[string][]byte
		want    Credentials
		missing string
	}{
		"white space around values is dropped": {
			data: map[string][]byte{"AWS_ACCESS_KEY_ID": []byte("AKIAEXAMPLE\n"), "AWS_SECRET_ACCESS_KEY": []byte(" s3cr3t-key\r\n"), "AWS_SESSION_TOKEN": []byte("s3cr3t-token\n")},
			want: secretKeys,
		},
		"a session token is optional": {
			data: map[string][]byte{"AWS_ACCESS_KEY_ID": []byte("A"), "AWS_SECRET_ACCESS_KEY": []byte("B")},
			want: Credentials{AccessKeyID: "A", SecretAccessKey: "B"},
		},
		"an empty Secret is not the pod's identity": {missing: "AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY"},
		"a missing secret key is named": {
			data:    map[string][]byte{"AWS_ACCESS_KEY_ID": []byte("A"), "AWS_SECRET_ACCESS_KEY": []byte("\n")},
			missing: "the Secret has no AWS_SECRET_ACCESS_KEY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromSecret(c.data)
			if c.missing != "" {
				if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), c.missing) {
					t.Fatalf("error is %v, want ErrCredentials with %q", err, c.missing)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v", got.Environ(), err)
			}
		})
	}
}

func TestEnvironHandsCredentialsToAProcess(t *testing.T) {
	for _, c := range []Credentials{{}, secretKeys, {AccessKeyID: "A", SecretAccessKey: "B"}} {
		back, err := FromEnviron(c.Environ())
		if err != nil || back != c {
			t.Errorf("%v became %v, %v", c.Environ(), back.Environ(), err)
		}
	}
	want := map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}
	got := Credentials{AccessKeyID: "A", SecretAccessKey: "B"}.Environ()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDigestTellsCredentialsApart(t *testing.T) {
	a := Credentials{AccessKeyID: "AB", SecretAccessKey: "C"}.Digest()
	b := Credentials{AccessKeyID: "A", SecretAccessKey: "BC"}.Digest()
	if a == b || a != (Credentials{AccessKeyID: "AB", SecretAccessKey: "C"}).Digest() {
		t.Errorf("digests %s and %s", a, b)
	}
}

func TestPartition(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn", "us-isob-east-1": "aws-iso-b", "us-iso-east-1": "aws-iso",
	} {
		if got := Partition(region); got != want {
			t.Errorf("%s is of %s, want %s", region, got, want)
		}
	}
	if got := URLSuffix("cn-north-1"); got != "amazonaws.com.cn" {
		t.Errorf("suffix in China is %s", got)
	}
}

func TestPathStyle(t *testing.T) {
	for name, c := range map[string]struct {
		all, s3 string
		want    bool
	}{
		"AWS itself":                          {want: false},
		"a local endpoint":                    {all: "http://127.0.0.1:4566", want: true},
		"an endpoint for S3 only":             {s3: "http://minio.storage:9000", want: true},
		"a private endpoint of AWS":           {all: "https://vpce-1.s3.eu-west-1.vpce.amazonaws.com", want: false},
		"an endpoint of S3 beats the general": {all: "http://127.0.0.1:1", s3: "https://bucket.vpce.amazonaws.com", want: false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CDK_S3_FORCE_PATH_STYLE", "")
			t.Setenv("AWS_ENDPOINT_URL", c.all)
			t.Setenv("AWS_ENDPOINT_URL_S3", c.s3)
			if got := PathStyle(); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
