package policy

import (
	"embed"
	"fmt"
)

//go:embed packs/*.yaml
var packTexts embed.FS

// packs are the files of the built-in policies, by the names of spec.policies.
var packs = map[string][]string{
	"NoPublicBuckets":  {"no-public-buckets.yaml"},
	"NoOpenPorts":      {"no-open-ports.yaml"},
	"EncryptionAtRest": {"encryption-at-rest.yaml"},
	"BackupRetention":  {"backup-retention.yaml"},
	"NoBroadIAM":       {"no-broad-iam.yaml"},
	"Baseline":         {"no-public-buckets.yaml", "no-open-ports.yaml", "encryption-at-rest.yaml", "backup-retention.yaml", "no-broad-iam.yaml"},
}

// BuiltIn gives the rules of a built-in policy. One that this version does not
// know is an error.
func BuiltIn(name string) (map[string]string, error) {
	names, known := packs[name]
	if !known {
		return nil, fmt.Errorf("there is no built-in policy %s: name another, or update the operator", name)
	}
	files := map[string]string{}
	for _, name := range names {
		text, err := packTexts.ReadFile("packs/" + name)
		if err != nil {
			return nil, fmt.Errorf("read a built-in policy: %w", err)
		}
		files[name] = string(text)
	}
	return files, nil
}
