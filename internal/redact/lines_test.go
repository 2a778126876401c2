package redact

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func lines(r *Redactor, pieces ...string) string {
	var out bytes.Buffer
	w := r.Lines(func(line []byte) { out.Write(line); out.WriteByte('\n') })
	for _, p := range pieces {
		_, _ = w.Write([]byte(p))
	}
	_ = w.Close()
	return out.String()
}

func TestLinesHideSecretsThatComeInPieces(t *testing.T) {
	const secret = "open-sesame-open-sesame"
	for name, pieces := range map[string][]string{
		"split over two writes":         {"the word is open-sesame", "-open-sesame, psst\n"},
		"without a newline":             {"the word is " + secret},
		"at the end of an endless line": {strings.Repeat("x", maxLine-8) + secret + strings.Repeat("y", maxLine)},
		"across the place of the cut":   {strings.Repeat("x", maxLine+10) + secret + strings.Repeat("y", maxLine) + "\nnext\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lines(New(secret), pieces...); got == "" || strings.Contains(got, "open-s") {
				t.Error("the lines show the secret, or its beginning")
			}
		})
	}
}

func TestLinesHideALongSecretWithoutANewline(t *testing.T) {
	var long strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&long, "part%05d", i)
	}
	for name, text := range map[string]string{
		"by itself":           long.String(),
		"percent-encoded":     url.QueryEscape(long.String()),
		"base64, in one line": base64.StdEncoding.EncodeToString([]byte("x" + long.String())),
		"base64, wrapped":     wrap(base64.StdEncoding.EncodeToString([]byte("x"+long.String())), 76),
		"after much":          strings.Repeat("x", maxLine) + long.String(),
	} {
		t.Run(name, func(t *testing.T) {
			var pieces []string
			for s := text; s != ""; s = s[min(len(s), 1000):] {
				pieces = append(pieces, s[:min(len(s), 1000)])
			}
			got := lines(New(long.String()), pieces...)
			if strings.Contains(got, "part0") || len(got) > maxLine+200 {
				t.Errorf("%d bytes are left, beginning with %.80q", len(got), got)
			}
			tail := New(long.String()).Tail(8 << 10)
			for _, p := range pieces {
				_, _ = tail.Write([]byte(p))
			}
			_ = tail.Close()
			if got := tail.String(); strings.Contains(got, "part0") || name != "after much" && len(got) > 20 {
				t.Errorf("the tail is %.80q", got)
			}
		})
	}
}

func TestLinesHideBase64ThatIsWrapped(t *testing.T) {
	r := New(secret)
	for before := range 60 {
		text := strings.Repeat("-", before) + secret
		for _, columns := range []int{64, 76} {
			wantHidden(t, lines(r, "key:\n"+wrap(base64.StdEncoding.EncodeToString([]byte(text)), columns), "\nend\n"), text)
		}
	}
	// However much base64 there is around it.
	much := strings.Repeat("much ado about nothing, ", 20_000)
	got := lines(r, wrap(base64.StdEncoding.EncodeToString([]byte(much+secret+much)), 76))
	wantHidden(t, got, "much")
	if n := strings.Count(got, Mark); n != 1 || len(got) < len(much)*2 {
		t.Errorf("%d marks in %d bytes", n, len(got))
	}
}

func TestLinesAreNotHeldBackWithoutNeed(t *testing.T) {
	var got []string
	w := New(secret).Lines(func(line []byte) { got = append(got, string(line)) })
	for _, line := range []string{"Waiting for the database ...", "https://example.com/a/b?c=d", strings.Repeat("=", 80), ""} {
		_, _ = w.Write([]byte(line + "\n"))
		if len(got) == 0 || got[len(got)-1] != line {
			t.Errorf("%q waits", line)
		}
	}
}

func TestLinesHideAPrivateKeyLineByLine(t *testing.T) {
	got := lines(New(), "before\n-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\nafter")
	if want := "before\n-----BEGIN PRIVATE KEY-----***\nafter\n"; got != want {
		t.Errorf("the lines are %q, want %q", got, want)
	}
}
