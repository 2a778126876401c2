package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// self identifies this program by its content. Layers that another one made
// are made again: nobody needs to remember to raise a number.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}
