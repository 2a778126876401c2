package debian

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"pault.ag/go/debian/control"

	"awscdk.dev/operator/images/internal/recipe"
)

// Apt resolves packages with apt, in a folder of its own: it trusts the keys
// that the project has, knows only the recipe's archives, and neither reads nor
// changes what is installed on this machine. Apt checks the signature of each
// archive's InRelease, and by its hashes the package lists.
type Apt struct {
	// Dir is the folder; Keys the one with the archives' public keys (*.asc).
	Dir, Keys string
	Recipe    *recipe.Recipe
	// Mirrors are addresses by the archive's name.
	Mirrors map[string]string
	// Log gets what apt says.
	Log io.Writer
}

// Resolve lists the groups' packages and all that they depend on, each with its
// hash, for one architecture.
func (a Apt) Resolve(ctx context.Context, arch string) ([]recipe.DebianPackage, error) {
	if err := a.prepare(arch); err != nil {
		return nil, err
	}
	if _, err := a.run(ctx, "apt-get", "-q", "update", "--error-on=any"); err != nil {
		return nil, err
	}
	if err := a.exclude(ctx); err != nil {
		return nil, err
	}
	index, err := a.index()
	if err != nil {
		return nil, err
	}
	var locked []recipe.DebianPackage
	var roots []string
	for _, group := range a.Recipe.Groups {
		roots = append(roots, group.Packages...)
		chosen, err := a.install(ctx, roots)
		if err != nil {
			return nil, err
		}
		for _, file := range chosen {
			p, ok := index[file]
			if !ok {
				return nil, fmt.Errorf("apt chose %s, which is in no package list", file)
			}
			// apt may want to replace an excluded one that others want in one version.
			if _, excluded := a.Recipe.Debian.Exclude[p.Name]; excluded {
				continue
			}
			if slices.ContainsFunc(locked, func(l recipe.DebianPackage) bool { return l.Path == p.Path }) {
				continue
			}
			p.Group = group.Name
			locked = append(locked, p)
		}
	}
	return locked, nil
}

func (a Apt) prepare(arch string) error {
	for _, dir := range []string{"etc/preferences.d", "etc/apt.conf.d", "etc/trusted.gpg.d", "etc/sources.list.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	config := fmt.Sprintf(`Dir %q;
Dir::Etc "etc";
Dir::State "state";
Dir::State::status %q;
Dir::Cache "cache";
APT::Architecture %q;
APT::Architectures { %q; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
`, a.Dir, a.status(), arch, arch)
	// apt's own key store may not be readable for another user; these are.
	keys, err := a.keys()
	if err != nil {
		return err
	}
	return write(map[string]string{
		filepath.Join(a.Dir, "apt.conf"):                          config,
		filepath.Join(a.Dir, "etc/sources.list.d/recipe.sources"): a.sources(arch, keys),
		a.status(): "",
	})
}

func (a Apt) status() string { return filepath.Join(a.Dir, "status") }

func write(files map[string]string) error {
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// keys is one file with all the public keys.
func (a Apt) keys() (string, error) {
	files, err := filepath.Glob(filepath.Join(a.Keys, "*.asc"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("there are no keys (*.asc) in %s", a.Keys)
	}
	var all []string
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		all = append(all, path)
	}
	return strings.Join(all, " "), nil
}

func (a Apt) sources(arch, keys string) string {
	var b strings.Builder
	for _, source := range a.Recipe.Debian.Sources {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n\n",
			a.Mirrors[source.Archive], strings.Join(source.Suites, " "), arch, keys)
	}
	return b.String()
}

func (a Apt) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.Dir, "apt.conf"), "LC_ALL=C.UTF-8")
	cmd.Stderr = a.Log
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return output, nil
}

// exclude tells apt that the excluded packages are installed, without
// dependencies: so it chooses neither them nor what only they need.
func (a Apt) exclude(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(a.Recipe.Debian.Exclude))
	output, err := a.run(ctx, "apt-cache", append([]string{"show", "--no-all-versions"}, names...)...)
	if err != nil {
		return err
	}
	var status strings.Builder
	kept := []string{"Package", "Version", "Architecture", "Multi-Arch", "Provides", "Maintainer", "Description"}
	for stanza := range strings.SplitSeq(string(output), "\n\n") {
		for line := range strings.Lines(stanza + "\n") {
			field, _, _ := strings.Cut(line, ":")
			if slices.Contains(kept, field) {
				status.WriteString(line)
			}
			if field == "Package" {
				status.WriteString("Status: install ok installed\n")
			}
		}
		status.WriteByte('\n')
	}
	return write(map[string]string{a.status(): status.String()})
}

// install asks apt which files it would download to install the packages.
func (a Apt) install(ctx context.Context, packages []string) ([]string, error) {
	args := []string{"-qq", "--print-uris", "--yes", "install", "--"}
	output, err := a.run(ctx, "apt-get", append(args, packages...)...)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for line := range strings.Lines(string(output)) {
		if quoted, _, ok := strings.Cut(strings.TrimPrefix(line, "'"), "' "); ok && strings.HasPrefix(line, "'") {
			addresses = append(addresses, unescaped(quoted))
		}
	}
	slices.Sort(addresses)
	return addresses, nil
}

// index are all the packages of the lists, by address.
func (a Apt) index() (map[string]recipe.DebianPackage, error) {
	index := make(map[string]recipe.DebianPackage)
	for _, source := range a.Recipe.Debian.Sources {
		mirror := strings.TrimSuffix(a.Mirrors[source.Archive], "/")
		_, rest, _ := strings.Cut(mirror, "://")
		lists, err := filepath.Glob(filepath.Join(a.Dir, "state/lists", strings.ReplaceAll(rest, "/", "_")+"_dists_*_Packages"))
		if err != nil {
			return nil, err
		}
		for _, list := range lists {
			if err := readList(list, mirror, source.Archive, index); err != nil {
				return nil, err
			}
		}
	}
	return index, nil
}

// listed are the fields of a package list that are used here.
type listed struct {
	Package, Version, Source, Architecture, Filename, SHA256 string
	Size                                                     int
}

func readList(path, mirror, archive string, index map[string]recipe.DebianPackage) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var all []listed
	if err := control.Unmarshal(&all, file); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for _, l := range all {
		source, _, _ := strings.Cut(l.Source, " ")
		index[mirror+"/"+l.Filename] = recipe.DebianPackage{
			Name: l.Package, Version: l.Version, Source: cmp.Or(source, l.Package), Architecture: l.Architecture,
			Archive: archive, Path: l.Filename, Size: int64(l.Size), SHA256: l.SHA256,
		}
	}
	return nil
}

// unescaped is an address as the lists would give it; apt writes + as %2b.
func unescaped(address string) string {
	if plain, err := url.PathUnescape(address); err == nil {
		return plain
	}
	return address
}
