package git

import (
	"bytes"
	"context"
	"strconv"
)

// maxFiles bounds the files of one checkout.
const maxFiles = 1_000_000

// measure says whether a commit's files are few and small enough. The error
// is of kind ErrTooLarge, or of git.
func (m *mirror) measure(ctx context.Context, store, hash string) error {
	tree := treeSize{maxBytes: m.maxBytes}
	err := m.run.stream(ctx, store, &tree, "ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", hash)
	if tree.full {
		return fail(ErrTooLarge, "commit %s of %s holds more than %d MiB or %d files; raise the limit, or take large files out of the repository", hash, m.remote.Repository, m.maxBytes>>20, maxFiles)
	}
	return err
}

// treeSize is a writer that adds up what git ls-tree -l -z lists.
type treeSize struct {
	maxBytes int64

	rest  []byte // of a line whose end has not come
	files int
	bytes int64
	full  bool
}

func (t *treeSize) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	left := t.rest
	for {
		line, after, whole := bytes.Cut(left, []byte{0})
		if !whole {
			t.rest = append(t.rest[:0], left...)
			t.full = t.full || len(left) > maxPathLength
			break
		}
		t.add(line)
		left = after
	}
	if t.full {
		return 0, errEnough
	}
	return len(p), nil
}

// add takes "mode type hash size<tab>path"; a submodule's size is "-".
func (t *treeSize) add(line []byte) {
	about, _, _ := bytes.Cut(line, []byte("\t"))
	fields := bytes.Fields(about)
	t.files++
	if len(fields) == 4 {
		size, _ := strconv.ParseInt(string(fields[3]), 10, 64)
		t.bytes += size
	}
	t.full = t.full || t.files > maxFiles || t.bytes > t.maxBytes
}
