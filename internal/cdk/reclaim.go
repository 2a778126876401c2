package cdk

import (
	"errors"
	"os"
)

// ForgetDownloads deletes the package managers' own caches. No run may be
// going on.
func (c Cache) ForgetDownloads() error {
	var errs []error
	for _, name := range []string{"npm", "pnpm", "yarn", "yarn-berry"} {
		errs = append(errs, os.RemoveAll(c.sub(name)))
	}
	return errors.Join(errs...)
}

// ReclaimTrees removes dependency trees, the least recently used first, until
// enough says so. It spares every tree that a run has locked.
func (c Cache) ReclaimTrees(enough func() bool) error {
	if err := c.sweepAll(""); err != nil {
		return err
	}
	trees, err := c.stored()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		if enough() {
			return nil
		}
		if _, err := c.remove(tree.key); err != nil {
			return err
		}
	}
	return nil
}
