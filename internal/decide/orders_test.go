package decide

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// stored is an object as the API server gives it back.
func stored(t *testing.T, obj *v1alpha1.CdkTsStack) *v1alpha1.CdkTsStack {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	again := &v1alpha1.CdkTsStack{}
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestALongAnnotationIsOneOrder(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, text := range map[string]string{
		"plain":                       strings.Repeat("a", 300),
		"a character of two bytes":    strings.Repeat("a", 255) + strings.Repeat("ü", 20),
		"a character of four bytes":   strings.Repeat("a", 253) + strings.Repeat("🚀", 20),
		"nothing but long characters": "a" + strings.Repeat("🚀", 100),
	} {
		t.Run(name, func(t *testing.T) {
			obj := &v1alpha1.CdkTsStack{}
			obj.Status.Orders = &v1alpha1.OrdersStatus{}
			obj.Annotations = map[string]string{v1alpha1.RestartedAtAnnotation: text}
			obj.Status = Decide(obj, Observed{}, now, Settings{}).Status
			first := obj.Status.Orders.Current
			if first == "" {
				t.Fatal("the order was not taken")
			}
			for pass := range 3 {
				obj = stored(t, obj)
				now = now.Add(time.Minute)
				obj.Status = Decide(obj, Observed{}, now, Settings{}).Status
				if got := obj.Status.Orders.Current; got != first {
					t.Fatalf("pass %d takes %s for a new order after %s", pass, got, first)
				}
			}
		})
	}
}
