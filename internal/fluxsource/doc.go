// Package fluxsource brings what Flux's source-controller has fetched to disk:
// the artifact of a GitRepository, an OCIRepository or a Bucket, which is a
// tarball behind an HTTP address, named with its digest in the object's status.
// https://fluxcd.io/flux/components/source/api/v1/#source.toolkit.fluxcd.io/v1.Artifact
package fluxsource
