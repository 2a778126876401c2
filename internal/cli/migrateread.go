package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/internal/admission"

	"go.yaml.in/yaml/v3"
)

// How much `migrate` reads: bytes of one file, files of a folder, and objects.
const (
	maxFile    = 32 << 20
	maxFiles   = 10000
	maxObjects = 10000
)

// written is one CdkTsStack as somebody wrote it.
type written struct {
	// line is where it begins in its file.
	line int
	kind string
	// object is its content, nil when it is broken.
	object map[string]any
	broken *finding
	// node is its place in the text of its part of the file.
	node *yaml.Node
	*part
	// listed says that it is one of the items of a List.
	listed bool
}

// manifests are what was read, the parts in their order.
type manifests struct {
	sources []*written
	parts   []*part
	files   int
}

func (o *Options) readManifests(names []string) (m manifests, err error) {
	for _, name := range names {
		if name == "-" {
			data, err := io.ReadAll(io.LimitReader(o.Streams.In, maxFile+1))
			if err != nil {
				return m, fmt.Errorf("read standard input: %w", err)
			}
			if err := m.add("<stdin>", data); err != nil {
				return m, err
			}
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return m, errUsage{fmt.Errorf("there is no file or folder %s", name)}
		case info.IsDir():
			err = m.folder(name)
		case !info.Mode().IsRegular():
			err = errUsage{fmt.Errorf("%s is neither a file nor a folder", name)}
		case info.Size() > maxFile:
			err = fmt.Errorf("%s has %d bytes, which is more than %d", name, info.Size(), maxFile)
		default:
			err = m.file(name)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *manifests) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return m.add(name, data)
}

// folder reads the manifests of a folder and of all below it. Links are not
// followed, and what is hidden or installed is passed over.
func (m *manifests) folder(name string) error {
	return filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if entry.IsDir() {
			if file != name && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(file))) {
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxFile {
			return nil // nothing of that size was written by hand
		}
		if m.files >= maxFiles {
			return fmt.Errorf("%s has more than %d manifests: name the folder that is meant", name, maxFiles)
		}
		return m.file(file)
	})
}

// add reads the documents of a file.
func (m *manifests) add(name string, data []byte) error {
	m.files++
	if len(data) > maxFile {
		return fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for _, d := range split(name, data) {
		found := d.read()
		m.parts = append(m.parts, d)
		if len(m.sources)+len(found) > maxObjects {
			return fmt.Errorf("there are more than %d objects: check them in parts", maxObjects)
		}
		m.sources = append(m.sources, found...)
	}
	return nil
}

// part is a document of a file, after so many of its lines, the last of which is
// lead, the separator.
type part struct {
	file       string
	lead, text []byte
	before     int
}

// separator is the line between two documents.
var separator = regexp.MustCompile(`^---[ \t]*(#.*)?\r?\n?$`)

func split(file string, data []byte) (all []*part) {
	current, lines := &part{file: file}, 0
	for line := range bytes.Lines(data) {
		lines++
		if separator.Match(line) {
			all = append(all, current)
			current = &part{file: file, lead: line, before: lines}
			continue
		}
		current.text = append(current.text, line...)
	}
	return append(all, current)
}

// templated is what Helm, and others, write in the place of values.
var templated = []byte("{{")

// ours finds what claims to be a CdkTsStack in a text that is not YAML.
var ours = regexp.MustCompile(`(?mi)^\s*(apiVersion:\s*["']?awscdk\.dev/|kind:\s*["']?CdkTsStack)`)

// read finds the CdkTsStacks of a document. What is of another kind is passed
// over, whatever it holds.
func (d *part) read() []*written {
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil {
		if !ours.Match(d.text) {
			return nil
		}
		return []*written{d.unreadable(err)}
	}
	if len(root.Content) == 0 {
		return nil
	}
	top := target(root.Content[0])
	kind, version := value(top, "kind"), value(top, "apiVersion")
	if kind == "List" || strings.EqualFold(kind, "CdkTsStackList") {
		return d.items(top)
	}
	if !isCdkTsStack(version, kind) {
		return nil
	}
	s := &written{part: d, line: d.before + top.Line, kind: kind, node: top}
	object, err := admission.Decode(d.text)
	if err != nil {
		broken := d.unreadable(err)
		broken.line, broken.kind = s.line, kind
		return []*written{broken}
	}
	s.take(object)
	return []*written{s}
}

// items are the CdkTsStacks of a List.
func (d *part) items(top *yaml.Node) (all []*written) {
	_, items := field(top, "items")
	if items == nil {
		return nil
	}
	object, err := admission.Decode(d.text)
	list, _ := object["items"].([]any)
	for i, node := range items.Content {
		node = target(node)
		if !isCdkTsStack(value(node, "apiVersion"), value(node, "kind")) {
			continue
		}
		if err != nil {
			return []*written{d.unreadable(err)}
		}
		s := &written{part: d, line: d.before + node.Line, kind: value(node, "kind"), node: node, listed: true}
		if item, ok := list[i].(map[string]any); ok {
			s.take(item)
			all = append(all, s)
		}
	}
	return all
}

func isCdkTsStack(version, kind string) bool {
	group, _, _ := strings.Cut(version, "/")
	return group == "awscdk.dev" || strings.EqualFold(kind, "CdkTsStack")
}

// take takes an object over, unless it is a template or of another kind.
func (s *written) take(object map[string]any) {
	switch version, _ := object["apiVersion"].(string); {
	case holdsTemplate(object, ""):
		s.broken = s.template()
	case version != "awscdk.dev/v1alpha1":
		s.broken = &finding{grade: must, path: "apiVersion", line: s.lineOf("apiVersion"), text: fmt.Sprintf("%q is not served: write awscdk.dev/v1alpha1", version)}
	case s.kind != "CdkTsStack":
		s.broken = &finding{grade: must, path: "kind", line: s.lineOf("kind"), text: fmt.Sprintf("there is no kind %q: write CdkTsStack", s.kind)}
	default:
		s.object = object
	}
}

// holdsTemplate says whether a value anywhere but in a hook, which may have
// braces of its own, is still to be filled in.
func holdsTemplate(value any, path string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, "{{")
	case map[string]any:
		for key, below := range v {
			if path+"."+key != ".spec.lifecycleHooks" && holdsTemplate(below, path+"."+key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return holdsTemplate(item, path) })
	}
	return false
}

func (s *written) template() *finding {
	return &finding{grade: must, path: s.kind, line: s.line, text: "this is a template, of Helm or the like, and no manifest yet. Check what it makes: helm template CHART | kubectl cdk migrate -f -"}
}

// lineInError is where the YAML reader names a line, of the document.
var lineInError = regexp.MustCompile(`\bline (\d+)`)

// unreadable is a document that is no YAML.
func (d *part) unreadable(err error) *written {
	s := &written{part: d, line: d.before + 1, kind: "CdkTsStack"}
	if bytes.Contains(d.text, templated) {
		s.broken = s.template()
		return s
	}
	line := s.line
	text := lineInError.ReplaceAllStringFunc(err.Error(), func(at string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(at, "line "))
		line = d.before + n
		return fmt.Sprintf("line %d", line)
	})
	text = "it cannot be read: " + strings.TrimPrefix(text, "error converting YAML to JSON: ")
	if at := bytes.Split(d.text, []byte("\n")); line-d.before >= 1 && line-d.before <= len(at) && bytes.HasPrefix(bytes.TrimLeft(at[line-d.before-1], " "), []byte("\t")) {
		text += ". The line is indented with a tab: YAML takes spaces only"
	}
	s.broken = &finding{grade: must, path: s.kind, line: line, text: text}
	return s
}

// target follows an alias to what it stands for.
func target(n *yaml.Node) *yaml.Node {
	for range 100 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return n
}

// field gives key and value of a mapping's field, also of one that it merges in.
func field(n *yaml.Node, name string) (key, below *yaml.Node) {
	return fieldWithin(n, name, 16)
}

func fieldWithin(n *yaml.Node, name string, merges int) (key, below *yaml.Node) {
	if n = target(n); n == nil || n.Kind != yaml.MappingNode || merges == 0 {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], target(n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "<<" {
			if key, below := fieldWithin(n.Content[i+1], name, merges-1); key != nil {
				return key, below
			}
		}
	}
	return nil, nil
}

func value(n *yaml.Node, name string) string {
	if _, below := field(n, name); below != nil {
		return below.Value
	}
	return ""
}

// steps takes a path apart: names, and indices in brackets.
var steps = regexp.MustCompile(`[^.\[\]]+`)

// lineOf is the line of a field in the file, or of what is around it as far as
// that is there.
func (s *written) lineOf(path string) int {
	line, at := s.line, s.node
	for _, step := range steps.FindAllString(path, -1) {
		at = target(at)
		if at == nil {
			break
		}
		if n, err := strconv.Atoi(step); err == nil && at.Kind == yaml.SequenceNode {
			if n < 0 || n >= len(at.Content) {
				break
			}
			at = at.Content[n]
			line = s.before + at.Line
			continue
		}
		key, below := field(at, step)
		if key == nil {
			break
		}
		line, at = s.before+key.Line, below
	}
	return line
}

// errNotBlock says that text cannot be put into a mapping as lines.
var errNotBlock = errors.New("it is not written as a block")
