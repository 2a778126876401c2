package assets

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/bootstrap"
)

// emptyZip is the size of a zip file without entries. Old versions of the CDK
// uploaded such by mistake; they do not count as there.
const emptyZip = 22

// clientKey tells apart the identities and regions that buckets are used with.
type clientKey struct{ credentials, account, region, role string }

// client uses the buckets of one region as one identity.
type client struct {
	target Target
	s3     *s3.Client

	mu         sync.Mutex
	encryption map[string]*encryption
}

// encryption is what a bucket's default says.
type encryption struct {
	mu        sync.Mutex // held while the bucket is asked
	known     bool
	algorithm types.ServerSideEncryption
	key       *string
}

func (p *Publisher) client(ctx context.Context, t Target, d destination) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	role, err := d.role()
	if err != nil {
		return nil, err
	}
	key := clientKey{t.Credentials.Digest(), t.Account, d.Region, role.Key()}
	if c, ok := p.clients[key]; ok {
		return c, nil
	}
	cfg, err := p.loader.Config(ctx, awsconfig.Target{Credentials: t.Credentials, Region: d.Region, Role: role})
	if err != nil {
		return nil, err
	}
	c := &client{target: t, encryption: make(map[string]*encryption)}
	c.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsconfig.PathStyle() })
	p.clients[key] = c
	return c, nil
}

// owner is whom the bucket must belong to: a bucket of that name in a
// stranger's hands is not written to.
func (c *client) owner() *string {
	if c.target.Account == "" {
		return nil
	}
	return &c.target.Account
}

// has is true when the object is there. That the bucket is not there shows at
// the upload only: S3 answers both alike.
func (c *client) has(ctx context.Context, d destination, j job) (bool, error) {
	out, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.BucketName, Key: &d.ObjectKey, ExpectedBucketOwner: c.owner()})
	err = c.explain("look for asset "+j.name, d, err)
	if errors.Is(err, awsconfig.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return !j.zip || aws.ToInt64(out.ContentLength) > emptyZip, nil
}

func (c *client) put(ctx context.Context, d destination, j job, b *body) error {
	how, err := c.encryptionOf(ctx, d)
	if err != nil {
		return err
	}
	_, err = c.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket:               &d.BucketName,
		Key:                  &d.ObjectKey,
		Body:                 b.file,
		ContentLength:        &b.size,
		ContentType:          aws.String(j.contentType()),
		ExpectedBucketOwner:  c.owner(),
		ServerSideEncryption: how.algorithm,
		SSEKMSKeyId:          how.key,
	})
	return c.explain("upload asset "+j.name, d, err)
}

// encryptionOf asks for a bucket's default encryption, once. Naming it in the
// upload satisfies bucket policies that want it named. A bucket that does not
// tell is left to apply its default by itself.
func (c *client) encryptionOf(ctx context.Context, d destination) (*encryption, error) {
	c.mu.Lock()
	e := c.encryption[d.BucketName]
	if e == nil {
		e = &encryption{}
		c.encryption[d.BucketName] = e
	}
	c.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known {
		return e, nil
	}
	err := e.ask(ctx, c, d)
	e.known = err == nil
	return e, err
}

func (e *encryption) ask(ctx context.Context, c *client, d destination) error {
	out, err := c.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &d.BucketName, ExpectedBucketOwner: c.owner()})
	err = c.explain("look at bucket "+d.BucketName, d, err)
	told, _ := errors.AsType[*awsconfig.Error](err)
	switch {
	case errors.Is(err, awsconfig.ErrAccessDenied):
		return nil
	case told != nil && told.Code == "ServerSideEncryptionConfigurationNotFoundError":
		return nil
	case err != nil || out.ServerSideEncryptionConfiguration == nil:
		return err
	}
	for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
		if byDefault := rule.ApplyServerSideEncryptionByDefault; byDefault != nil {
			e.algorithm, e.key = byDefault.SSEAlgorithm, byDefault.KMSMasterKeyID
			return nil
		}
	}
	return nil
}

// explain adds what to do to what the SDK says.
func (c *client) explain(doing string, d destination, err error) error {
	if err == nil {
		return nil
	}
	err = awsconfig.Explain(doing, c.target.Credentials, err)
	e, ok := errors.AsType[*awsconfig.Error](err)
	if !ok {
		return err
	}
	told := *e
	switch {
	case e.Code == "NoSuchBucket":
		told.Kind = awsconfig.ErrNotBootstrapped
		told.Message = fmt.Sprintf("there is no bucket %s: run %s", d.BucketName, bootstrap.Command("aws://"+c.target.accountOrWord()+"/"+d.Region, d.BucketName))
	case e.Kind == awsconfig.ErrAccessDenied && !strings.HasPrefix(e.Doing, "assume role"):
		told.Message = fmt.Sprintf("%s (bucket %s, which must belong to account %s)", e.Message, d.BucketName, c.target.accountOrWord())
	}
	return &told
}

func (t Target) accountOrWord() string {
	if t.Account == "" {
		return "ACCOUNT"
	}
	return t.Account
}

func (j job) contentType() string {
	if j.zip {
		return "application/zip"
	}
	if t := contentTypes[filepath.Ext(j.path)]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(filepath.Ext(j.path)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// contentTypes do not depend on what mime database the image has.
var contentTypes = map[string]string{
	".json": "application/json",
	".zip":  "application/zip",
	".jar":  "application/java-archive",
	".yaml": "application/yaml",
	".yml":  "application/yaml",
}
