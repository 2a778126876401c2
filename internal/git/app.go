package git

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// App is a GitHub App's installation, which reads repositories with tokens
// that live for an hour. The zero value is none. It never prints.
type App struct {
	// ID is the App's number, or its client ID.
	ID string
	// InstallationID is the number of the installation in the organization.
	InstallationID string
	// PrivateKey is the App's RSA key in PEM form.
	PrivateKey []byte
	// BaseURL is where the API is: https://api.github.com when empty, and
	// https://HOST/api/v3 on a GitHub Enterprise Server.
	BaseURL string
}

// The keys of a Secret that describe a GitHub App.
const (
	appIDKey           = "githubAppID"
	appInstallationKey = "githubAppInstallationID"
	appPrivateKeyKey   = "githubAppPrivateKey"
	appBaseURLKey      = "githubAppBaseURL"
)

const defaultAppBaseURL = "https://api.github.com"

// AppFromSecret reads a GitHub App from a Secret's data; the zero App when the
// Secret describes none. One that is described in part is an error of kind
// ErrInvalid that names the missing key.
func AppFromSecret(data map[string][]byte) (App, error) {
	text := func(key string) string { return strings.TrimSpace(string(data[key])) }
	a := App{ID: text(appIDKey), InstallationID: text(appInstallationKey), BaseURL: text(appBaseURLKey)}
	if key := text(appPrivateKeyKey); key != "" {
		a.PrivateKey = []byte(key)
	}
	if a.IsZero() {
		return App{}, nil
	}
	for key, missing := range map[string]bool{
		appIDKey: a.ID == "", appInstallationKey: a.InstallationID == "", appPrivateKeyKey: len(a.PrivateKey) == 0,
	} {
		if missing {
			return App{}, invalid("the Secret describes a GitHub App and has no key %s: add it", key)
		}
	}
	return a, a.validate()
}

// IsZero reports whether a is no App.
func (a App) IsZero() bool {
	return a.ID == "" && a.InstallationID == "" && len(a.PrivateKey) == 0 && a.BaseURL == ""
}

// String shows nothing but that there is an App.
func (a App) String() string { return "github app(hidden)" }

// Format keeps every verb of fmt from showing the key.
func (a App) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.String())) }

var (
	appID          = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	installationID = regexp.MustCompile(`^[0-9]{1,20}$`)
)

func (a App) validate() error {
	if !appID.MatchString(a.ID) {
		return invalid("%s is not the number or client ID of a GitHub App", appIDKey)
	}
	if !installationID.MatchString(a.InstallationID) {
		return invalid("%s is not a number; it is the last part of the address of the installation's page", appInstallationKey)
	}
	if _, err := a.key(); err != nil {
		return err
	}
	_, err := a.api()
	return err
}

// api is where tokens are asked for. Only https will do: a token comes back.
func (a App) api() (*url.URL, error) {
	if a.BaseURL == "" {
		return url.Parse(defaultAppBaseURL)
	}
	u, err := url.Parse(a.BaseURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || hasControl(a.BaseURL) {
		return nil, invalid("%s is not the https address of a GitHub API, such as https://HOST/api/v3", appBaseURLKey)
	}
	return u, nil
}

func (a App) key() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(tidyPEM(a.PrivateKey))
	if block == nil {
		return nil, invalid("%s holds no PEM private key; put in the .pem file that GitHub made for the App", appPrivateKeyKey)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, invalid("%s is not an unencrypted RSA private key; put in the .pem file that GitHub made for the App", appPrivateKeyKey)
	}
	return key, nil
}

// serves says whether tokens of the App may be shown to a repository's host:
// only the one whose API they come from.
func (a App) serves(r Repository) error {
	api, err := a.api()
	if err != nil {
		return err
	}
	if r.scheme != "https" {
		return invalid("%s is not read over https, which a GitHub App needs; write https://HOST/org/repo.git", r)
	}
	host := hostname(r.host)
	if api.Hostname() != host && api.Hostname() != "api."+host {
		return invalid("%s is not on the GitHub that %s belongs to, so the App's token is not sent there; on an Enterprise Server set %s to https://%s/api/v3", r, api.Hostname(), appBaseURLKey, host)
	}
	return nil
}

func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }

// holder names the App without giving its key away: who has it may use the
// mirrors that its tokens filled.
func (a App) holder() string {
	sum := sha256.New()
	for _, part := range []string{a.ID, a.InstallationID, a.BaseURL, string(a.PrivateKey)} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return "github-app:" + hex.EncodeToString(sum.Sum(nil))
}

// jwt proves to GitHub that the App asks. It lives for nine minutes, one less
// than GitHub allows, and began a minute ago, for clocks that differ.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (a App) jwt(now time.Time) (string, error) {
	key, err := a.key()
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix(), "iss": a.ID})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", invalid("%s cannot sign; a GitHub App's key has at least 2048 bits", appPrivateKeyKey)
	}
	return signed + "." + encode(signature), nil
}
