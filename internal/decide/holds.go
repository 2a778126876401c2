package decide

// HoldsData says whether data goes with a resource of that type when it is
// replaced or removed.
func HoldsData(resourceType string) bool { return holdsData[resourceType] }
