package decide

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func entries(raw ...string) []apiextensionsv1.JSON {
	var all []apiextensionsv1.JSON
	for _, r := range raw {
		all = append(all, apiextensionsv1.JSON{Raw: []byte(r)})
	}
	return all
}

func TestContextIsReadInBothShapes(t *testing.T) {
	got, err := Context(entries(`"a=1"`, `"--app=evil"`, `{"name":"n","value":3}`, `{"name":"on","value":true}`, `"two=lines\nof it"`, `"a=2=3"`))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, v := range got {
		words = append(words, v.String())
	}
	// Of two with one name, the last wins.
	if diff := cmp.Diff([]string{"--app=evil", "n=3", "on=true", "two=lines\nof it", "a=2=3"}, words); diff != "" {
		t.Error(diff)
	}
}

func TestContextThatNoCommandLineCarriesIsRefused(t *testing.T) {
	for name, entry := range map[string]string{
		"no name":               `"=x"`,
		"no value":              `"x"`,
		"a name with =":         `{"name":"a=b","value":"x"}`,
		"a name with a zero":    `{"name":"a\u0000","value":"x"}`,
		"a name over two lines": `{"name":"a\nb","value":"x"}`,
		"the same in a string":  `"a\nb=x"`,
		"a value with a zero":   `"a=\u0000"`,
		"a list":                `{"name":"a","value":[]}`,
		"null":                  `{"name":"a","value":null}`,
		"a value of 1 MiB":      `"a=` + strings.Repeat("x", 1<<20) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Context(entries(entry)); err == nil || !strings.Contains(err.Error(), "spec.cdkContext") {
				t.Errorf("Context = %v, %v; want an error that names the field", got, err)
			}
		})
	}
}
