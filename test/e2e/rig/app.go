package rig

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// App is the source of a CDK app: file names and contents.
type App map[string]string

// SampleApp is the demo's app, in TypeScript.
func SampleApp(tb testing.TB) App {
	tb.Helper()
	return AppAt(tb, filepath.Join(Root(tb), "demo", "app"))
}

// AppAt is the app in a folder, without what was built of it.
func AppAt(tb testing.TB, dir string) App {
	tb.Helper()
	app := App{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "cdk.out"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		app[filepath.ToSlash(name)] = string(text)
		return err
	})
	must(tb, err)
	return app
}

// SmallApp is an app with the sample app's dependencies whose program, in
// JavaScript, is what a test is about.
func SmallApp(tb testing.TB, program string) App {
	tb.Helper()
	sample := SampleApp(tb)
	return App{
		"package.json": sample["package.json"], "package-lock.json": sample["package-lock.json"],
		"cdk.json": `{"app": "node app.js"}`, "app.js": program,
	}
}

// OneParameter is the program of an app with one stack of that name, with one
// resource and one output.
func OneParameter(stackName string) string {
	return `const cdk = require('aws-cdk-lib');
const ssm = require('aws-cdk-lib/aws-ssm');
const stack = new cdk.Stack(new cdk.App(), '` + stackName + `');
new ssm.StringParameter(stack, 'Only', { stringValue: 'one' });
new cdk.CfnOutput(stack, 'Account', { value: stack.account });
`
}

// At is the app in a folder of its repository.
func (a App) At(folder string) App {
	moved := make(App, len(a))
	for name, text := range a {
		moved[folder+"/"+name] = text
	}
	return moved
}

// With is the app with files replaced or added; an empty text removes one.
func (a App) With(files App) App {
	changed := make(App, len(a))
	for _, part := range []App{a, files} {
		for name, text := range part {
			changed[name] = text
			if text == "" {
				delete(changed, name)
			}
		}
	}
	return changed
}
