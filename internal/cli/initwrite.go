package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"
)

// manifest is what `init` has made.
type manifest struct {
	text string
	// secrets are the commands that make the Secrets that it names.
	secrets []string
	notes   []string
}

// maxName is the longest name that an object gets, so that what the operator
// names after it can carry it as a label.
const maxName = 63

// compose makes the manifest of an app.
func compose(a *app, i initOptions) (manifest, error) {
	if a.copy.missing != "" {
		return manifest{}, errors.New("the operator deploys from a git repository, and " + a.copy.missing)
	}
	stacks, err := a.chosen(i.stacks)
	if err != nil {
		return manifest{}, err
	}
	if i.name != "" && len(stacks) != 1 {
		return manifest{}, errUsage{fmt.Errorf("--name is for one stack, and there are %d: choose one with --stack", len(stacks))}
	}
	m := manifest{notes: a.copy.notes}
	taken := map[string]bool{}
	for n, s := range stacks {
		name := i.name
		if name == "" {
			name = unique(objectName(s.stackName), taken)
		}
		if n > 0 {
			m.text += "---\n"
		}
		d := document{app: a, stack: s, name: name, initOptions: i}
		m.text += d.write()
		m.notes = append(m.notes, d.notes()...)
	}
	if open := openRegions(stacks); i.region == "" && len(open) > 0 {
		m.notes = append(m.notes, fmt.Sprintf("the app does not say in which region this is: %s. The manifest says %s; --region says another", strings.Join(open, ", "), defaultRegion))
	}
	m.secrets = secretCommands(a, i)
	return m, nil
}

// chosenStack is a stack with the name that its manifest gives it.
type chosenStack struct {
	appStack
	stackName string
	// known says whether the app's assembly told of it.
	known bool
}

// chosen are the stacks to write manifests for.
func (a *app) chosen(wanted []string) ([]chosenStack, error) {
	all, err := a.stacks()
	if errors.Is(err, errNoAssembly) {
		if len(wanted) == 0 {
			return nil, errUsage{errors.New("which stacks the app has is not known, since there is no " + a.output + "/manifest.json: run npx cdk synth first, or give --list, which has the project's own cdk run the app, or name them with --stack")}
		}
		var named []chosenStack
		for _, name := range wanted {
			named = append(named, chosenStack{appStack: appStack{path: name}, stackName: name})
		}
		return named, nil
	}
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("the app had no stack at its last synthesis: run npx cdk synth again, or name one with --stack")
	}
	meant := all
	if len(wanted) > 0 {
		meant = nil
		for _, name := range wanted {
			s, err := called(all, name)
			if err != nil {
				return nil, err
			}
			meant = append(meant, s)
		}
	}
	var chosen []chosenStack
	for _, s := range meant {
		name, err := reference(all, s)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, chosenStack{appStack: s, stackName: name, known: true})
	}
	return chosen, nil
}

// document is one manifest in the making.
type document struct {
	*app
	initOptions
	stack chosenStack
	name  string
}

// defaultRegion is that of the definition.
const defaultRegion = "us-east-1"

func (d document) awsRegion() string {
	switch {
	case d.stack.region != "":
		return d.stack.region
	case d.region != "":
		return d.region
	}
	return defaultRegion
}

// notes are what a person has to decide about one stack.
func (d document) notes() (all []string) {
	if d.stack.region != "" && d.region != "" && d.region != d.stack.region {
		all = append(all, fmt.Sprintf("the app deploys %s to %s, so --region %s was not taken", d.stack.path, d.stack.region, d.region))
	}
	if d.production && len(d.stack.data) > maxProtected {
		all = append(all, fmt.Sprintf("%s has %d resources that hold data, and spec.protect takes %d: the others are not in it", d.stack.path, len(d.stack.data), maxProtected))
	}
	return all
}

// openRegions are the stacks whose region the app does not pin.
func openRegions(all []chosenStack) (open []string) {
	for _, s := range all {
		if s.region == "" {
			open = append(open, s.path)
		}
	}
	return open
}

// write writes the document, with comments that say why.
func (d document) write() string {
	w := &lines{}
	where := oneLine(d.inside)
	if where == "." {
		where = "the root of the repository"
	}
	w.add("# The stack %s of the CDK app in %s, written by kubectl cdk init.", oneLine(d.stack.path), where)
	w.add("apiVersion: awscdk.dev/v1alpha1")
	w.add("kind: CdkTsStack")
	w.add("metadata:")
	w.add("  name: %s", scalar(d.name))
	if d.namespace != "" {
		w.add("  namespace: %s", scalar(d.namespace))
	}
	w.add("spec:")
	w.add("  stackName: %s", scalar(d.stack.stackName))
	if d.stack.account != "" {
		w.add("  # The app deploys it to the account %s: the keys must be of that account.", d.stack.account)
	}
	w.add("  credentialsSecretName: %s", scalar(d.credentials))
	w.add("  awsRegion: %s", scalar(d.awsRegion()))
	w.add("  source:")
	w.add("    git:")
	w.add("      repository: %s", scalar(d.copy.repository))
	w.add("      # A branch, a tag or a commit hash.")
	w.add("      ref: %s", scalar(d.copy.ref))
	switch {
	case d.copy.ssh:
		w.add("      sshSecretName: %s", scalar(d.sshKey))
	case d.https != "":
		w.add("      secretName: %s", scalar(d.https))
	default:
		w.add("      # secretName: git-https   # for a private repository")
	}
	if d.inside != "." {
		w.add("  path: %s", scalar("./"+d.inside))
	}
	if d.production {
		d.forProduction(w)
	}
	return w.String()
}

// maxProtected is how many resources spec.protect takes.
const maxProtected = 100

// forProduction writes what docs/how-to/approvals.md advises.
func (d document) forProduction(w *lines) {
	w.add("  actions:")
	w.add("    # New commits are shown, and deployed when somebody orders it: kubectl cdk deploy %s", d.name)
	w.add("    autoRedeploy: false")
	w.add("    # When this object is deleted, the stack stays in AWS.")
	w.add("    destroy: false")
	w.add("  # A plan that removes or replaces anything waits for a person: kubectl cdk approve %s", d.name)
	w.add("  approval:")
	w.add("    required: OnDestructive")
	w.add("  # What it may remove and replace before somebody acknowledges just that: kubectl cdk acknowledge %s", d.name)
	w.add("  limits:")
	w.add("    maxRemoved: 0")
	w.add("    maxReplaced: 0")
	if ids := d.stack.data[:min(len(d.stack.data), maxProtected)]; len(ids) > 0 {
		w.add("  # What holds data, by logical id. None is removed or replaced before it was acknowledged by name.")
		w.add("  protect:")
		for _, id := range ids {
			w.add("    - %s", scalar(id))
		}
		if d.stack.nested {
			w.add("    # Resources of nested stacks are not listed here: write NestedStackId/ResourceId.")
		}
	}
	w.add("  # When the stack may be changed; without it, always.")
	w.add("  # windows:")
	w.add("  #   timeZone: Europe/Berlin")
	w.add("  #   allow:")
	w.add("  #     - {days: [Mon, Tue, Wed, Thu], from: \"09:00\", to: \"16:00\"}")
}

// lines are text in the making.
type lines struct{ strings.Builder }

func (l *lines) add(format string, args ...any) { fmt.Fprintf(l, format+"\n", args...) }

// scalar writes a text as one line of YAML, quoted where that is needed.
func scalar(text string) string {
	data, err := yaml.Marshal(text)
	quoted := strings.TrimSuffix(string(data), "\n")
	if err != nil || strings.Contains(quoted, "\n") {
		return fmt.Sprintf("%q", text)
	}
	return quoted
}

// oneLine keeps a text inside of a comment.
func oneLine(text string) string { return strings.TrimSpace(printable(text)) }

// objectName makes the name of an object of a stack's: WebApp-Production is
// web-app-production, and Prod/HTTPApi is prod-http-api.
func objectName(stack string) string {
	var out strings.Builder
	letters := []rune(stack)
	for i, r := range letters {
		switch {
		case unicode.IsUpper(r) && r < unicode.MaxASCII:
			if i > 0 && begins(letters, i) {
				out.WriteByte('-')
			}
			out.WriteRune(unicode.ToLower(r))
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out.WriteRune(r)
		default:
			out.WriteByte('-')
		}
	}
	words := strings.FieldsFunc(out.String(), func(r rune) bool { return r == '-' })
	name := strings.Join(words, "-")
	name = strings.Trim(name[:min(len(name), maxName)], "-")
	if name == "" {
		return "stack"
	}
	return name
}

// begins says whether the capital at i begins a word: after a small letter or a
// digit, or as the last of several that a small letter follows.
func begins(letters []rune, i int) bool {
	before := letters[i-1]
	if unicode.IsLower(before) || unicode.IsDigit(before) {
		return true
	}
	return unicode.IsUpper(before) && i+1 < len(letters) && unicode.IsLower(letters[i+1])
}

// unique adds a number to a name that another object has already.
func unique(name string, taken map[string]bool) string {
	candidate := name
	for n := 2; taken[candidate]; n++ {
		end := fmt.Sprintf("-%d", n)
		candidate = strings.TrimRight(name[:min(len(name), maxName-len(end))], "-") + end
	}
	taken[candidate] = true
	return candidate
}

// knownHosts are those whose keys the operator has.
var knownHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "ssh.github.com"}

// secretCommands are the commands that make the Secrets, with their keys. Values
// come from variables and files of whoever types them.
func secretCommands(a *app, i initOptions) []string {
	create := "kubectl create secret generic " + "%s" + flagNamespace(i.namespace)
	all := []string{fmt.Sprintf(create, shellWord(i.credentials)) + ` --from-literal=AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" --from-literal=AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY"`}
	switch {
	case a.copy.ssh:
		command := fmt.Sprintf(create, shellWord(i.sshKey)) + " --type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=deploy-key"
		if host, port := sshHost(a.copy.repository); !slices.Contains(knownHosts, host) {
			scan := "ssh-keyscan "
			if port != "" {
				scan += "-p " + port + " "
			}
			all = append(all, scan+shellWord(host)+" > known_hosts   # compare it with what the host publishes")
			command += " --from-file=known_hosts"
		}
		all = append(all, command)
	case i.https != "":
		all = append(all, fmt.Sprintf(create, shellWord(i.https))+` --from-literal=username="$GIT_USERNAME" --from-literal=password="$GIT_TOKEN"`)
	}
	return all
}

// sshHost is the host of an address that repositoryOf made, and its port, if any.
func sshHost(repository string) (host, port string) {
	if u, err := url.Parse(repository); err == nil && u.Scheme == "ssh" {
		return u.Hostname(), u.Port()
	}
	_, rest, _ := strings.Cut(repository, "@")
	host, _, _ = strings.Cut(rest, ":")
	return host, ""
}

func flagNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " -n " + shellWord(namespace)
}

// shellWord quotes a text for a shell where it needs that.
func shellWord(text string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("@%+=:,./_-", r)
	}
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
