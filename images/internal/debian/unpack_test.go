package debian

import (
	"strings"
	"testing"

	"awscdk.dev/operator/images/internal/recipe"
	"awscdk.dev/operator/images/internal/rootfs"
)

func TestStrip(t *testing.T) {
	strip := Strip{Drop: []string{"usr/share/doc", "usr/lib/*/gconv", "usr/bin/py3*"}, Keep: []string{"usr/share/doc/*/copyright"}}
	for name, dropped := range map[string]bool{
		"usr/share/doc":                       true,
		"usr/share/doc/bash/README":           true,
		"usr/share/doc/bash/copyright":        false,
		"usr/share/documents":                 false,
		"usr/lib/x86_64-linux-gnu/gconv/A.so": true,
		"usr/lib/gconv":                       false,
		"usr/bin/py3clean":                    true,
		"usr/bin/python3":                     false,
	} {
		if got := strip.Drops(name); got != dropped {
			t.Errorf("%s is dropped: %t", name, got)
		}
	}
}

func TestWhatIsNoPackageIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":                            "",
		"a web page":                         "<html>Not found</html>",
		"an archive without members":         "!<arch>\n",
		"an archive that ends in the middle": "!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.",
	} {
		t.Run(name, func(t *testing.T) {
			err := Unpack(make(rootfs.Tree), []byte(content), recipe.DebianPackage{Name: "x", Path: "pool/x.deb"}, Strip{})
			if err == nil || !strings.Contains(err.Error(), "pool/x.deb") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	tree := make(rootfs.Tree)
	if _, err := Certificates(tree); err == nil {
		t.Error("a bundle without a certificate was made")
	}
	tree.Write("usr/share/ca-certificates/mozilla/B.crt", 0o644, []byte("B\n\n"))
	tree.Write("usr/share/ca-certificates/mozilla/A.crt", 0o644, []byte("A"))
	tree.Write("usr/share/ca-certificates/mozilla/README", 0o644, []byte("no certificate"))
	if bundle, err := Certificates(tree); err != nil || string(bundle) != "A\nB\n" {
		t.Errorf("%v: %q", err, bundle)
	}
}
