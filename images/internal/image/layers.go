package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"awscdk.dev/operator/images/internal/debian"
	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/recipe"
	"awscdk.dev/operator/images/internal/rootfs"
)

// User is whom all programs of both images run as, the "nonroot" of distroless images.
const User = 65532

// Parts makes the layers' contents for one architecture.
type Parts struct {
	Arch   string
	Recipe *recipe.Recipe
	Lock   *recipe.Lock
	Cache  fetch.Cache
}

// Runner are the layers of the runner but for our own program, from the bottom.
func (p Parts) Runner() []Spec {
	specs := []Spec{p.system("runner", []string{"workspace", "cache"}, p.Recipe.Links)}
	for _, group := range p.Recipe.Groups {
		specs = append(specs, p.packages(group.Name))
	}
	return append(specs, p.node(), p.npm())
}

// Manager are the layers of the manager but for our own program.
func (p Parts) Manager() []Spec {
	return []Spec{p.system("manager", []string{"var/lib/awscdk-operator"}, nil)}
}

// packages is a layer of Debian packages.
func (p Parts) packages(group string) Spec {
	var chosen []recipe.DebianPackage
	for _, each := range p.Lock.Debian[p.Arch] {
		if each.Group == group {
			chosen = append(chosen, each)
		}
	}
	strip := debian.Strip{Drop: p.Recipe.Debian.Strip, Keep: p.Recipe.Debian.Keep}
	return Spec{Name: group + "-" + p.Arch, Inputs: []any{chosen, strip}, Make: func() (rootfs.Tree, error) {
		return p.unpack(chosen, strip)
	}}
}

func (p Parts) unpack(chosen []recipe.DebianPackage, strip debian.Strip) (rootfs.Tree, error) {
	tree := make(rootfs.Tree)
	for _, each := range chosen {
		content, err := p.Cache.Read(fetch.SHA256(each.SHA256))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Name, err)
		}
		if err := debian.Unpack(tree, content, each, strip); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// system is what the scripts of packages would have made: users, the bundle of
// certificate authorities, links; and folders to write in or to mount on.
func (p Parts) system(name string, folders []string, links map[string]string) Spec {
	authorities := p.authorities()
	return Spec{Name: "system-" + name + "-" + p.Arch, Inputs: []any{authorities, folders, links}, Make: func() (rootfs.Tree, error) {
		unpacked, err := p.unpack(authorities, debian.Strip{})
		if err != nil {
			return nil, err
		}
		bundle, err := debian.Certificates(unpacked)
		if err != nil {
			return nil, err
		}
		tree := configuration()
		tree.Write("etc/ssl/certs/ca-certificates.crt", 0o644, bundle)
		tree.Add(statusOf("ca-certificates"), unpacked[statusOf("ca-certificates")])
		for _, folder := range folders {
			tree.Mkdir(folder, 0o755, User)
		}
		for _, path := range slices.Sorted(maps.Keys(links)) {
			tree.Symlink(path, links[path])
		}
		return tree, nil
	}}
}

func statusOf(name string) string { return "var/lib/dpkg/status.d/" + name }

func (p Parts) authorities() []recipe.DebianPackage {
	for _, each := range p.Lock.Debian[p.Arch] {
		if each.Name == "ca-certificates" {
			return []recipe.DebianPackage{each}
		}
	}
	return nil
}

func configuration() rootfs.Tree {
	tree := make(rootfs.Tree)
	tree.Mkdir("tmp", 0o1777, 0)
	tree.Mkdir("home/nonroot", 0o700, User)
	tree.Write("etc/passwd", 0o644, []byte(`root:x:0:0:root:/root:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin
`))
	tree.Write("etc/group", 0o644, []byte("root:x:0:\ntty:x:5:\nnogroup:x:65534:\nnonroot:x:65532:\n"))
	tree.Write("etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"))
	return tree
}

// node is the program alone: the headers are for compilers, which the runner
// does not have.
func (p Parts) node() Spec {
	chosen := p.locked(p.Recipe.Node.Packages[p.Arch])
	return Spec{Name: "node-" + p.Arch, Inputs: chosen, Make: func() (rootfs.Tree, error) {
		tree := make(rootfs.Tree)
		err := p.unpackNpm(tree, chosen, func(name string) string {
			return map[string]string{"bin/node": "usr/local/bin/node", "LICENSE": "usr/share/doc/nodejs/copyright"}[name]
		})
		if err == nil && tree["usr/local/bin/node"] == nil {
			err = fmt.Errorf("%s has no bin/node", chosen.Name)
		}
		return tree, err
	}}
}

// npm are the programs written in JavaScript, the same for all architectures.
func (p Parts) npm() Spec {
	var chosen []recipe.NpmPackage
	for _, each := range p.Recipe.Npm {
		chosen = append(chosen, p.locked(each.Name))
	}
	return Spec{Name: "npm", Inputs: []any{chosen, p.Recipe.Npm}, Make: func() (rootfs.Tree, error) {
		tree := make(rootfs.Tree)
		for i, each := range p.Recipe.Npm {
			if err := p.install(tree, chosen[i], each); err != nil {
				return nil, err
			}
		}
		return tree, nil
	}}
}

// install does what "npm install --global" does for a package that has no
// dependencies but those within it.
func (p Parts) install(tree rootfs.Tree, chosen recipe.NpmPackage, wanted recipe.Package) error {
	folder := path.Join("usr/local/lib/node_modules", chosen.Name)
	strip := debian.Strip{Drop: wanted.Strip}
	err := p.unpackNpm(tree, chosen, func(name string) string {
		if strip.Drops(name) {
			return ""
		}
		return path.Join(folder, name)
	})
	if err != nil {
		return err
	}
	manifest := tree[path.Join(folder, "package.json")]
	if manifest == nil {
		return fmt.Errorf("%s has no package.json", chosen.Name)
	}
	programs, err := commands(manifest.Data)
	if err != nil {
		return fmt.Errorf("%s: %w", chosen.Name, err)
	}
	for name, file := range programs {
		if len(wanted.Commands) > 0 && !slices.Contains(wanted.Commands, name) {
			continue
		}
		if err := command(tree, name, path.Join(chosen.Name, file)); err != nil {
			return err
		}
	}
	return nil
}

// command puts a program of a package on the PATH. Two of one name are an
// error: which one wins would be a matter of chance.
func command(tree rootfs.Tree, name, file string) error {
	link := "usr/local/bin/" + name
	if tree[link] != nil {
		return fmt.Errorf("%s: the command %s is already %s", file, name, tree[link].Link)
	}
	target := tree[path.Join("usr/local/lib/node_modules", file)]
	if target == nil {
		return fmt.Errorf("%s: this program is not in the package", file)
	}
	target.Mode = 0o755
	tree.Symlink(link, path.Join("../lib/node_modules", file))
	return nil
}

// unpackNpm adds the files of a package, whose paths in the archive all begin
// with a folder of any name.
func (p Parts) unpackNpm(tree rootfs.Tree, chosen recipe.NpmPackage, at func(string) string) error {
	archive, err := p.open(chosen)
	if err != nil {
		return err
	}
	return tree.Unpack(archive, func(name string) string {
		_, below, ok := strings.Cut(name, "/")
		if !ok {
			return ""
		}
		return at(below)
	})
}

func (p Parts) locked(name string) recipe.NpmPackage {
	for _, each := range p.Lock.Npm {
		if each.Name == name {
			return each
		}
	}
	return recipe.NpmPackage{Name: name}
}

// Program is a layer with one program, at /usr/local/bin.
func Program(arch, file string) (Spec, error) {
	name := path.Base(file)
	opened, err := os.Open(file)
	if err != nil {
		return Spec{}, err
	}
	defer opened.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, opened); err != nil {
		return Spec{}, err
	}
	return Spec{Name: name + "-" + arch, Inputs: fmt.Sprintf("%x", sum.Sum(nil)), Make: func() (rootfs.Tree, error) {
		data, err := os.ReadFile(file)
		if len(data) == 0 {
			return nil, errors.Join(err, fmt.Errorf("%s is empty", file))
		}
		tree := make(rootfs.Tree)
		tree.Write("usr/local/bin/"+name, 0o755, data)
		return tree, err
	}}, nil
}
