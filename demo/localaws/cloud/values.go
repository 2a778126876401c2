package cloud

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Clone copies a tree of properties.
func Clone(props map[string]any) map[string]any {
	if props == nil {
		return map[string]any{}
	}
	return cloneValue(props).(map[string]any)
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, child := range v {
			out[k] = cloneValue(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = cloneValue(child)
		}
		return out
	}
	return v
}

// Text returns the property as text, "" if it is absent.
func (r *Resource) Text(name string) string { return wire.Text(r.Props[name]) }

// Random returns n upper-case characters as CloudFormation appends to names it makes.
func Random(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	for i := range raw {
		raw[i] = letters[int(raw[i])%len(letters)]
	}
	return string(raw)
}

// UUID returns a random UUID, version 4.
func UUID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	h := hex.EncodeToString(raw)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// ARN writes an ARN of the aws partition.
func ARN(service string, place Place, format string, args ...any) string {
	return "arn:aws:" + service + ":" + place.Region + ":" + place.Account + ":" + fmt.Sprintf(format, args...)
}

// AllTags joins a resource's own tags and those its stack gave it.
func (r *Resource) AllTags() map[string]string {
	out := map[string]string{}
	for k, v := range r.Tags {
		out[k] = v
	}
	switch tags := r.Props["Tags"].(type) {
	case []any:
		for _, t := range tags {
			if m, ok := t.(map[string]any); ok {
				out[wire.Text(m["Key"])] = wire.Text(m["Value"])
			}
		}
	case map[string]any:
		for k, v := range tags {
			out[k] = wire.Text(v)
		}
	}
	return out
}

// TagList writes tags as a list of Key and Value structures.
func TagList(tags map[string]string) []any {
	out := []any{}
	for _, k := range sortedKeys(tags) {
		out = append(out, map[string]any{"Key": k, "Value": tags[k]})
	}
	return out
}
