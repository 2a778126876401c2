package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"awscdk.dev/operator/images/internal/debian"
	"awscdk.dev/operator/images/internal/fetch"
	"awscdk.dev/operator/images/internal/recipe"
)

// runLock resolves what the recipe asks for and writes the lock.
func runLock(ctx context.Context, args []string, out, log io.Writer) error {
	set := flags("lock", log)
	folder := set.String("recipe", ".", "folder of recipe.yaml, packages.lock.json and keys/")
	if err := parse(set, args); err != nil {
		return err
	}
	r, err := recipe.Load(filepath.Join(*folder, "recipe.yaml"))
	if err != nil {
		return err
	}
	lock := &recipe.Lock{Snapshot: time.Now().UTC().Truncate(time.Second), Debian: make(map[string][]recipe.DebianPackage)}
	if err := lockDebian(ctx, *folder, r, lock, log); err != nil {
		return err
	}
	if lock.Npm, err = lockNpm(ctx, r); err != nil {
		return err
	}
	file := filepath.Join(*folder, "packages.lock.json")
	if old, err := recipe.LoadLock(file); err == nil && old.Same(lock) {
		lock.Snapshot = old.Snapshot
	}
	for _, arch := range r.Architectures {
		fmt.Fprintf(out, "%s: %d Debian packages\n", arch, len(lock.Debian[arch]))
	}
	fmt.Fprintf(out, "%d npm packages\n", len(lock.Npm))
	return lock.Save(file)
}

func lockDebian(ctx context.Context, folder string, r *recipe.Recipe, lock *recipe.Lock, log io.Writer) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("packages are resolved by apt, and this machine has none: run \"make images-lock\" on Debian or Ubuntu (\"make images\" needs no apt)")
	}
	dir, err := os.MkdirTemp("", "images-lock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, arch := range r.Architectures {
		apt := debian.Apt{Dir: filepath.Join(dir, arch), Keys: filepath.Join(folder, "keys"), Recipe: r, Mirrors: mirrors(r), Log: log}
		if lock.Debian[arch], err = apt.Resolve(ctx, arch); err != nil {
			return fmt.Errorf("resolve the Debian packages for %s: %w", arch, err)
		}
	}
	return nil
}

// mirrors are the recipe's; IMAGES_DEBIAN_MIRROR takes the place of
// http://deb.debian.org for all archives, as in http://mirror.example.com.
func mirrors(r *recipe.Recipe) map[string]string {
	all := make(map[string]string)
	for _, source := range r.Debian.Sources {
		all[source.Archive] = source.Mirror
		if mirror := os.Getenv("IMAGES_DEBIAN_MIRROR"); mirror != "" {
			all[source.Archive] = strings.TrimSuffix(mirror, "/") + "/" + source.Archive
		}
	}
	return all
}

// lockNpm asks npm for the hash of each package. A version that npm has under
// another hash than before is a matter for a person: the diff shows it.
func lockNpm(ctx context.Context, r *recipe.Recipe) ([]recipe.NpmPackage, error) {
	packages := r.NpmPackages()
	for i, each := range packages {
		cmd := exec.CommandContext(ctx, "npm", "view", "--json", "--", each.Name+"@"+each.Version, "name", "license", "dist.integrity")
		output, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("npm view %s@%s: %w", each.Name, each.Version, err)
		}
		var told struct {
			License   string `json:"license"`
			Integrity string `json:"dist.integrity"`
		}
		if err := json.Unmarshal(output, &told); err != nil {
			return nil, fmt.Errorf("npm view %s@%s: %w", each.Name, each.Version, err)
		}
		if _, err := fetch.Integrity(told.Integrity); err != nil {
			return nil, fmt.Errorf("npm view %s@%s: %w", each.Name, each.Version, err)
		}
		packages[i].License, packages[i].Integrity = told.License, told.Integrity
	}
	return packages, nil
}
