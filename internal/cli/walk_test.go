package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// prompts are what a person answers on the same line.
var prompts = regexp.MustCompile(`(\[y/N\]|which\?|to delete it:) `)

// TestTheWalkInTheDocsIsTrue holds each command of the page to what it wrote when
// the session was played.
func TestTheWalkInTheDocsIsTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "kubectl-cdk.md"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := recordedWalk(t)
	shown := 0
	for i, block := range strings.Split(string(page), "```console\n") {
		block, _, _ = strings.Cut(block, "```")
		if i == 0 {
			continue
		}
		for command := range strings.SplitSeq(strings.TrimPrefix(block, "$ kubectl cdk "), "\n$ kubectl cdk ") {
			shown++
			line, text, _ := strings.Cut(command, "\n")
			if want, known := recorded[line]; !known || strings.TrimSpace(text) != strings.TrimSpace(want) {
				t.Errorf("the page shows for %s:\n%s\nand it wrote:\n%s", line, text, want)
			}
		}
	}
	if shown != len(recorded) {
		t.Errorf("the page shows %d commands of %d", shown, len(recorded))
	}
}

// recordedWalk is what each command of the session wrote, with what was typed.
func recordedWalk(t *testing.T) map[string]string {
	data, err := os.ReadFile(filepath.Join("testdata", "walk.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, part := range strings.Split(string(data), "\nrun ")[1:] {
		command, text, _ := strings.Cut(part, "\n----\n")
		command, typed, _ := strings.Cut(command, "\n")
		text, _, _ = strings.Cut(strings.TrimPrefix(text, "----\n"), "(exit code ")
		answers := strings.Split(typed, "\n")
		all[command] = prompts.ReplaceAllStringFunc(text, func(prompt string) string {
			answer := answers[0]
			answers = append(answers[1:], "")
			return prompt + answer + "\n"
		})
	}
	return all
}
