package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// parseSize reads an amount of memory as Kubernetes writes it, "" for 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	q, err := resource.ParseQuantity(s)
	if err != nil || q.Sign() < 0 {
		return 0, fmt.Errorf("%q is not an amount of memory such as 4Gi", s)
	}
	return q.Value(), nil
}
