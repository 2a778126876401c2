package wire

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormsAndJSONMeanTheSame(t *testing.T) {
	form, err := url.ParseQuery("Action=X&Version=1&Name=n&Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b&Tags.member.10.Key=z" +
		"&Caps.member.1=c&Attributes.entry.1.key=k&Attributes.entry.1.value=v&Flat.1.Name=f&Deep.Inner=true")
	if err != nil {
		t.Fatal(err)
	}
	asJSON := decodeJSON([]byte(`{"Name": "n", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b"}, {"Key": "z"}],
		"Caps": ["c"], "Attributes": [{"key": "k", "value": "v"}], "Flat": [{"Name": "f"}], "Deep": {"Inner": "true"}}`))
	if diff := cmp.Diff(asJSON, decodeForm(form)); diff != "" {
		t.Errorf("-JSON +form:\n%s", diff)
	}
	if !asJSON.Map("Deep").Bool("Inner") || asJSON.Maps("Tags")[1].String("Key") != "b" || asJSON.Strings("Caps")[0] != "c" {
		t.Errorf("read %v wrongly", asJSON)
	}
}

func TestAnswersAreWrittenForTheirReaders(t *testing.T) {
	got := string(XML("R", map[string]any{
		"A": []any{"x", map[string]any{"B": "<&>"}}, "C": Flat{"1", "2"}, "D": Entries{"k": "v"}, "E": nil, "F": true,
	}))
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		`<A><member>x</member><member><B>&lt;&amp;&gt;</B></member></A><C>1</C><C>2</C>` +
		`<D><entry><key>k</key><value>v</value></entry></D><F>true</F></R>`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
