package debian

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/images/internal/recipe"
)

// packageList is an archive in which git wants two packages that nobody needs,
// and aws shares one with git.
const packageList = `Package: git
Version: 1:2.0-1
Architecture: amd64
Depends: libc (>= 2), perl, git-man (>> 1:2.0), git-man (<< 1:2.0-.)
Filename: pool/git_2.0-1+b1_amd64.deb
Size: 10
SHA256: 1111111111111111111111111111111111111111111111111111111111111111

Package: libc
Version: 2.41-1
Architecture: amd64
Source: glibc (2.41-1)
Filename: pool/libc_2.41-1_amd64.deb
Size: 20
SHA256: 2222222222222222222222222222222222222222222222222222222222222222

Package: perl
Version: 5.40-1
Architecture: amd64
Depends: perl-modules
Filename: pool/perl_5.40-1_amd64.deb
Size: 30
SHA256: 3333333333333333333333333333333333333333333333333333333333333333

Package: perl-modules
Version: 5.40-1
Architecture: all
Filename: pool/perl-modules_5.40-1_all.deb
Size: 30
SHA256: 4444444444444444444444444444444444444444444444444444444444444444

Package: git-man
Version: 1:2.0-1
Architecture: all
Multi-Arch: foreign
Filename: pool/git-man_2.0-1_all.deb
Size: 40
SHA256: 5555555555555555555555555555555555555555555555555555555555555555

Package: aws
Version: 2.23-1
Architecture: all
Depends: libc
Filename: pool/aws_2.23-1_all.deb
Size: 50
SHA256: 6666666666666666666666666666666666666666666666666666666666666666
`

func key(t *testing.T) *openpgp.Entity {
	t.Helper()
	entity, err := openpgp.NewEntity("Archive", "", "archive@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return entity
}

// archive serves a signed archive; list is what the mirror gives as its list of
// packages, which may not be the one that was signed.
func archive(t *testing.T, signer *openpgp.Entity, list string) *httptest.Server {
	t.Helper()
	release := fmt.Sprintf("Origin: Test\nSuite: trixie\nCodename: trixie\nDate: Sun, 01 Nov 2026 00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n %x %d main/binary-amd64/Packages\n",
		sha256.Sum256([]byte(packageList)), len(packageList))
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, signer.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, release)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"/debian/dists/trixie/InRelease": signed.String(), "/debian/dists/trixie/main/binary-amd64/Packages": list,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, content)
	}))
	t.Cleanup(server.Close)
	return server
}

func apt(t *testing.T, trusted *openpgp.Entity, server *httptest.Server) Apt {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("this machine has no apt; \"make images-lock\" says so, too")
	}
	keys := t.TempDir()
	var public bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := trusted.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(keys, "archive.asc"), append(public.Bytes(), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	return Apt{
		Dir: filepath.Join(t.TempDir(), "apt"), Keys: keys, Log: t.Output(),
		Mirrors: map[string]string{"debian": server.URL + "/debian"},
		Recipe: &recipe.Recipe{
			Debian: recipe.Debian{
				Sources: []recipe.Source{{Archive: "debian", Suites: []string{"trixie"}}},
				Exclude: map[string]string{"perl": "not needed", "git-man": "not needed"},
			},
			Groups: []recipe.Group{{Name: "tools", Packages: []string{"git"}}, {Name: "aws", Packages: []string{"aws"}}},
		},
	}
}

func TestResolve(t *testing.T) {
	signer := key(t)
	got, err := apt(t, signer, archive(t, signer, packageList)).Resolve(t.Context(), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	want := []recipe.DebianPackage{
		{Group: "tools", Name: "git", Version: "1:2.0-1", Source: "git", Architecture: "amd64", Archive: "debian", Path: "pool/git_2.0-1+b1_amd64.deb", Size: 10, SHA256: strings.Repeat("1", 64)},
		{Group: "tools", Name: "libc", Version: "2.41-1", Source: "glibc", Architecture: "amd64", Archive: "debian", Path: "pool/libc_2.41-1_amd64.deb", Size: 20, SHA256: strings.Repeat("2", 64)},
		{Group: "aws", Name: "aws", Version: "2.23-1", Source: "aws", Architecture: "all", Archive: "debian", Path: "pool/aws_2.23-1_all.deb", Size: 50, SHA256: strings.Repeat("6", 64)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestResolveTrustsOnlyWhatIsSigned(t *testing.T) {
	signer, other := key(t), key(t)
	changed := strings.Replace(packageList, strings.Repeat("2", 64), strings.Repeat("7", 64), 1)
	tests := map[string]struct {
		trusted *openpgp.Entity
		list    string
	}{
		"an archive that another key signed": {other, packageList},
		"a list that is not the signed one":  {signer, changed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := apt(t, test.trusted, archive(t, signer, test.list)).Resolve(t.Context(), "amd64"); err == nil {
				t.Errorf("these packages were locked: %v", got)
			}
		})
	}
}

func TestResolveNamesWhatIsNotThere(t *testing.T) {
	signer := key(t)
	a := apt(t, signer, archive(t, signer, packageList))
	a.Recipe.Groups[0].Packages = []string{"gti"}
	_, err := a.Resolve(t.Context(), "amd64")
	if err == nil || !strings.Contains(err.Error(), "gti") {
		t.Errorf("error %v", err)
	}
}
