package recipe

import (
	"slices"
	"strings"
)

// NpmPackages are all the packages of the npm registry that the recipe names,
// without licence and hash.
func (r *Recipe) NpmPackages() []NpmPackage {
	var all []NpmPackage
	for _, p := range r.Npm {
		all = append(all, NpmPackage{Name: p.Name, Version: p.Version})
	}
	for _, arch := range r.Architectures {
		all = append(all, NpmPackage{Name: r.Node.Packages[arch], Version: r.Node.Version, Architecture: arch})
	}
	slices.SortFunc(all, func(a, b NpmPackage) int { return strings.Compare(a.Name, b.Name) })
	return all
}
