package cloud

import (
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5 by definition
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Object is what a bucket keeps under a key.
type Object struct {
	Key      string
	Body     []byte
	ETag     string // with its quotes
	Headers  map[string]string
	Tags     map[string]string
	Modified time.Time
	Version  string
}

type upload struct {
	bucket, key string
	headers     map[string]string
	parts       map[int][]byte
}

// PutObject stores an object; the bucket must exist.
func (c *Cloud) PutObject(bucket string, o Object) (Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.putObject(bucket, o)
}

func (c *Cloud) putObject(bucket string, o Object) (Object, error) {
	if _, ok := c.get(Place{}, "AWS::S3::Bucket", bucket); !ok {
		return Object{}, fmt.Errorf("bucket %s %w", bucket, ErrNotFound)
	}
	if c.objects[bucket] == nil {
		c.objects[bucket] = map[string]*Object{}
	}
	if o.ETag == "" {
		sum := md5.Sum(o.Body) //nolint:gosec // see above
		o.ETag = `"` + hex.EncodeToString(sum[:]) + `"`
	}
	o.Modified, o.Version = c.Now(), Random(32)
	c.objects[bucket][o.Key] = &o
	return o, nil
}

// GetObject returns an object; its body must not be altered.
func (c *Cloud) GetObject(bucket, objectKey string) (Object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.objects[bucket][objectKey]
	if !ok {
		return Object{}, false
	}
	return *o, true
}

// TagObject replaces an object's tags.
func (c *Cloud) TagObject(bucket, objectKey string, tags map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.objects[bucket][objectKey]
	if !ok {
		return fmt.Errorf("object %s %w", objectKey, ErrNotFound)
	}
	tagged := *o
	tagged.Tags = maps.Clone(tags)
	c.objects[bucket][objectKey] = &tagged
	return nil
}

// DeleteObject removes an object; one that is already gone is no error.
func (c *Cloud) DeleteObject(bucket, objectKey string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.objects[bucket], objectKey)
}

// ListObjects returns a bucket's objects whose keys start with prefix, by key.
func (c *Cloud) ListObjects(bucket, prefix string) []Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Object
	for _, k := range slices.Sorted(maps.Keys(c.objects[bucket])) {
		if strings.HasPrefix(k, prefix) {
			out = append(out, *c.objects[bucket][k])
		}
	}
	return out
}

// StartUpload begins a multipart upload and returns its ID.
func (c *Cloud) StartUpload(bucket, objectKey string, headers map[string]string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := UUID()
	c.uploads[id] = &upload{bucket: bucket, key: objectKey, headers: headers, parts: map[int][]byte{}}
	return id
}

// AddPart keeps one part of a multipart upload.
func (c *Cloud) AddPart(id string, number int, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.uploads[id]
	if !ok {
		return fmt.Errorf("upload %s %w", id, ErrNotFound)
	}
	u.parts[number] = body
	return nil
}

// FinishUpload makes the parts an object.
func (c *Cloud) FinishUpload(id string) (Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.uploads[id]
	if !ok {
		return Object{}, fmt.Errorf("upload %s %w", id, ErrNotFound)
	}
	var body []byte
	numbers := slices.Sorted(maps.Keys(u.parts))
	for _, n := range numbers {
		body = append(body, u.parts[n]...)
	}
	delete(c.uploads, id)
	sum := md5.Sum(body) //nolint:gosec // see above
	etag := fmt.Sprintf(`"%s-%d"`, hex.EncodeToString(sum[:]), len(numbers))
	return c.putObject(u.bucket, Object{Key: u.key, Body: body, Headers: u.headers, ETag: etag})
}

// AbortUpload forgets a multipart upload.
func (c *Cloud) AbortUpload(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.uploads, id)
}
