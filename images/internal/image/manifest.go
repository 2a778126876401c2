package image

import (
	"encoding/json"
	"fmt"
	"path"
)

// commands are the programs of an npm package, by name: its "bin", which is an
// object, or one path for a program of the package's own name.
func commands(manifest []byte) (map[string]string, error) {
	var fields struct {
		Name string          `json:"name"`
		Bin  json.RawMessage `json:"bin"`
	}
	if err := json.Unmarshal(manifest, &fields); err != nil {
		return nil, fmt.Errorf("read package.json: %w", err)
	}
	if len(fields.Bin) == 0 {
		return nil, nil
	}
	var one string
	if json.Unmarshal(fields.Bin, &one) == nil {
		return map[string]string{path.Base(fields.Name): path.Clean(one)}, nil
	}
	all := make(map[string]string)
	if err := json.Unmarshal(fields.Bin, &all); err != nil {
		return nil, fmt.Errorf("read package.json: bin: %w", err)
	}
	for name, file := range all {
		all[name] = path.Clean(file)
	}
	return all, nil
}
