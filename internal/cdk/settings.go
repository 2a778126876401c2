package cdk

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/problem"
)

// settings is what is read of cdk.json and ~/.cdk.json. Everything else in
// them is read by the CLI alone, which runs here as it does by hand;
// docs/reference/cdk-cli-parity.md lists all of it.
type settings struct {
	// App is a command, or the folder of an assembly that is made already.
	App json.RawMessage `json:"app"`
	// Output is the folder of the assembly, "" for cdk.out.
	Output  string                     `json:"output"`
	Tags    json.RawMessage            `json:"tags"`
	Context map[string]json.RawMessage `json:"context"`
	// Rollback is false to leave a failed deployment as it is.
	Rollback *bool  `json:"rollback"`
	Profile  string `json:"profile"`
	Region   string `json:"region"`
}

// readSettings reads the user's settings, then the project's over them, as
// the CLI does. The CLI complains about a file that is wrong.
func readSettings(dir, home string) settings {
	var s settings
	files := []string{filepath.Join(dir, "cdk.json")}
	if filepath.IsAbs(home) {
		files = []string{filepath.Join(home, ".cdk.json"), files[0]}
	}
	for _, file := range files {
		if content, err := readBounded(file, 1<<20); err == nil {
			_ = json.Unmarshal(content, &s)
		}
	}
	return s
}

// adopt takes over what the settings say.
func (s *synthesis) adopt() error {
	if err := checkVariables(s.Variables); err != nil {
		return err
	}
	err := s.settings.check(s.Dir, Environment{Account: s.Account, Region: s.Region})
	if err != nil {
		return err
	}
	if s.tags, err = s.settings.stackTags(); err != nil {
		return err
	}
	s.out, err = s.settings.assembled(s.Project)
	s.ready = s.out != ""
	if !s.ready {
		s.out = s.settings.place(s.Project, s.Output)
	}
	return err
}

// check refuses what `cdk deploy` would do and this operator does not.
func (s settings) check(dir string, env Environment) error {
	if s.Rollback != nil && !*s.Rollback {
		return stalls(ErrNotSupported, `cdk.json has "rollback": false, which leaves a failed deployment half-way. This operator always lets CloudFormation roll back. Remove "rollback" from cdk.json; to deploy without a rollback by hand, use cdk deploy --no-rollback.`)
	}
	if _, err := s.stackTags(); err != nil {
		return err
	}
	return checkMigration(dir, env)
}

// optionVariables are the options of `cdk deploy` that the CLI takes from
// variables, too (it calls yargs' env('CDK')), and that this operator does not
// have, with what to do instead.
var optionVariables = map[string]string{
	"CDK_ROLE_ARN":                  "let the app's synthesizer name the role (cloudFormationExecutionRole)",
	"CDK_NOTIFICATION_ARNS":         "set notificationArns of the stack in the app",
	"CDK_TAGS":                      "set the tags in the app or in cdk.json",
	"CDK_PARAMETERS":                "give the parameter a default in the app, or use spec.cdkContext",
	"CDK_IMPORT_EXISTING_RESOURCES": "import by hand with cdk deploy, then let the operator go on",
	"CDK_REVERT_DRIFT":              "deploy by hand with --revert-drift",
	"CDK_HOTSWAP":                   "remove it: a deployment is always a whole one",
	"CDK_HOTSWAP_FALLBACK":          "remove it: a deployment is always a whole one",
	"CDK_EXPRESS":                   "remove it: a deployment always waits until the resources are ready",
}

// checkVariables refuses variables of the user that `cdk deploy` would take as
// options and that would be without effect here.
func checkVariables(variables map[string]string) error {
	if value, ok := variables["CDK_ROLLBACK"]; ok && value != "true" {
		return stalls(ErrNotSupported, "spec.build sets CDK_ROLLBACK to %q. This operator always lets CloudFormation roll back a failed deployment. Remove the variable.", problem.Cut(value, 40))
	}
	for _, name := range slices.Sorted(maps.Keys(optionVariables)) {
		if value := variables[name]; value != "" && value != "false" {
			return stalls(ErrNotSupported, "spec.build sets %s, which is an option of cdk deploy that this operator does not have. Instead, %s.", name, optionVariables[name])
		}
	}
	return nil
}

// checkMigration refuses a project that `cdk migrate` made as long as its
// first deployment has to import resources: without that, the deployment
// would create every one of them a second time.
func checkMigration(dir string, env Environment) error {
	content, err := readBounded(filepath.Join(dir, "migrate.json"), maxManifest)
	if err != nil {
		return nil
	}
	var migration struct {
		Source    string
		Resources json.RawMessage
	}
	if json.Unmarshal(content, &migration) != nil || len(migration.Resources) == 0 || !migratesTo(migration.Source, env) {
		return nil // the CLI passes over it, too
	}
	return stalls(ErrNotSupported, "The project has a migrate.json: its first deployment imports existing resources into the stack, which this operator cannot do. Run `cdk deploy` once by hand, which imports them and removes migrate.json; then commit its removal.")
}

// migratesTo tells whether a migration's source, "localfile" or the ARN of a
// scan, concerns the environment. An account that is not known may be any.
func migratesTo(source string, env Environment) bool {
	parts := strings.Split(source, ":")
	if parts[0] == "localfile" {
		return true
	}
	return len(parts) > 4 && parts[3] == env.Region && !differs(parts[4], env.Account)
}

// stackTags are the stack tags of cdk.json. If there are any, they replace
// those of the app.
func (s settings) stackTags() (map[string]string, error) {
	var list []json.RawMessage
	if json.Unmarshal(s.Tags, &list) != nil || len(list) == 0 {
		return nil, nil // the CLI passes over everything but a list
	}
	tags := make(map[string]string, len(list))
	for _, entry := range list {
		var tag struct{ Key, Value *string }
		if json.Unmarshal(entry, &tag) != nil || tag.Key == nil || tag.Value == nil {
			return nil, stalls(ErrSynthFailed, `"tags" in cdk.json has the entry %s, which is no tag. Write each as {"Key": "team", "Value": "web"}, or set the tags in the app with Tags.of(app).add("team", "web").`, problem.Cut(string(entry), 100))
		}
		tags[*tag.Key] = *tag.Value
	}
	return tags, nil
}

// validQualifier is what the CDK takes for one.
var validQualifier = regexp.MustCompile(`^[A-Za-z0-9_-]{1,10}$`)

// qualifier is that of the bootstrap that cdk.json names, "" for the default.
func (s settings) qualifier(context []string) string {
	const key = "@aws-cdk/core:bootstrapQualifier"
	var found string
	_ = json.Unmarshal(s.Context[key], &found)
	for _, entry := range context {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			found = value
		}
	}
	if !validQualifier.MatchString(found) {
		return ""
	}
	return found
}

// arguments overrule settings that are a developer's own, in cdk.json or in
// variables of the user: the credentials and the region are those of the object.
// Only who has them gets the arguments, since old versions of the CLI do not
// know all of them.
func (s *synthesis) arguments() []string {
	var args []string
	if s.settings.Profile != "" || s.Variables["CDK_PROFILE"] != "" {
		args = append(args, "--profile=")
	}
	if s.settings.Region != "" || s.Variables["CDK_REGION"] != "" {
		args = append(args, "--region="+s.Region)
	}
	return args
}

// assembled is the folder of an assembly that stands in the place of an app
// command, "" when there is a command.
func (s settings) assembled(p Project) (string, error) {
	var app string
	if json.Unmarshal(s.App, &app) != nil || app == "" {
		return "", nil
	}
	dir := app
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.Dir, dir)
	}
	if !isDir(dir) {
		return "", nil
	}
	if !p.holds(dir) {
		return "", stalls(ErrAssemblyInvalid, `"app" in cdk.json is the folder %q, which is outside of the repository. Use a folder inside it, or the app's command.`, problem.Cut(app, 200))
	}
	return dir, nil
}

// holds tells whether a path is inside the checkout, also after following
// symbolic links. What does not exist yet is judged by the folders above it.
func (p Project) holds(path string) bool {
	root, err := filepath.EvalSymlinks(p.Root)
	if err != nil {
		return false
	}
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err != nil && dir != filepath.Dir(dir) {
			continue
		}
		real, err := filepath.EvalSymlinks(dir)
		return err == nil && inside(root, real)
	}
}

// place is where the app is to write its assembly: the very folder that it is
// by hand, since apps may name it themselves (new App({outdir: 'cdk.out'})),
// write beside the assembly or read it again. When that folder cannot be used,
// because it is outside of the checkout or holds the project, it is fallback.
func (s settings) place(p Project, fallback string) string {
	output := s.Output
	if output == "" {
		output = "cdk.out"
	}
	dir := filepath.Join(p.Dir, output)
	if filepath.IsAbs(output) || !p.holds(dir) || inside(dir, p.Dir) {
		return fallback
	}
	return dir
}
