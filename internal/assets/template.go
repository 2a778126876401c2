package assets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"awscdk.dev/operator/internal/regular"
)

// Template is a template that the assembly publishes nowhere: the CDK's legacy
// synthesizer leaves that to who deploys.
type Template struct {
	// Path of the template's file.
	Path string
	// StackName is part of the object's key.
	StackName string
	// Bucket to publish to, "" for the one that `cdk bootstrap` makes with
	// the Qualifier; "" is the CDK's own.
	Bucket    string
	Qualifier string
	Target    Target
}

// bootstrapBucket is the bucket that `cdk bootstrap` makes with a qualifier; ""
// is the CDK's own.
func bootstrapBucket(qualifier string) string {
	return "cdk-" + cmp.Or(qualifier, "hnb659fds") + "-assets-" + accountPlaceholder + "-${AWS::Region}"
}

// PublishTemplate publishes a template under a key that is a digest of its
// content and returns the URL for CloudFormation. ErrNotBootstrapped means
// that there is no such bucket, ErrTooLarge that CloudFormation would not take
// the template.
func (p *Publisher) PublishTemplate(ctx context.Context, t Template) (string, error) {
	info, err := os.Stat(t.Path)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	if info.Size() > MaxTemplate {
		return "", templateTooLarge(filepath.Base(t.Path), info.Size())
	}
	data, err := regular.Read(t.Path, MaxTemplate)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	sum := sha256.Sum256(data)
	j := job{
		name: "template of " + t.StackName,
		root: filepath.Dir(t.Path),
		path: filepath.Base(t.Path),
		destination: destination{
			BucketName: t.Bucket,
			ObjectKey:  "cdk/" + t.StackName + "/" + hex.EncodeToString(sum[:]) + ".json",
		},
	}
	if t.Bucket == "" {
		j.destination.BucketName = bootstrapBucket(t.Qualifier)
	}
	target, err := p.complete(ctx, t.Target, []job{j})
	if err != nil {
		return "", err
	}
	done, _, err := p.publish(ctx, target, j)
	if err != nil {
		return "", err
	}
	return TemplateURL("s3://"+done.Bucket+"/"+done.Key, target.Region)
}
