package cdk

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed js/typecheck.js
var typecheckScript []byte

//go:embed js/validate.js
var validateScript []byte

//go:embed js/npx.sh
var npxScript []byte

// scriptsVersion tells apart what other versions of the scripts found.
var scriptsVersion = func() string {
	h := sha256.New()
	h.Write(typecheckScript)
	h.Write(validateScript)
	return hex.EncodeToString(h.Sum(nil))[:16]
}()

// writeScripts puts the scripts into a run's state folder.
func writeScripts(state string) error {
	for name, content := range map[string][]byte{"typecheck.js": typecheckScript, "validate.js": validateScript, "bin/npx": npxScript} {
		path := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make the run's state folder: %w", err)
		}
		if err := os.WriteFile(path, content, 0o700); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
