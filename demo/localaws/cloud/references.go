package cloud

import (
	"crypto/rand"
	"encoding/hex"
	"slices"

	"awscdk.dev/operator/demo/localaws/wire"
)

// hexID makes an ID as EC2 does: a kind and 17 hexadecimal digits.
func hexID(kind string) string { return kind + "-" + randomHex(17) }

func randomHex(n int) string {
	raw := make([]byte, n/2+1)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)[:n]
}

// identified lets EC2's IDs be physical IDs, and keeps the name that a type
// may have.
func identified(kind string) func(*Cloud, *Resource, string) string {
	return func(_ *Cloud, r *Resource, name string) string {
		r.Attrs["Name"] = name
		return hexID(kind)
	}
}

// reference is a property that names another resource, or several. The message
// has a place for the name that does not exist.
type reference struct{ typ, property, message string }

// needsAll makes a hook that refuses references to what isn't there.
func needsAll(references ...reference) func(*Cloud, Phase, *Resource, map[string]any) error {
	return func(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
		if phase != Creating && phase != Updating {
			return nil
		}
		for _, ref := range references {
			for _, id := range named(next[ref.property]) {
				if _, ok := c.get(r.Place, ref.typ, id); !ok {
					return awsErrorf(ref.message, id)
				}
			}
		}
		return nil
	}
}

// named lists the IDs that a property holds: one, several or none.
func named(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			out[i] = wire.Text(item)
		}
		return out
	}
	return []string{wire.Text(v)}
}

// use is a property by which resources of a type use others.
type use struct{ typ, property string }

// unused refuses the deletion of what others still use.
func (c *Cloud) unused(phase Phase, r *Resource, message string, uses ...use) error {
	if phase != Deleting && phase != Undoing {
		return nil
	}
	for _, u := range uses {
		for k, other := range c.things {
			if k.typ == u.typ && k.place == r.Place && other != r && slices.Contains(named(other.Props[u.property]), r.ID) {
				return awsErrorf(message, r.ID)
			}
		}
	}
	return nil
}
