package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var percents = regexp.MustCompile(`%[0-9A-F]{2}`)

// secret has what each encoding finds hard.
const secret = `s3cr/t+pa'ss "wo\rd" <a&b>=ü$x%41`

func TestRedactorHidesASecretInEveryForm(t *testing.T) {
	plainJSON := func(s string) string { data, _ := json.Marshal(s); return string(data) }
	r := New(secret, "abc")
	for name, text := range map[string]string{
		"plain":                        "the password is " + secret + ".",
		"twice":                        secret + secret,
		"percent-encoded, as a form":   "token=" + url.QueryEscape(secret),
		"percent-encoded, as a path":   "/x/" + url.PathEscape(secret) + "/y",
		"percent-encoded, small hex":   percents.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower),
		"percent-encoded twice":        url.QueryEscape(url.QueryEscape(secret)),
		"encodeURI":                    strings.NewReplacer(" ", "%20", `"`, "%22", `\`, "%5C", "<", "%3C", ">", "%3E", "ü", "%C3%BC", "%", "%25").Replace(secret),
		"in JSON":                      plainJSON(`say "` + secret + `"`),
		"in JSON, ASCII only":          strings.ReplaceAll(plainJSON(secret), "ü", `\u00FC`),
		"in JSON, slashes escaped":     strings.ReplaceAll(plainJSON(secret), "/", `\/`),
		"in JSON in JSON":              plainJSON(plainJSON(secret)),
		"in HTML":                      html.EscapeString(secret),
		"with colours":                 secret[:4] + "\x1b[31m" + secret[4:12] + "\x1b[0m" + secret[12:],
		"hex":                          hex.EncodeToString([]byte("xy" + secret)),
		"hex, capital":                 strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"base64 in a URL":              url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(secret))),
		"base64 of JSON":               base64.StdEncoding.EncodeToString([]byte(`{"password":` + plainJSON(secret) + `}`)),
		"base64 of base64":             base64.StdEncoding.EncodeToString([]byte(`{"auth":"` + base64.StdEncoding.EncodeToString([]byte("joe:"+secret)) + `"}`)),
		"base64, wrapped, in JSON":     plainJSON(wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", 30)+secret)), 64)),
		"base64 of user and password":  "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secret)),
		"base64 for URLs, unpadded":    base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"base64 with indented wraps":   strings.ReplaceAll(wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", 31)+secret)), 76), "\n", "\n    "),
		"base64 with carriage returns": strings.ReplaceAll(wrap(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", 32)+secret)), 76), "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) { wantHidden(t, r.String(text), text) })
	}
}

// wantHidden decodes what is left of a text in all ways, and looks for pieces of
// the secret.
func wantHidden(t *testing.T, got, text string) {
	t.Helper()
	if !strings.Contains(got, Mark) {
		t.Fatalf("%q became %q, nothing was hidden", text, got)
	}
	left := []string{got, html.UnescapeString(got)}
	if s, err := url.QueryUnescape(got); err == nil {
		left = append(left, s)
	}
	for _, run := range regexp.MustCompile(`[0-9A-Za-z+/_-]{8,}`).FindAllString(got, -1) {
		std := strings.NewReplacer("-", "+", "_", "/").Replace(run)
		for from := range 4 {
			data, _ := base64.RawStdEncoding.DecodeString(std[from : from+(len(std)-from)/4*4])
			left = append(left, string(data))
		}
		for from := range 2 {
			data, _ := hex.DecodeString(run[from : from+(len(run)-from)/2*2])
			left = append(left, string(data))
		}
	}
	for from := range len(secret) - 5 {
		for _, l := range left {
			if strings.Contains(l, secret[from:from+5]) {
				t.Fatalf("%q of the secret is left in %q", secret[from:from+5], got)
			}
		}
	}
}

func wrap(s string, columns int) string {
	var lines []string
	for ; len(s) > columns; s = s[columns:] {
		lines = append(lines, s[:columns])
	}
	return strings.Join(append(lines, s), "\n")
}

func TestRedactorHidesBase64WhereverItIsWrapped(t *testing.T) {
	r := New(secret)
	for _, columns := range []int{60, 64, 76} {
		for before := range 80 {
			text := strings.Repeat("-", before) + secret + strings.Repeat("+", before%7)
			wantHidden(t, r.String(wrap(base64.StdEncoding.EncodeToString([]byte(text)), columns)), text)
			wantHidden(t, r.String(wrap(base64.RawURLEncoding.EncodeToString([]byte(text)), columns)), text)
			wantHidden(t, r.String(wrap(hex.EncodeToString([]byte(text)), columns)), text)
		}
	}
}

// TestRedactorHidesWhatToolsPrint has the tools themselves write the secret.
func TestRedactorHidesWhatToolsPrint(t *testing.T) {
	r := New(secret)
	for name, script := range map[string]string{
		"bash tracing":       `set -x; : "the password is $SECRET"`,
		"bash printf %q":     `printf '%q\n' "$SECRET"`,
		"bash @Q":            `printf '%s\n' "${SECRET@Q}"`,
		"bash declare":       `declare -p SECRET`,
		"bash, control char": `X=$SECRET$'\t'; printf '%q\n' "$X"; set -x; : "$X"`,
		"sh tracing":         `sh -xc ': "$SECRET"'`,
		"base64":             `printf 'xyz%s' "$SECRET$SECRET" | base64`,
		"base64 -w 64":       `printf 'x%s' "$SECRET$SECRET" | base64 -w 64`,
		"openssl base64":     `printf 'xx%s' "$SECRET$SECRET" | openssl base64`,
		"xxd -p":             `printf '%s' "$SECRET" | xxd -p`,
		"xxd -p -u":          `printf '%s' "$SECRET" | xxd -p -u`,
		"jq":                 `jq -n 'env.SECRET'`,
		"jq -a":              `jq -an 'env.SECRET'`,
		"jq @uri":            `jq -rn 'env.SECRET|@uri'`,
		"jq @sh":             `jq -rn 'env.SECRET|@sh'`,
		"jq @html":           `jq -rn 'env.SECRET|@html'`,
		"jq @json in JSON":   `jq -n '{a: (env.SECRET|@json)}'`,
		"jq @base64":         `jq -rn 'env.SECRET|@base64'`,
		"python repr":        `python3 -c 'import os; print(repr(os.environ["SECRET"]))'`,
		"python bytes":       `python3 -c 'import os; print(os.environb[b"SECRET"])'`,
		"python quote":       `python3 -c 'import os, shlex, urllib.parse as u; s=os.environ["SECRET"]; print(u.quote(s)); print(u.quote_plus(s)); print(shlex.quote(s))'`,
	} {
		t.Run(name, func(t *testing.T) {
			for tool := range strings.FieldsSeq("base64 openssl xxd jq python3") {
				if _, err := exec.LookPath(tool); err != nil && strings.Contains(script, tool) {
					t.Skip(tool + " is not here")
				}
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
			cmd.Env = append(cmd.Environ(), "SECRET="+secret, "LC_ALL=C.UTF-8")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			wantHidden(t, r.String(string(out)), string(out))
		})
	}
}

func TestRedactorHidesWhatLooksSecret(t *testing.T) {
	r := New()
	for name, c := range map[string]struct{ text, want string }{
		"an access key id":      {"key AKIAIOSFODNN7EXAMPLE is bad", "key *** is bad"},
		"a temporary key id":    {"ASIAIOSFODNN7EXAMPLE", "***"},
		"a secret key":          {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = ***"},
		"a session token":       {`"SessionToken": "IQoJb3JpZ2luX2VjEXAMPLE"`, `"SessionToken": "***"`},
		"one in nested JSON":    {`"{\"SessionToken\": \"IQoJb3JpZ2luX2VjEXAMPLE\"}"`, `"{\"SessionToken\": \"***\"}"`},
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
	r := New("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACDexample\n-----END OPENSSH PRIVATE KEY-----\n")
	if got := r.String("line: QyNTUxOQAAACDexample!"); got != "line: ***!" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorLeavesTheRestAlone(t *testing.T) {
	r := New("hunter22", "s3cr3t-t0ken")
	for _, text := range []string{
		"100%", "50% done, \\n is a newline", "C:\\Users\\joe", "a&b&amp;c", "don't", "\x1b[32mok\x1b[0m",
		"ca6c8b2fbd6d0e1e52ea7b1dc4a6ddbe2bcf3a11", "data: aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk", "ünïcödé \xff\xfe",
	} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got := r.String(text + " hunter22 " + text); got != text+" *** "+text {
			t.Errorf("%q became %q", text+" hunter22 "+text, got)
		}
	}
}

func TestRedactorLearns(t *testing.T) {
	r := New("hunter22")
	if got := r.String("hunter22 npm_token4711"); got != "*** npm_token4711" {
		t.Errorf("before: %q", got)
	}
	r.Learn("npm_token4711", "x")
	if got := r.String("hunter22 npm_token4711 x"); got != "*** *** x" {
		t.Errorf("after: %q", got)
	}
}

func BenchmarkRedact(b *testing.B) {
	key := make([]string, 0, 40)
	for i := range 40 {
		key = append(key, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i), byte(i * 7), byte(i * 31)}, 16)))
	}
	r := New("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE", strings.Repeat("token", 200), strings.Join(key, "\n"))
	for name, line := range map[string]string{
		"words": strings.Repeat("added 312 packages, and audited 313 in 4s ", 3),
		"paths": "npm http fetch GET 200 https://registry.npmjs.org/@aws-sdk%2fclient-s3 1412ms (cache miss)",
		"json":  `{"level":"info","msg":"request \"GET /index.html\" served","path":"C:\\Users\\joe","took":0.35}`,
	} {
		b.Run(name, func(b *testing.B) {
			out := 0
			w := r.Lines(func(line []byte) { out += len(line) })
			data := []byte(strings.Repeat(line+"\n", 200))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _ = w.Write(data)
			}
		})
	}
}
