package cdk

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// tsNodeEntry returns the entry point, absolute, of an app command that is
// ts-node checking types as it goes: `[npx] ts-node [--prefer-ts-exts] file.ts`
// and the like. For every other command, of which the author has decided
// otherwise or of which we cannot be sure, it is "".
func (s settings) tsNodeEntry(dir string) string {
	var command string
	if json.Unmarshal(s.App, &command) != nil || strings.ContainsAny(command, "&|;<>()$`\\\"'*?[]#~=%!{}\n") {
		return ""
	}
	words := strings.Fields(command)
	switch {
	case starts(words, "npx", "ts-node"), starts(words, "yarn", "ts-node"):
		words = words[2:]
	case starts(words, "pnpm", "exec", "ts-node"):
		words = words[3:]
	case starts(words, "ts-node"), starts(words, "node_modules/.bin/ts-node"), starts(words, "./node_modules/.bin/ts-node"):
		words = words[1:]
	case starts(words, "node", "-r", "ts-node/register"), starts(words, "node", "--require", "ts-node/register"):
		words = words[3:]
	default:
		return ""
	}
	for len(words) > 0 && words[0] == "--prefer-ts-exts" {
		words = words[1:]
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return ""
	}
	entry := filepath.Join(dir, words[0])
	if filepath.IsAbs(words[0]) || !isFile(entry) || !slices.Contains([]string{".ts", ".mts", ".cts"}, filepath.Ext(entry)) {
		return ""
	}
	return entry
}

func starts(words []string, prefix ...string) bool {
	return len(words) >= len(prefix) && slices.Equal(words[:len(prefix)], prefix)
}
