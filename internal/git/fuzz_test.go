package git

import (
	"bytes"
	"crypto/ed25519"
	"embed"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

//go:embed testdata/signed
var signed embed.FS

func seed(f *testing.F, name string) []byte {
	f.Helper()
	data, err := signed.ReadFile("testdata/signed/" + name)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// FuzzPackets holds that a stream of packets ends, within its bounds.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("0000"))
	f.Add(appendPacket(appendPacket(nil, "version 2\n"), "ERR no\n"))
	f.Add([]byte("0004000500010002ffff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in, read := newPackets(bytes.NewReader(stream)), 0
		for {
			kind, data, err := in.next()
			if err != nil {
				return
			}
			if read += 4 + len(data); read > len(stream) || kind < flushPacket || kind > dataPacket || len(data) > maxPacket {
				t.Fatalf("packet of kind %d with %d bytes after %d of %d", kind, len(data), read, len(stream))
			}
		}
	})
}

// FuzzListing holds that whatever a server says, only refs that were asked for
// are found, each with the hash of a commit.
func FuzzListing(f *testing.F) {
	hash := strings.Repeat("0f", 20)
	v0 := appendPacket(appendPacket(nil, "%s HEAD\x00agent=x\n", hash), "%s refs/tags/v1.2.0^{}\n", hash)
	v2 := appendPacket(appendPacket(nil, "version 2\n"), "object-format=sha1\n")
	f.Add(append(v0, "0000"...))
	f.Add(append(appendPacket(append(v2, "0000"...), "%s refs/heads/main symref-target:x peeled:%s\n", hash, hash), "0000"...))
	f.Add([]byte("000eversion 1\n0000"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		asked := []Selector{{Ref: "HEAD"}, {Ref: "main"}, {Semver: ">=1.0.0 <2"}}
		list, err := converse(discard{}, newPackets(bytes.NewReader(answer)), func() []Selector { return asked })
		if err != nil || list == nil {
			return
		}
		for name, found := range list.found {
			if !list.names[name] || !IsHash(found) {
				t.Fatalf("%q is %q, and was not asked for", name, found)
			}
		}
		for _, s := range asked {
			if head := list.resolve(s, Repository{}); head.Err == nil && !IsHash(head.Revision) {
				t.Fatalf("%v is %q", s, head.Revision)
			}
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// FuzzRepository holds that an address that is taken is no option, no command
// and no path of this machine, is understood the same when it is written again,
// and shows no password.
func FuzzRepository(f *testing.F) {
	for _, address := range []string{
		"https://git.acme.com/org/repo.git", "ssh://git@git.acme.com:2222/~me/repo", "git@github.com:org/repo.git", "http://u:pass%20word@h:80/a%2Fb",
		"ext::sh -c id", "-oProxyCommand=id", "file:///etc", "git@[::1]:x", "https://[fe80::1%25eth0]:443/x", "a:-b", "https://h/../..",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		r, err := ParseRepository(address)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%q: %v", address, err)
			}
			return
		}
		for _, text := range []string{r.String(), commandAddress(r)} {
			if strings.HasPrefix(text, "-") || remoteHelper.MatchString(text) || hasControl(text) {
				t.Fatalf("%q is given to git as %q", address, text)
			}
			if len(text) > maxRepositoryLength {
				continue // percent-encoding has made it longer than one may write
			}
			again, err := ParseRepository(text)
			if err != nil || again.host != r.host || again.scheme != r.scheme || again.path != r.path {
				t.Fatalf("%q became %q, which is %+v, %v", address, text, again, err)
			}
			if again.password != "" {
				t.Fatalf("%q shows its password as %q", address, text)
			}
		}
		if strings.HasPrefix(r.sshPath(), "-") || strings.ContainsAny(r.sshPath(), "'\\\n") && r.ssh() {
			t.Fatalf("%q has the path %q on the server", address, r.sshPath())
		}
	})
}

// FuzzKnownHosts holds that what is given to ssh means to it what it means
// here, for whatever a Secret holds.
func FuzzKnownHosts(f *testing.F) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	f.Add([]byte("git.acme.com "+key+"\n@revoked * "+key), "git.acme.com:22")
	f.Add([]byte("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= "+key+"\r\n"), "192.168.1.61:22")
	f.Add([]byte("@cert-authority *.acme.com,!x.acme.com "+key+" comment\n#\n@\n=\nx 1 2 3"), "[::1]:2222")
	f.Add(builtinKnownHosts, "github.com:22")
	f.Fuzz(func(t *testing.T, file []byte, address string) {
		_ = checkKnownHosts(file)
		trusted, err := trustFor(address, file)
		if err != nil {
			return
		}
		if host := strings.Trim(trusted.host, "[]:0123456789"); !hostName.MatchString(host) {
			return // no host of a checked address
		}
		again := newTrust(address, parseKnownHosts(trusted.file()))
		if !sameKeys(again.keys, trusted.keys) || !sameKeys(again.authorities, trusted.authorities) || !sameKeys(again.revoked, trusted.revoked) {
			t.Fatalf("ssh is given\n%s\nfor %+v", trusted.file(), trusted)
		}
		for _, k := range trusted.revoked {
			if trusted.check(address, nil, k) == nil {
				t.Fatalf("a revoked key of %q is trusted", address)
			}
		}
	})
}

func sameKeys(a, b []ssh.PublicKey) bool {
	for _, k := range a {
		if !contains(b, k) {
			return false
		}
	}
	return len(a) == len(b)
}

// FuzzPrivateKey holds that a key that is taken is the same when ssh reads it.
func FuzzPrivateKey(f *testing.F) {
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(block))
	f.Add(bytes.ReplaceAll(pem.EncodeToMemory(block), []byte("\n"), []byte(" \r\n")))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, in []byte) {
		key, err := parseSSHKey(in)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		file, err := key.file()
		if err != nil {
			t.Fatalf("it cannot be written: %v", err)
		}
		signer, err := ssh.ParsePrivateKey(file)
		if err != nil || !bytes.Equal(signer.PublicKey().Marshal(), key.signer.PublicKey().Marshal()) {
			t.Fatalf("ssh reads another key: %v", err)
		}
	})
}

// FuzzSignatures holds that nobody's signature is found good but those that
// the two trusted keys have made, over what they have made them.
func FuzzSignatures(f *testing.F) {
	keys, err := readKeys([][]byte{seed(f, "ssh-key.pub"), seed(f, "openpgp-key.asc")})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var payloads [][]byte
	for _, name := range []string{"ssh-commit", "openpgp-commit"} {
		raw := seed(f, name)
		if _, err := keys.verify("0f", raw, now); err != nil {
			f.Fatalf("%s is not found good: %v", name, err)
		}
		payload, _, _ := splitSignature(raw)
		payloads = append(payloads, payload)
		f.Add(raw)
	}
	f.Add([]byte("tree 0\ngpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lH\n -----END SSH SIGNATURE-----\n\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := keys.verify("0f", raw, now); err != nil {
			return
		}
		payload, _, _ := splitSignature(raw)
		for _, known := range payloads {
			if bytes.Equal(payload, known) {
				return
			}
		}
		t.Fatalf("a signature nobody made is found good:\n%s", raw)
	})
}

// FuzzTrustedKeys holds that keys that cannot be read trust nobody.
func FuzzTrustedKeys(f *testing.F) {
	for _, name := range []string{"ssh-key.pub", "openpgp-key.asc"} {
		f.Add(seed(f, name))
	}
	f.Add([]byte("me@acme.com,you cert-authority,namespaces=\"git\",valid-before=\"20300101\" ssh-ed25519 AAAA\n@revoked x"))
	raw := seed(f, "ssh-commit")
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := readKeys([][]byte{text})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if len(keys.ssh)+len(keys.openpgp) == 0 {
			t.Fatal("no key, and no error")
		}
		_, _ = keys.verify("0f", raw, time.Unix(1772442000, 0))
	})
}
