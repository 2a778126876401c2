package git

import (
	"bytes"
	"crypto/dsa" //nolint:staticcheck // DSA is only told from what can be used.
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
)

// privateKey is an SSH private key as both clients read it: this package's own and
// the ssh program, which is stricter about how a file is written.
type privateKey struct {
	signer ssh.Signer
	key    any
}

// file is the key in OpenSSH's own format.
func (k privateKey) file() ([]byte, error) {
	block, err := ssh.MarshalPrivateKey(k.key, "")
	if err != nil {
		return nil, errKeyKind
	}
	return pem.EncodeToMemory(block), nil
}

// keyFile is a key for the ssh program.
func keyFile(in []byte) ([]byte, error) {
	key, err := parseSSHKey(in)
	if err != nil {
		return nil, err
	}
	return key.file()
}

var errKeyKind = invalid("the SSH private key is of a kind that git hosts do not take; make one with ssh-keygen -t ed25519")

// parseSSHKey reads a private key as people keep them: with the line ends of
// Windows, blanks, text around it, or its newlines lost on the way through a
// variable; in the formats of OpenSSH, PKCS#1, SEC 1 and PKCS#8.
func parseSSHKey(in []byte) (privateKey, error) {
	block, _ := pem.Decode(tidyPEM(in))
	if block == nil {
		return privateKey{}, explainNoKey(in)
	}
	text := pem.EncodeToMemory(block)
	key, err := ssh.ParseRawPrivateKey(text)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked || strings.Contains(block.Type, "ENCRYPTED") {
		return privateKey{}, invalid("the SSH private key is protected by a passphrase; use a deploy key without one (ssh-keygen -p -f KEYFILE removes it)")
	}
	if err != nil {
		// The parser's message is left out: it may quote what it read.
		return privateKey{}, invalid("the SSH private key cannot be read; ssh-privatekey of the Secret must hold a whole RSA, ECDSA or Ed25519 private key, as ssh-keygen writes it")
	}
	signer, err := ssh.NewSignerFromKey(key)
	if _, dsa := key.(*dsa.PrivateKey); dsa || err != nil {
		return privateKey{}, errKeyKind
	}
	return privateKey{signer: signer, key: key}, nil
}

// explainNoKey says what is there in the place of a private key.
func explainNoKey(in []byte) error {
	text := strings.TrimSpace(string(in))
	switch {
	case strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return invalid("the SSH private key is in PuTTY's format; convert it (puttygen KEYFILE -O private-openssh -o NEWFILE) and put the new file into ssh-privatekey of the Secret")
	case strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-"):
		return invalid("ssh-privatekey of the Secret holds a public key; put in the private one, the file without .pub")
	case strings.Contains(text, "-----BEGIN ") && !strings.Contains(text, "-----END "):
		return invalid("the SSH private key cannot be read: its end is missing; put the whole file into ssh-privatekey of the Secret")
	}
	return invalid("the SSH private key cannot be read; ssh-privatekey of the Secret must hold an unencrypted private key in PEM form, as ssh-keygen writes it")
}

// tidyPEM puts the parts of a PEM block on lines of their own, as pem.Decode
// wants them, and leaves out what stands before and between.
func tidyPEM(in []byte) []byte {
	text := strings.TrimPrefix(string(in), "\ufeff")
	if !strings.Contains(text, "\n") {
		text = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", "\r", "\n").Replace(text)
	}
	_, after, found := strings.Cut(text, "-----BEGIN ")
	if !found {
		return nil
	}
	kind, after, found := strings.Cut(after, "-----")
	body, _, ended := strings.Cut(after, "-----END "+kind+"-----")
	if !found || !ended {
		return nil
	}
	var out bytes.Buffer
	out.WriteString("-----BEGIN " + kind + "-----\n")
	for line := range strings.FieldsFuncSeq(body, func(c rune) bool { return c == '\n' || c == '\r' }) {
		line = strings.TrimSpace(line)
		if !strings.Contains(line, ":") {
			// One of base64: no blank belongs into it.
			line = strings.Join(strings.Fields(line), "")
		}
		out.WriteString(line + "\n")
	}
	out.WriteString("-----END " + kind + "-----\n")
	return out.Bytes()
}
