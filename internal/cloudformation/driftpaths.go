package cloudformation

import (
	"context"
	"encoding/json"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// addPaths adds the construct paths to resources of one stack, as the CDK writes
// them into the metadata of its templates, which are JSON. In another template, or
// without that metadata, a resource has none, and no rule ignores it by its path.
func (c *Client) addPaths(ctx context.Context, of []v1alpha1.DriftedResource, stackARN string) error {
	text, err := c.Template(ctx, stackARN, "")
	if err != nil {
		return err
	}
	var template struct {
		Resources map[string]struct {
			Metadata map[string]any
		}
	}
	_ = json.Unmarshal([]byte(text), &template)
	for i := range of {
		id := of[i].LogicalID[strings.LastIndexByte(of[i].LogicalID, '/')+1:]
		of[i].Path, _ = template.Resources[id].Metadata["aws:cdk:path"].(string)
	}
	return nil
}
