package runner

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
)

func TestRedactorHidesASecretInEveryForm(t *testing.T) {
	const secret = "s3cr/t+pass word=ü"
	quoted, _ := json.Marshal(`say "` + secret + `"`)
	r := NewRedactor(secret, "abc")
	for name, text := range map[string]string{
		"plain":                      "the password is " + secret + ".",
		"twice":                      secret + secret,
		"percent-encoded, as a form": "token=" + url.QueryEscape(secret),
		"percent-encoded, as a path": "/x/" + url.PathEscape(secret) + "/y",
		"percent-encoded, small hex": percents.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower),
		"in JSON":                    string(quoted),
		"base64":                     base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 for URLs, unpadded":  base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"base64 of user:password":    "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secret)),
		"base64, one byte before":    base64.StdEncoding.EncodeToString([]byte("x" + secret + "tail")),
		"base64, two bytes before":   base64.StdEncoding.EncodeToString([]byte("xy" + secret + "tail")),
	} {
		t.Run(name, func(t *testing.T) {
			got := r.String(text)
			if !strings.Contains(got, blot) {
				t.Errorf("%q became %q, nothing was hidden", text, got)
			}
			if strings.Contains(got, secret) {
				t.Errorf("%q shows the secret", got)
			}
			if middle := base64.StdEncoding.EncodeToString([]byte("xyz" + secret))[6:16]; strings.Contains(got, middle) {
				t.Errorf("%q shows the secret in base64", got)
			}
		})
	}
}

func TestRedactorHidesWhatLooksSecret(t *testing.T) {
	r := NewRedactor()
	for name, c := range map[string]struct{ text, want string }{
		"an access key id":      {"key AKIAIOSFODNN7EXAMPLE is bad", "key *** is bad"},
		"a temporary key id":    {"ASIAIOSFODNN7EXAMPLE", "***"},
		"a secret key":          {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = ***"},
		"a session token":       {`"SessionToken": "IQoJb3JpZ2luX2VjEXAMPLE"`, `"SessionToken": "***"`},
		"a presigned URL":       {"https://b.s3.amazonaws.com/k?X-Amz-Signature=0123abc&x=y", "https://b.s3.amazonaws.com/k?X-Amz-Signature=***&x=y"},
		"a password in a URL":   {"https://bob:hunter2@example.com/x", "https://bob:***@example.com/x"},
		"a private key":         {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"},
		"nothing secret":        {"npm warn deprecated inflight@1.0.6: key=value https://example.com:8080/a@b", "npm warn deprecated inflight@1.0.6: key=value https://example.com:8080/a@b"},
		"an ARN and an account": {"arn:aws:iam::123456789012:role/deploy", "arn:aws:iam::123456789012:role/deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.String(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRedactorHidesEveryLineOfAKey(t *testing.T) {
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACDexample\n-----END OPENSSH PRIVATE KEY-----\n"
	r := Secrets{SSHPrivateKey: []byte(key)}.Redactor("")
	if got := r.String("line: QyNTUxOQAAACDexample!"); got != "line: ***!" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorHidesThePasswordOfTheRepository(t *testing.T) {
	r := Secrets{}.Redactor("https://bob:hunter22@example.com/x.git")
	if got := r.String("login hunter22 failed"); got != "login *** failed" {
		t.Errorf("got %q", got)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	s := Secrets{Password: "hunter22", AWS: map[string]string{"AWS_SECRET_ACCESS_KEY": "sesame"}}
	for _, text := range []string{s.String(), s.GoString(), s.LogValue().String()} {
		if text != "secrets(hidden)" {
			t.Errorf("secrets print as %q", text)
		}
	}
}

func TestLogHidesSecretsThatComeInPieces(t *testing.T) {
	const secret = "open-sesame-open-sesame"
	for name, pieces := range map[string][]string{
		"split over two writes":         {"the word is open-sesame", "-open-sesame, psst\n"},
		"without a newline":             {"the word is " + secret},
		"at the end of an endless line": {strings.Repeat("x", maxLine-8) + secret + strings.Repeat("y", maxLine)},
		"across the place of the cut":   {strings.Repeat("x", maxLine+10) + secret + strings.Repeat("y", maxLine) + "\nnext\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := Dir(t.TempDir())
			log, err := OpenLog(dir, NewRedactor(secret))
			if err != nil {
				t.Fatal(err)
			}
			w := log.Writer(StepCloning)
			for _, p := range pieces {
				if _, err := w.Write([]byte(p)); err != nil {
					t.Fatal(err)
				}
			}
			_ = w.Close()
			_ = log.Close()
			data, err := os.ReadFile(dir.Log(0))
			if err != nil || len(data) == 0 {
				t.Fatalf("log of %d bytes, %v", len(data), err)
			}
			if strings.Contains(string(data), "open-s") {
				t.Error("the log shows the secret, or its beginning")
			}
		})
	}
}

func TestLogHidesAPrivateKeyLineByLine(t *testing.T) {
	dir := Dir(t.TempDir())
	log, err := OpenLog(dir, NewRedactor())
	if err != nil {
		t.Fatal(err)
	}
	log.Printf(StepInstalling, "before\n-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\nafter")
	_ = log.Close()
	data, _ := os.ReadFile(dir.Log(0))
	want := "[Installing] before\n[Installing] -----BEGIN PRIVATE KEY-----***\n[Installing] after\n"
	if string(data) != want {
		t.Errorf("the log is %q, want %q", data, want)
	}
}

func BenchmarkRedact(b *testing.B) {
	r := NewRedactor("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE", strings.Repeat("token", 200))
	line := strings.Repeat("added 312 packages, and audited 313 in 4s ", 3)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		r.String(line)
	}
}
