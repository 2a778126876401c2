package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// pgpKeys are the OpenPGP keys that are trusted.
type pgpKeys openpgp.EntityList

// readOpenPGPKeys reads every block of armored public keys in a text.
func readOpenPGPKeys(text []byte) (pgpKeys, error) {
	var out pgpKeys
	in := bufio.NewReader(bytes.NewReader(text)) // which armor.Decode goes on with
	for {
		block, err := armor.Decode(in)
		if errors.Is(err, io.EOF) && len(out) > 0 {
			return out, nil
		}
		if err != nil || block.Type != openpgp.PublicKeyType {
			return nil, invalid("the trusted keys hold a block that is no OpenPGP public key in ASCII armor; gpg --armor --export KEY prints one")
		}
		entities, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, invalid("the trusted keys hold an OpenPGP public key that cannot be read; gpg --armor --export KEY prints it again")
		}
		out = append(out, entities...)
	}
}

func (k pgpKeys) verify(hash string, payload []byte, armored string, now time.Time) (Signer, error) {
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil || block.Type != openpgp.SignatureType {
		return Signer{}, untrusted(hash, "carries an OpenPGP signature that cannot be read; sign it again")
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return Signer{}, untrusted(hash, "carries an OpenPGP signature that cannot be read; sign it again")
	}
	issuer, err := soleSignature(body)
	if err != nil {
		return Signer{}, untrusted(hash, "carries an OpenPGP signature that is not a single one over a file; sign it again with git commit -S")
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	_, entity, err := openpgp.VerifyDetachedSignature(openpgp.EntityList(k), bytes.NewReader(payload), bytes.NewReader(body), config)
	switch {
	case err == nil:
		name := ""
		if identity := entity.PrimaryIdentity(); identity != nil {
			name = printable(identity.Name)
		}
		return Signer{Key: fmt.Sprintf("OpenPGP %X", entity.PrimaryKey.Fingerprint), Name: name}, nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return Signer{}, untrusted(hash, "is signed by the OpenPGP key %s, which is not among the keys that source.git.verify trusts; add that key to its Secret if its owner may deploy", issuer)
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return Signer{}, untrusted(hash, "is signed by the OpenPGP key %s, and the key or the signature has expired; put the prolonged key into the Secret of source.git.verify, or sign with another", issuer)
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return Signer{}, untrusted(hash, "is signed by the OpenPGP key %s, which is revoked; have it signed by another key", issuer)
	}
	return Signer{}, untrusted(hash, "carries a signature by the OpenPGP key %s that does not fit it: the commit was changed after it was signed; sign it again", issuer)
}

// soleSignature accepts one signature over bytes as they are (a signature
// over text fits other bytes too), and names the key that made it.
func soleSignature(body []byte) (issuer string, err error) {
	packets := packet.NewReader(bytes.NewReader(body))
	first, err := packets.Next()
	if err != nil {
		return "", err
	}
	s, ok := first.(*packet.Signature)
	if !ok || s.SigType != packet.SigTypeBinary || s.IssuerKeyId == nil {
		return "", errors.New("not a signature over bytes")
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return "", errors.New("more than one packet")
	}
	if len(s.IssuerFingerprint) > 0 {
		return fmt.Sprintf("%X", s.IssuerFingerprint), nil
	}
	return fmt.Sprintf("%016X", *s.IssuerKeyId), nil
}
