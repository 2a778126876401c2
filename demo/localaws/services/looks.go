package services

import (
	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// emptyList answers with nothing, where there can be nothing.
func emptyList(field string) Handler {
	return func(*cloud.Cloud, *wire.Call) (any, error) { return map[string]any{field: []any{}}, nil }
}
