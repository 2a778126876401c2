package cdk

import (
	"strings"
	"testing"
	"unicode/utf8"

	"awscdk.dev/operator/internal/problem"
)

func TestALongMessageIsKeptUpToItsBound(t *testing.T) {
	for name, text := range map[string]string{
		"two bytes a character":   strings.Repeat("ü", 1500),
		"three bytes a character": strings.Repeat("語", 1000),
		"four bytes a character":  strings.Repeat("🚀", 750),
	} {
		p := stalls(ErrSynthFailed, "%s", text)
		if n := len(p.Message); n > problem.MaxMessage || n < problem.MaxMessage-8 || !utf8.ValidString(p.Message) {
			t.Errorf("%s: %d of %d bytes are kept", name, n, len(text))
		}
	}
}
