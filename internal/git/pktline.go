package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Packets of git's wire format (gitprotocol-common): four hexadecimal digits
// of length, then that much data. Lengths 0 to 2 are marks.
const (
	flushPacket = iota // end of a message
	delimPacket        // between sections
	endPacket          // end of a stateless response
	dataPacket
)

// maxPacket is the longest packet that the format allows, header included.
const maxPacket = 65520

// maxListing bounds what one listing may send, in bytes: about three million
// refs. A server that sends more is not listened to any longer.
const maxListing = 256 << 20

var errListingTooLong = fail(ErrTooLarge, "the server's list of refs is longer than %d MiB", maxListing>>20)

// packets reads a stream of packets in bounded memory.
type packets struct {
	in   *bufio.Reader
	read int
	buf  []byte
}

func newPackets(in io.Reader) *packets {
	return &packets{in: bufio.NewReaderSize(in, 16<<10)}
}

// next returns the kind of the next packet and its data without the newline
// at its end; the data is good until the next call. At the end of the stream
// the error is io.EOF.
func (p *packets) next() (kind int, data []byte, err error) {
	var header [4]byte
	if _, err := io.ReadFull(p.in, header[:]); err != nil {
		return 0, nil, err
	}
	n, err := strconv.ParseUint(string(header[:]), 16, 16)
	switch {
	case err != nil || n == 3 || n > maxPacket:
		return 0, nil, errNotGit
	case n < 3:
		return int(n), nil, nil
	}
	length := int(n) - len(header)
	if p.read += length; p.read > maxListing {
		return 0, nil, errListingTooLong
	}
	if cap(p.buf) < length {
		p.buf = make([]byte, length)
	}
	data = p.buf[:length]
	if _, err := io.ReadFull(p.in, data); err != nil {
		return 0, nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	if message, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return 0, nil, &remoteError{text: printable(string(message))}
	}
	return dataPacket, bytes.TrimSuffix(data, []byte("\n")), nil
}

var errNotGit = errors.New("the answer is not git's wire format")

// remoteError is a message that a server sent instead of an answer.
type remoteError struct{ text string }

func (e *remoteError) Error() string { return "the server says: " + e.text }

// appendPacket adds one data packet to out.
func appendPacket(out []byte, format string, args ...any) []byte {
	data := fmt.Sprintf(format, args...)
	return append(fmt.Appendf(out, "%04x", len(data)+4), data...)
}

// printable makes one short line of a text that a server sent.
func printable(s string) string {
	const limit = 200
	out := make([]rune, 0, limit)
	for _, c := range s {
		if len(out) == limit {
			break
		}
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		out = append(out, c)
	}
	return string(bytes.TrimSpace([]byte(string(out))))
}
