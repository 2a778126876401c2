// Package config holds what is generated from the API's types and that the
// program needs at run time.
package config

import _ "embed" // for Definition

// Definition is the CustomResourceDefinition of CdkTsStack, as YAML.
//
//go:embed crd/awscdk.dev_cdktsstacks.yaml
var Definition []byte
