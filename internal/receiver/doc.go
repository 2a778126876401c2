// Package receiver hears of pushes: git hosts call it, and it tells which
// repository has changed, so that nobody has to wait for the next look.
//
// A delivery is nothing but a hint. It carries no commit that anybody
// believes, starts no deployment and names no object: what it brings about is
// one look at a repository that is looked at anyway. So the worst that a
// leaked secret or a replay can do is to cause looks.
//
// Everything before the check of the signature is cheap and bounded, since
// anybody may send it: requests without a proof are refused before their body
// is read, bodies, connections and requests in flight are limited, and an
// address that fails again and again is turned away. JSON is parsed only
// after the signature was found to be right.
//
// # What is a replay
//
// The delivery ids of GitHub and Bitbucket are not covered by their
// signatures: whoever replays a delivery can give it a new id. So a delivery
// is known by what its signature covers, provider and body; GitLab's signed
// webhook-id and the timestamp of the generic scheme count too. Where nothing
// is signed (GitLab's plain token), the id in the header does, as two
// different pushes of GitLab may have equal bodies. A replay is answered with
// 200, so that senders do not try again, and has no effect.
package receiver
