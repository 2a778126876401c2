//go:build built

package built

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/images/internal/recipe"
)

// These tests are of what "make images" wrote; "make images-test" runs both.
const dist = "../../../dist/images"

// here is the architecture whose programs this machine can run.
const here = runtime.GOARCH

func images(t *testing.T, name string) map[string]v1.Image {
	t.Helper()
	index, err := Index(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Images(index)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func run(t *testing.T, root string, image v1.Image, script string) string {
	t.Helper()
	output, err := tryRun(t, root, image, script)
	if err != nil {
		t.Error(err)
	}
	return output
}

func tryRun(t *testing.T, root string, image v1.Image, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return Run(ctx, root, image, "/bin/bash", "-euo", "pipefail", "-c", script)
}

func TestRunnersTools(t *testing.T) {
	image, root := unpacked(t, "runner")
	tests := map[string]struct{ script, want string }{
		"aws":      {"aws --version", `^aws-cli/2\.`},
		"aws asks": {"aws sts get-caller-identity --region eu-west-1 --endpoint-url http://127.0.0.1:9 2>&1 || true", `Unable to locate credentials|Could not connect`},
		"kubectl":  {"kubectl version --client", `Client Version: v1\.37\.2`},
		"node":     {"node --version", `^v24\.`},
		"node TLS": {"node -e 'console.log(require(\"tls\").rootCertificates.length > 100)'", `^true`},
		"npm":      {"npm --version", `^11\.`},
		"npx":      {"npx --version", `^11\.`},
		"pnpm":     {"pnpm --version", `^10\.`},
		"yarn":     {"yarn --version", `^1\.22\.`},
		"corepack": {"corepack --version", `^0\.`},
		"cdk":      {"cdk --version", `^2\.1148\.1 `},
		"operator": {"awscdk-operator version", `^awscdk-operator \S+ go1\.26`},
		"ssh":      {"ssh -V 2>&1", `^OpenSSH_`},
		"ssh-keygen, which needs its user's name": {"ssh-keygen -q -t ed25519 -N '' -f /tmp/key && ssh-keygen -lf /tmp/key", `ED25519`},
		"git clone": {
			"git init -q /tmp/a && cd /tmp/a && echo x > f && git add f && git -c user.name=n -c user.email=e commit -qm m && git clone -q /tmp/a /tmp/b && cat /tmp/b/f",
			`^x$`,
		},
		"jq":          {`echo '{"a":[1,2]}' | jq -c .a`, `^\[1,2\]`},
		"openssl":     {"openssl rand -hex 4; openssl dgst -sha256 /etc/passwd", `(?s)^[0-9a-f]{8}.*SHA2-256\(/etc/passwd\)`},
		"nc":          {"(echo hello | nc -l -N 127.0.0.1 18765 &) ; sleep 1; nc -N 127.0.0.1 18765 < /dev/null", `^hello`},
		"awk":         {`echo a b | awk '{ print $2 }'`, `^b$`},
		"sed, grep":   {`printf 'one\ntwo\n' | grep tw | sed s/tw/t/`, `^to$`},
		"tar, gzip":   {"cd /tmp && tar -czf x.tgz -C /etc passwd && tar -xzOf x.tgz passwd | head -1", `^root:`},
		"tar, xz":     {"cd /tmp && tar -cJf x.txz -C /etc passwd && tar -xJOf x.txz passwd | head -1", `^root:`},
		"zip, unzip":  {"cd /tmp && zip -q x.zip /etc/passwd && unzip -p x.zip etc/passwd | head -1", `^root:`},
		"time zones":  {"TZ=Europe/Berlin date -d 2026-07-01T00:00:00Z +%H%Z", `^02CEST$`},
		"UTF-8":       {`x=grün; echo ${#x}`, `^4$`},
		"find, xargs": {"find /etc -maxdepth 1 -name passwd -print0 | xargs -0 wc -l", `/etc/passwd`},
		"ps":          {"ps -e | grep -c ps", `^[1-9]`},
		"python":      {"python3 -c 'import ssl, sqlite3; print(ssl.OPENSSL_VERSION)'", `^OpenSSL 3`},
		"licences":    {"ls /usr/share/doc/bash/copyright /usr/share/doc/nodejs/copyright", `copyright`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if output := run(t, root, image, test.script); !regexp.MustCompile(test.want).MatchString(strings.TrimSpace(output)) {
				t.Errorf("it wrote\n%s\nwhich does not match %s", output, test.want)
			}
		})
	}
}

func TestRunnerIsNoRootAndCannotWrite(t *testing.T) {
	image, root := unpacked(t, "runner")
	if os.Geteuid() == 0 {
		if got := strings.TrimSpace(run(t, root, image, "id -u; id -un")); got != "65532\nnonroot" {
			t.Errorf("the user is %q", got)
		}
	}
	for _, file := range []string{"/x", "/usr/local/bin/x", "/etc/x", "/home/nonroot/x", "/workspace/x"} {
		if output, err := tryRun(t, root, image, "echo > "+file); err == nil || !strings.Contains(output, "Read-only file system") {
			t.Errorf("write %s: %v %s", file, err, output)
		}
	}
}

// Everything that the recipe promises is there, and every command that the
// examples' hooks call.
func TestRunnersCommands(t *testing.T) {
	image, root := unpacked(t, "runner")
	r, err := recipe.Load("../../recipe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wanted := append(slices.Clone(r.Executables), hookCommands(t)...)
	if len(wanted) < len(r.Executables)+10 {
		t.Fatalf("the examples' hooks call only %q", wanted[len(r.Executables):])
	}
	output := run(t, root, image, "for name in "+strings.Join(wanted, " ")+"; do type -t $name >/dev/null || echo $name; done")
	if output != "" {
		t.Errorf("these commands are missing:\n%s", output)
	}
}

var (
	number  = regexp.MustCompile(`\(\(.*?\)\)`)
	comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	quoted  = regexp.MustCompile(`'[^']*'`)
	called  = regexp.MustCompile(`(?m)(?:^\s*|\$\(|\|\s*|&&\s*|;\s*|\bif\s+|\bthen\s+|\bdo\s+|!\s+)([a-z][a-z0-9-]*)(?:\s|$)`)
	defined = regexp.MustCompile(`(?m)^\s*([a-z_]+)\(\)`)
)

// hookCommands are the first words of the commands in the examples' hooks.
func hookCommands(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no examples: ", err)
	}
	var all []string
	for _, file := range files {
		for _, script := range hooks(t, file) {
			script = number.ReplaceAllString(quoted.ReplaceAllString(comment.ReplaceAllString(script, ""), "''"), "0")
			own := defined.FindAllStringSubmatch(script, -1)
			for _, match := range called.FindAllStringSubmatch(script, -1) {
				if !slices.ContainsFunc(own, func(f []string) bool { return f[1] == match[1] }) && !slices.Contains(all, match[1]) {
					all = append(all, match[1])
				}
			}
		}
	}
	return all
}

func hooks(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var scripts []string
	for _, document := range bytes.Split(content, []byte("\n---")) {
		var object struct {
			Spec struct {
				LifecycleHooks map[string]any `json:"lifecycleHooks"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		for _, hook := range object.Spec.LifecycleHooks {
			if script, ok := hook.(string); ok {
				scripts = append(scripts, script)
			}
		}
	}
	return scripts
}

// The bundle is found by everything that speaks TLS, and an authority that is
// not in it is refused for that reason, not because no bundle was found.
func TestRunnersCertificates(t *testing.T) {
	image, root := unpacked(t, "runner")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	tests := map[string]struct{ script, want string }{
		"openssl trusts an authority of the bundle": {"openssl verify /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt", `: OK`},
		"the bundle is long":                        {"grep -c BEGIN /etc/ssl/certs/ca-certificates.crt", `^1\d\d`},
		"curl refuses an unknown authority":         {"curl -sS " + server.URL + " || echo code $?", `code 60`},
		"git refuses an unknown authority":          {"git ls-remote " + server.URL + " 2>&1 || true", `certificate verification failed|not trusted`},
		"openssl refuses an unknown authority":      {"openssl verify /tmp/own.pem 2>&1 || true", `self-signed certificate|unable to get local issuer`},
		"curl trusts one that is added":             {"cat /etc/ssl/certs/ca-certificates.crt /tmp/own.pem > /tmp/all.pem; SSL_CERT_FILE=/tmp/all.pem curl -sS " + server.URL, `^hello`},
		"node trusts one that is added": {
			"NODE_EXTRA_CA_CERTS=/tmp/own.pem node -e 'fetch(\"" + server.URL + "\").then(r => r.text()).then(console.log)'", `^hello`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := "echo '" + string(own) + "' > /tmp/own.pem\n" + test.script
			if output := run(t, root, image, script); !regexp.MustCompile(test.want).MatchString(strings.TrimSpace(output)) {
				t.Errorf("it wrote\n%s\nwhich does not match %s", output, test.want)
			}
		})
	}
}

// Without an emulator: what the loader would look for is there, in the image of
// each architecture.
func TestProgramsFindTheirLibraries(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, name := range []string{"manager", "runner"} {
		for arch, image := range images(t, name) {
			t.Run(name+" "+arch, func(t *testing.T) {
				programs, present := inspect(t, image)
				for file, program := range programs {
					if program.machine != machines[arch] {
						t.Errorf("%s is for %s", file, program.machine)
					}
					for _, library := range program.needs {
						if !present[library] {
							t.Errorf("%s needs %s, which is not in the image", file, library)
						}
					}
				}
				if len(programs) == 0 {
					t.Error("there are no programs")
				}
			})
		}
	}
}

type binary struct {
	machine elf.Machine
	needs   []string
}

// inspect returns the programs and libraries by path, and the names of all
// files, by base name and by absolute path.
func inspect(t *testing.T, image v1.Image) (programs map[string]binary, present map[string]bool) {
	t.Helper()
	programs, present = make(map[string]binary), make(map[string]bool)
	err := Files(image, func(header *tar.Header, content []byte) error {
		present[path.Base(header.Name)] = true
		if !bytes.HasPrefix(content, []byte(elf.ELFMAG)) {
			return nil
		}
		file, err := elf.NewFile(bytes.NewReader(content))
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		needs, err := file.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		for _, segment := range file.Progs {
			if segment.Type == elf.PT_INTERP {
				name := make([]byte, segment.Filesz)
				if _, err := segment.ReadAt(name, 0); err != nil {
					return err
				}
				needs = append(needs, path.Base(string(bytes.TrimRight(name, "\x00"))))
			}
		}
		programs[header.Name] = binary{file.Machine, needs}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return programs, present
}

func TestRunnersFiles(t *testing.T) {
	for arch, image := range images(t, "runner") {
		t.Run(arch, func(t *testing.T) {
			types, links, scripts := make(map[string]byte), make(map[string]string), make(map[string]string)
			err := Files(image, func(header *tar.Header, content []byte) error {
				name := strings.TrimSuffix(header.Name, "/")
				types[name] = header.Typeflag
				if header.Mode&0o6000 != 0 {
					t.Errorf("%s has the mode %o: it could give rights to who runs it", name, header.Mode)
				}
				if header.Typeflag != tar.TypeSymlink && header.Mode&0o002 != 0 && header.Mode&0o1000 == 0 {
					t.Errorf("%s has the mode %o: anybody can write it", name, header.Mode)
				}
				if header.Typeflag == tar.TypeSymlink {
					links[name] = header.Linkname
				}
				if line, _, _ := strings.Cut(string(content[:min(len(content), 200)]), "\n"); strings.HasPrefix(line, "#!") && header.Mode&0o111 != 0 {
					scripts[name] = strings.Fields(line[2:] + " ?")[0]
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for name, target := range links {
				if resolve(types, links, name) == "" {
					t.Errorf("the link %s points to %s, which is not there", name, target)
				}
			}
			for name, interpreter := range scripts {
				if strings.Contains(path.Dir(name), "bin") && resolve(types, links, interpreter[1:]) == "" {
					t.Errorf("%s is for %s, which is not there", name, interpreter)
				}
			}
		})
	}
}

// resolve follows links, those of folders too, to a file or folder; "" if there is none.
func resolve(types map[string]byte, links map[string]string, name string) string {
	for range 40 {
		if target, at, rest := firstLink(links, name); at != "" {
			if !path.IsAbs(target) {
				target = path.Join("/", path.Dir(at), target)
			}
			name = path.Join(target, rest)[1:]
			continue
		}
		if types[name] != 0 || strings.HasPrefix(name, "proc/") || strings.HasPrefix(name, "dev/") || strings.HasPrefix(name, "run/") {
			return name
		}
		return ""
	}
	return ""
}

func firstLink(links map[string]string, name string) (target, at, rest string) {
	parts := strings.Split(name, "/")
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		if target, ok := links[at]; ok {
			return target, at, path.Join(parts[i+1:]...)
		}
	}
	return "", "", ""
}
