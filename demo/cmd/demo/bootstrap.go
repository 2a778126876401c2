package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// installCDK installs the CDK CLI that the sample app pins, alone: that one package has no
// dependencies, so it is there in seconds. It returns the path of the command.
func installCDK(ctx context.Context, appDir, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(appDir, "package.json"))
	if err != nil {
		return "", err
	}
	var manifest struct {
		DevDependencies map[string]string `json:"devDependencies"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("read the sample app's package.json: %w", err)
	}
	version := manifest.DevDependencies["aws-cdk"]
	if version == "" {
		return "", fmt.Errorf("the sample app's package.json pins no aws-cdk")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err = output(ctx, dir, cleanEnvironment(), "npm", "install", "--prefix", dir, "--no-audit", "--no-fund",
		"--ignore-scripts", "--prefer-offline", "aws-cdk@"+version)
	if err != nil {
		return "", fmt.Errorf("install the CDK CLI: %w", err)
	}
	return filepath.Join(dir, "node_modules", ".bin", "cdk"), nil
}

// bootstrap prepares the account for the CDK as its owner would, once, with the official CLI.
func bootstrap(ctx context.Context, cdk, account, endpoint, dir string) error {
	environment := cleanEnvironment(append(cloudEnvironment(endpoint, filepath.Join(dir, "cdk-home")),
		"AWS_ACCESS_KEY_ID="+accessKeyID, "AWS_SECRET_ACCESS_KEY="+secretAccessKey, "CI=true", "NO_COLOR=1")...)
	if err := output(ctx, dir, environment, cdk, "bootstrap", "--no-notices", "aws://"+account+"/"+region); err != nil {
		return fmt.Errorf("bootstrap the account: %w", err)
	}
	return nil
}

// output runs a program; when it fails, the error holds the end of what it wrote.
func output(ctx context.Context, dir string, environment []string, path string, arguments ...string) error {
	command := exec.CommandContext(ctx, path, arguments...)
	command.Dir, command.Env = dir, environment
	// npm's own children may keep the output open after npm was killed.
	command.WaitDelay = 5 * time.Second
	var text bytes.Buffer
	command.Stdout, command.Stderr = &text, &text
	if err := command.Run(); err != nil {
		end := text.Bytes()
		return fmt.Errorf("%s: %w:\n%s", filepath.Base(path), err, end[max(0, len(end)-2000):])
	}
	return nil
}
