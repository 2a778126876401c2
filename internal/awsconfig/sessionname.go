package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxSessionName is what AWS allows in characters.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxSessionName = 64

// SessionName is the name of the sessions of an object, by which CloudTrail
// tells whose they are and a role's trust policy whose it takes:
// NAMESPACE.NAME. A namespace has no dot, so that "team-a.*" matches the
// objects of team-a and of nobody else. A name that is too long ends in a
// digest instead; where the namespace alone leaves no room for one, all of it is
// a digest, which no such pattern matches.
func SessionName(namespace, name string) string {
	full := namespace + "." + name
	if len(full) <= maxSessionName {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	digest := hex.EncodeToString(sum[:])
	short := digest[:12]
	if room := maxSessionName - len(namespace) - len(".-") - len(short); room >= 0 {
		return namespace + "." + name[:min(room, len(name))] + "-" + short
	}
	return digest
}
