package decide

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// FuzzContext holds that context values that are taken are fit for a command
// line, have one name each, and are read the same when they are written again.
func FuzzContext(f *testing.F) {
	for _, list := range []string{`["a=b","a=c=d","e="]`, `[{"name":"n","value":true},{"name":"m","value":1.5e3},{"name":"s","value":"x"}]`, `["=x"]`, `[{"name":"n","value":null}]`, `["a\u0000=b"]`} {
		f.Add([]byte(list))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		var entries []apiextensionsv1.JSON
		if json.Unmarshal(list, &entries) != nil {
			return
		}
		values, err := Context(entries)
		if err != nil {
			return
		}
		seen, again := map[string]bool{}, make([]apiextensionsv1.JSON, len(values))
		for i, v := range values {
			if seen[v.Name] || v.Name == "" || strings.ContainsAny(v.Name, "=\x00\n") || strings.ContainsRune(v.Value, 0) {
				t.Fatalf("%q is taken from %s", v, list)
			}
			seen[v.Name] = true
			again[i].Raw, _ = json.Marshal(map[string]string{"name": v.Name, "value": v.Value})
		}
		if read, err := Context(again); err != nil || !reflect.DeepEqual(read, values) {
			t.Fatalf("%q is read as %q, %v", values, read, err)
		}
	})
}
