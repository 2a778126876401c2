package git

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // git names objects by it.
	"encoding/hex"
	"errors"
	"fmt"
)

// maxCommitObject bounds a commit with its message and signature, in bytes.
const maxCommitObject = 4 << 20

// readCommit returns the commit object as git stores it, which its hash
// vouches for.
func (m *mirror) readCommit(ctx context.Context, store, hash string) ([]byte, error) {
	raw := boundedWriter{limit: maxCommitObject}
	err := m.run.stream(ctx, store, &raw, "cat-file", "commit", hash)
	if raw.full {
		return nil, fail(ErrTooLarge, "commit %s of %s is larger than %d MiB; it cannot be verified", hash, m.remote.Repository, maxCommitObject>>20)
	}
	if err != nil {
		return nil, m.orTimeout(ctx, errors.Join(errDamaged, err))
	}
	sum := sha1.New() //nolint:gosec // see above
	fmt.Fprintf(sum, "commit %d\x00", len(raw.data))
	sum.Write(raw.data)
	if hex.EncodeToString(sum.Sum(nil)) != hash {
		return nil, errDamaged
	}
	return raw.data, nil
}

// boundedWriter keeps what is written to it, and fails beyond its limit.
type boundedWriter struct {
	limit int
	data  []byte
	full  bool
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > b.limit {
		b.full = true
		return 0, errEnough
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

// splitSignature takes a commit object apart as git does to verify it: the
// signature of the header gpgsig, and the object without that header (nor the
// one of the other hash, gpgsig-sha256). The count is that of gpgsig headers.
//
// git: parse_buffer_signed_by_header in commit.c.
func splitSignature(raw []byte) (payload, signature []byte, count int) {
	const none, ours, other = 0, 1, 2
	within := none
	for len(raw) > 0 {
		_, rest, _ := bytes.Cut(raw, []byte("\n"))
		line := raw[:len(raw)-len(rest)] // with its newline
		value, isOurs := bytes.CutPrefix(line, []byte("gpgsig "))
		switch {
		case line[0] == '\n': // the message: all of it is signed
			return append(payload, raw...), signature, count
		case isOurs:
			within, count = ours, count+1
			signature = append(signature, value...)
		case bytes.HasPrefix(line, []byte("gpgsig")):
			within = other
		case line[0] == ' ' && within == ours:
			signature = append(signature, line[1:]...)
		case line[0] == ' ' && within == other:
		default:
			within = none
			payload = append(payload, line...)
		}
		raw = rest
	}
	return payload, signature, count
}
