package problem

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextsAreCutAtCharactersAndHoldTheirBound(t *testing.T) {
	texts := map[string]string{
		"plain":               strings.Repeat("a", 3000),
		"two bytes each":      strings.Repeat("ü", 1500),
		"three bytes each":    strings.Repeat("…", 1000),
		"four bytes each":     strings.Repeat("🚀", 750),
		"one byte, then four": "a" + strings.Repeat("🚀", 750),
		"not UTF-8":           strings.Repeat("a\xff", 1500),
		"a cut character":     strings.Repeat("a", 2999) + "\xf0\x9f\x9a",
		"lines":               strings.Repeat("größer\n", 400),
	}
	cutters := map[string]func(string, int) string{"Cut": Cut, "Head": Head, "CutMiddle": CutMiddle, "CutStart": CutStart}
	for name, text := range texts {
		for cutter, cut := range cutters {
			for n := range 2100 {
				got := cut(text, n)
				if len(got) > n || !utf8.ValidString(got) {
					t.Fatalf("%s(%s, %d) has %d bytes, valid: %t", cutter, name, n, len(got), utf8.ValidString(got))
				}
				if len(got) < n-utf8.UTFMax+1 && cutter != "CutMiddle" {
					t.Fatalf("%s(%s, %d) keeps %d bytes only", cutter, name, n, len(got))
				}
				if again := cut(got, n); again != got && cutter != "CutMiddle" {
					t.Fatalf("%s(%s, %d) changes when it is cut again", cutter, name, n)
				}
			}
		}
	}
}

func TestATextWithinTheBoundStaysAsItIs(t *testing.T) {
	const text = "größer als 🚀"
	for name, cut := range map[string]func(string, int) string{"Cut": Cut, "Head": Head, "CutMiddle": CutMiddle, "CutStart": CutStart} {
		if got := cut(text, len(text)); got != text {
			t.Errorf("%s = %q", name, got)
		}
	}
}

func TestCutMiddleKeepsBothEnds(t *testing.T) {
	got := CutMiddle("begin "+strings.Repeat("ü", 3000)+" end", MaxMessage)
	if !strings.HasPrefix(got, "begin ") || !strings.HasSuffix(got, " end") || len(got) < MaxMessage-8 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
