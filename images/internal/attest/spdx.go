package attest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// SPDXType is the media type of a bill of materials.
const SPDXType = "application/spdx+json"

// SPDX is the bill of materials of one image.
func SPDX(subject Subject, version string, created time.Time, contents []Material) ([]byte, error) {
	digest, err := hexOf(subject.Digest)
	if err != nil {
		return nil, err
	}
	base := subject.Name[strings.LastIndexByte(subject.Name, '/')+1:]
	image := &v2_3.Package{
		PackageName: subject.Name, PackageSPDXIdentifier: "image", PackageVersion: version,
		PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION",
		PackageCopyrightText: "NOASSERTION", PrimaryPackagePurpose: "CONTAINER",
		PackageChecksums:          []common.Checksum{{Algorithm: common.SHA256, Value: digest}},
		PackageExternalReferences: []*v2_3.PackageExternalReference{purl(fmt.Sprintf("pkg:oci/%s@sha256%%3A%s?arch=%s&repository_url=%s", base, digest, subject.Arch, subject.Name))},
	}
	document := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      fmt.Sprintf("%s %s linux/%s", base, version, subject.Arch),
		DocumentNamespace: "https://awscdk.dev/spdx/" + base + "/" + digest,
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "awscdk-operator-images"}},
			Created:  timestamp(created),
		},
		Packages:      []*v2_3.Package{image},
		Relationships: []*v2_3.Relationship{related("DOCUMENT", "DESCRIBES", "image")},
	}
	seen := make(map[string]bool)
	for _, each := range contents {
		if seen[each.PURL] {
			continue
		}
		seen[each.PURL] = true
		packaged := packageOf(each)
		document.Packages = append(document.Packages, packaged)
		document.Relationships = append(document.Relationships, related("image", "CONTAINS", string(packaged.PackageSPDXIdentifier)))
	}
	var b bytes.Buffer
	if err := json.Write(document, &b, json.Indent("  ")); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func packageOf(m Material) *v2_3.Package {
	p := &v2_3.Package{
		PackageName: m.Name, PackageSPDXIdentifier: common.ElementID(identifier(m.PURL)), PackageVersion: m.Version,
		PackageDownloadLocation: or(m.Download), PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: or(m.License),
		PackageCopyrightText:      "NOASSERTION",
		PackageExternalReferences: []*v2_3.PackageExternalReference{purl(m.PURL)},
	}
	if m.Sum != "" && m.Algorithm != goSum { // SPDX knows no such algorithm.
		p.PackageChecksums = []common.Checksum{{Algorithm: common.ChecksumAlgorithm(strings.ToUpper(m.Algorithm)), Value: m.Sum}}
	}
	return p
}

func purl(locator string) *v2_3.PackageExternalReference {
	return &v2_3.PackageExternalReference{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: locator}
}

func related(a, how, b string) *v2_3.Relationship {
	return &v2_3.Relationship{
		RefA: common.MakeDocElementID("", a), RefB: common.MakeDocElementID("", b), Relationship: how,
	}
}

var forbidden = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// identifier is a package URL with only what SPDX allows in an identifier.
func identifier(purl string) string {
	return strings.Trim(forbidden.ReplaceAllString(strings.TrimPrefix(purl, "pkg:"), "-"), "-")
}

func or(value string) string {
	if value == "" {
		return "NOASSERTION"
	}
	return value
}
