package customer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awscdk.dev/operator/test/e2e/rig"
)

// Repository is the address of the customer's repository in the manifest: the
// one thing in it that is filled in.
const Repository = "git@github.com:company/webapp-infrastructure.git"

// Publish makes the repository, as NAME of the rig's, with two releases of the
// app that answers at an address; it returns the commits of v2.0.0 and v2.1.0.
func Publish(tb testing.TB, r *rig.Rig, name, address string) (v20, v21 string) {
	tb.Helper()
	app := rig.AppAt(tb, filepath.Join(rig.Root(tb), "test", "seed", "app"))
	cdkJSON := app["production-stack/cdk.json"]
	at := func(release string) rig.App {
		return app.With(rig.App{"production-stack/cdk.json": strings.Replace(cdkJSON, `"environment": "production"`,
			`"app-url": "`+address+`", "release": "`+release+`"`, 1)})
	}
	repo := r.Repo(tb, name)
	commits := map[string]string{}
	for _, tag := range []string{"v2.0.0", "v2.1.0"} {
		commit, err := repo.Commit(at(tag), "Release "+strings.TrimPrefix(tag, "v"))
		if err == nil {
			err = repo.Tag(tag, commit)
		}
		if err != nil {
			tb.Fatal(err)
		}
		commits[tag] = commit
	}
	return commits["v2.0.0"], commits["v2.1.0"]
}

// Manifest is the customer's manifest, with the address of the repository.
func Manifest(tb testing.TB, repository string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(rig.Root(tb), "test", "seed", "testdata", "manifest.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	text := strings.Replace(string(data), Repository, repository, 1)
	if text == string(data) {
		tb.Fatalf("the manifest does not hold %s", Repository)
	}
	return text
}
