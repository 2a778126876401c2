package git

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

// listing collects, from what a server lists, the refs that someone asked
// for. The rest is read over and forgotten, so that a repository with very
// many refs costs time on the wire and no memory.
type listing struct {
	asked    []Selector
	names    map[string]bool   // full names that could answer a ref
	found    map[string]string // full name to commit
	versions *versions         // of tags, for ranges; nil when none is asked for
}

func newListing(asked []Selector) *listing {
	l := &listing{asked: asked, names: map[string]bool{}, found: map[string]string{}}
	for _, s := range asked {
		if s.Semver != "" {
			if l.versions == nil {
				l.versions = newVersions()
			}
			l.versions.want(s.Semver)
			continue
		}
		for _, c := range candidates(s.Ref) {
			l.names[c.name] = true
		}
	}
	return l
}

const tagPrefix = "refs/tags/"

// maxPrefixes bounds the ref-prefix lines of a request; with more, all
// branches and tags are asked for.
const maxPrefixes = 512

// request is the body of an ls-refs command of protocol version 2.
func (l *listing) request(objectFormat string) []byte {
	out := appendPacket(nil, "command=ls-refs\n")
	out = appendPacket(out, "agent=%s\n", agent)
	if objectFormat != "" {
		out = appendPacket(out, "object-format=%s\n", objectFormat)
	}
	out = append(out, "0001"...)
	out = appendPacket(out, "peel\n")
	for _, prefix := range l.prefixes() {
		out = appendPacket(out, "ref-prefix %s\n", prefix)
	}
	return append(out, "0000"...)
}

func (l *listing) prefixes() []string {
	if len(l.names) > maxPrefixes {
		return []string{"HEAD", "refs/"}
	}
	out := make([]string, 0, len(l.names)+1)
	for name := range l.names {
		out = append(out, name)
	}
	if l.versions != nil {
		out = append(out, tagPrefix)
	}
	slices.Sort(out)
	return out
}

// readV2 reads the answer to request: lines of "hash name attributes…".
func (l *listing) readV2(in *packets) error {
	for {
		kind, data, err := in.next()
		if err != nil {
			return unexpected(err)
		}
		if kind != dataPacket {
			return nil
		}
		hash, rest, _ := bytes.Cut(data, []byte(" "))
		name, attributes, _ := bytes.Cut(rest, []byte(" "))
		for attribute := range bytes.SplitSeq(attributes, []byte(" ")) {
			if peeled, ok := bytes.CutPrefix(attribute, []byte("peeled:")); ok {
				hash = peeled
			}
		}
		l.add(string(name), hash)
	}
}

// readV0 reads the advertisement of protocol versions 0 and 1, beginning with
// a packet that was read already. A repository without refs has none at all
// (first is nil), or one line that names no ref.
func (l *listing) readV0(first []byte, in *packets) error {
	if first == nil {
		return nil
	}
	line, _, _ := bytes.Cut(first, []byte{0}) // capabilities follow the zero byte
	for {
		hash, name, ok := bytes.Cut(line, []byte(" "))
		if !ok && !bytes.HasPrefix(line, []byte("version ")) {
			return errNotGit
		}
		// A tag's own object comes first, what it points at after it.
		l.add(strings.TrimSuffix(string(name), "^{}"), hash)
		kind, data, err := in.next()
		if err != nil {
			return unexpected(err)
		}
		if kind != dataPacket {
			return nil
		}
		line, _, _ = bytes.Cut(data, []byte{0})
	}
}

func (l *listing) add(name string, hash []byte) {
	short, isTag := strings.CutPrefix(name, tagPrefix)
	isTag = isTag && l.versions != nil
	if !l.names[name] && !isTag || !IsHash(string(hash)) {
		return
	}
	if l.names[name] {
		l.found[name] = string(hash)
	}
	if isTag {
		l.versions.add(short, string(hash))
	}
}

// unexpected keeps an end of stream in the middle of a listing from passing
// for its end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
