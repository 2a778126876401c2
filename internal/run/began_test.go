package run

import (
	"os"
	"testing"
)

// A manager that is upgraded takes over runs that set no mark: what had said who
// it is had begun, and must not be started again in silence.
func TestARunOfAnEarlierVersionHasBegun(t *testing.T) {
	dir := Dir(t.TempDir())
	if dir.HasBegun() {
		t.Fatal("an empty folder is that of a run that has begun")
	}
	if err := os.WriteFile(dir.Process(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !dir.HasBegun() {
		t.Error("a run that says who it is has not begun")
	}
}
