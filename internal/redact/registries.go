package redact

import (
	"encoding/base64"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/regular"
)

// registryFiles are where npm, pnpm and yarn keep what they show to a registry.
var registryFiles = []string{".npmrc", ".yarnrc", ".yarnrc.yml"}

// maxRegistryFile bounds what is read of one of them, in bytes.
const maxRegistryFile = 1 << 20

// registrySecret is a line of such a file, in each of their three formats:
// npm's and pnpm's `key = value`, yarn 1's `"key" "value"` and yarn's YAML.
var registrySecret = regexp.MustCompile(`(?im)^[\s"']*[^\s=#;]*?(_authToken|_auth|_password|npmAuthToken|npmAuthIdent|\bkey)["']?[ \t]*[:=\s][ \t]*["']?([^"'\r\n]+?)["']?[ \t]*\r?$`)

// variable is how these files refer to the environment: ${NAME}, and
// ${NAME-default}, ${NAME:-default} and ${NAME?}.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:?-([^}]*))?\??\}`)

// RegistrySecrets returns the tokens and passwords in the settings of npm, pnpm
// and yarn that count in a folder: its own, those of the folders above it up to
// root, and the user's and the machine's, which the environment names. What
// cannot be read holds none.
func RegistrySecrets(dir, root string, env []string) []string {
	return slices.Concat(environSecrets(env), fileSecrets(RegistryFiles(dir, root, env), env))
}

// RegistryFiles are where npm, pnpm and yarn keep the settings that count in a
// folder: its own, those of the folders above it up to root, and the user's and
// the machine's, which the environment names. They need not exist.
func RegistryFiles(dir, root string, env []string) []string {
	var files []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		for _, name := range registryFiles {
			files = append(files, filepath.Join(at, name))
		}
		if at == filepath.Clean(root) || at == filepath.Dir(at) {
			break
		}
	}
	return append(files, machineFiles(env)...)
}

// EnvironSecrets returns the tokens and passwords of registries and proxies
// that an environment holds and names.
func EnvironSecrets(env []string) []string {
	return slices.Concat(environSecrets(env), fileSecrets(machineFiles(env), env))
}

// machineFiles are the settings of the user and of the machine.
func machineFiles(env []string) []string {
	var files []string
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		switch strings.ToLower(name) {
		case "npm_config_userconfig", "npm_config_globalconfig":
			files = append(files, value)
		case "home":
			for _, file := range append(registryFiles, ".config/pnpm/rc", ".config/pnpm/auth.ini") {
				files = append(files, filepath.Join(value, file))
			}
		case "path":
			// npm's prefix is the folder above that of node.
			for _, bin := range filepath.SplitList(value) {
				files = append(files, filepath.Join(filepath.Dir(bin), "etc", "npmrc"))
			}
		}
	}
	return files
}

func fileSecrets(files, env []string) []string {
	var found []string
	for _, file := range files {
		if content, err := regular.ReadLinked(file, maxRegistryFile); err == nil {
			found = append(found, registrySecrets(string(content), env)...)
		}
	}
	return found
}

// registrySecrets are the secrets in the text of a file, as they are written
// and as the package manager understands them.
func registrySecrets(content string, env []string) []string {
	var found []string
	for _, m := range registrySecret.FindAllStringSubmatch(content, -1) {
		value := variable.ReplaceAllStringFunc(m[2], func(s string) string {
			part := variable.FindStringSubmatch(s)
			for _, entry := range env {
				if value, ok := strings.CutPrefix(entry, part[1]+"="); ok {
					return value
				}
			}
			return part[3]
		})
		found = append(found, understood(value)...)
	}
	return append(found, passwordsIn(content)...)
}

// understood is a setting, with its lines when it is a key, and what it is in
// base64: npm's _auth and yarn's npmAuthIdent are user:password, _password is
// the password.
func understood(value string) []string {
	found := []string{value, strings.ReplaceAll(value, `\n`, "\n")}
	texts := []string{value}
	if data, err := base64.StdEncoding.DecodeString(value); err == nil {
		found, texts = append(found, string(data)), append(texts, string(data))
	}
	for _, text := range texts {
		if _, password, ok := strings.Cut(text, ":"); ok {
			found = append(found, password)
		}
	}
	return found
}

// secretName is a variable that holds a secret by its name. What names a file
// does not.
var secretName = regexp.MustCompile(`(?i)(token|secret|passw(or)?d|_auth|authident|api_?key|access_?key|private_?key|credentials?)$`)

// environSecrets are the values of variables with telling names, and passwords
// in the addresses of proxies and registries.
func environSecrets(env []string) []string {
	var found []string
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if len(value) >= minLine && secretName.MatchString(name) {
			found = append(found, understood(value)...)
		}
		found = append(found, passwordsIn(value)...)
	}
	return found
}

// passwordsIn are the passwords of the addresses in a text, as they are
// written and decoded.
func passwordsIn(text string) []string {
	var found []string
	for _, at := range findPasswords(&view{text: []byte(text)}, nil) {
		password := text[at.from:at.to]
		found = append(found, password)
		if decoded, err := url.PathUnescape(password); err == nil {
			found = append(found, decoded)
		}
	}
	return found
}
