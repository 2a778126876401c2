package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Item is a file to download.
type Item struct {
	// Name is what a person calls it, such as "jq 1.7.1-6 (amd64)".
	Name string
	URL  string
	Hash Hash
}

// Downloader brings files of the web into a folder, each under the base name of
// its path in the cache. It may leave out or damage some: the caller looks.
// Its error says why something is missing.
type Downloader interface {
	Download(ctx context.Context, dir string, items []Item) error
}

// ForDebian is apt where the machine has it, with the mirrors' proxies and the
// like that are set up there, and plain HTTP elsewhere.
func ForDebian() Downloader {
	if _, err := os.Stat(aptHelper); err == nil {
		return Apt{}
	}
	return HTTP{Client: http.DefaultClient}
}

const aptHelper = "/usr/lib/apt/apt-helper"

// Apt downloads with apt's own client.
type Apt struct{}

// Download gives apt all the addresses at once. It gives no hashes: apt would
// remove what differs, and nobody could say what came instead.
func (Apt) Download(ctx context.Context, dir string, items []Item) error {
	args := []string{"-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", "download-file"}
	for _, item := range items {
		args = append(args, item.URL, filepath.Join(dir, item.Hash.base()), "")
	}
	cmd := exec.CommandContext(ctx, aptHelper, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	var told []string
	for line := range strings.Lines(string(output)) {
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "  ") {
			told = append(told, strings.TrimSpace(line))
		}
	}
	return fmt.Errorf("apt: %w: %s", err, brief(told, "; "))
}

func (h Hash) base() string { return strings.ReplaceAll(string(h), ":", "-") }

// HTTP downloads with a plain client, four at a time.
type HTTP struct{ Client *http.Client }

// Download gets each address; the first errors are told.
func (h HTTP) Download(ctx context.Context, dir string, items []Item) error {
	errs := make([]error, len(items))
	slots := make(chan struct{}, 4)
	var wait sync.WaitGroup
	for i, item := range items {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = h.get(ctx, item.URL, filepath.Join(dir, item.Hash.base()))
		})
	}
	wait.Wait()
	var told []string
	for _, err := range errs {
		if err != nil {
			told = append(told, err.Error())
		}
	}
	if len(told) == 0 {
		return nil
	}
	return errors.New(brief(told, "\n"))
}

func (h HTTP) get(ctx context.Context, url, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := h.Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", url, response.Status)
	}
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("get %s: %w", url, err), os.Remove(target))
	}
	return nil
}

// Npm downloads one package with npm itself, which knows the machine's
// registry, proxies and certificates.
func Npm(ctx context.Context, dir, name, version string) (file string, err error) {
	var told bytes.Buffer
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", dir, "--", name+"@"+version)
	cmd.Stderr, cmd.Dir = &told, dir
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w: %s", name, version, err, strings.TrimSpace(told.String()))
	}
	lines := strings.Fields(string(output))
	if len(lines) == 0 {
		return "", fmt.Errorf("npm pack %s@%s named no file", name, version)
	}
	return filepath.Join(dir, filepath.Base(lines[len(lines)-1])), nil
}
