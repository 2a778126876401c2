// Package objects is S3: buckets, objects and the bucket settings that the
// CDK, CloudFormation templates and hook scripts use, path style or by host.
package objects

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const bucketType = "AWS::S3::Bucket"

// request is an S3 request taken apart.
type request struct {
	*wire.Call
	cloud  *cloud.Cloud
	bucket string
	key    string
	query  url.Values
}

// Handle answers an S3 call, whose action Action named.
func Handle(c *cloud.Cloud, call *wire.Call) (any, error) {
	bucket, key := locate(call.Request)
	r := &request{Call: call, cloud: c, bucket: bucket, key: key, query: call.Request.URL.Query()}
	h, ok := handlers[call.Action]
	if !ok {
		return nil, wire.NotImplemented("s3", call.Action)
	}
	if bucket != "" && call.Action != "CreateBucket" {
		if err := r.checkBucket(); err != nil {
			return nil, err
		}
	}
	return h(r)
}

// checkBucket refuses a bucket that isn't there, or belongs to somebody else
// than the caller expects.
func (r *request) checkBucket() error {
	b, ok := r.cloud.Get(cloud.Place{}, bucketType, r.bucket)
	if !ok {
		return wire.NotFound("NoSuchBucket", "The specified bucket does not exist")
	}
	owner := r.Request.Header.Get("X-Amz-Expected-Bucket-Owner")
	if owner != "" && owner != b.Place.Account {
		return &wire.Error{Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden}
	}
	return nil
}

// locate finds bucket and key in the path, or the bucket in the host name.
func locate(r *http.Request) (bucket, key string) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	for _, mark := range []string{".s3.", ".s3-", ".localhost"} {
		if i := strings.Index(host, mark); i > 0 && host[:i] != "s3" {
			return host[:i], path
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

type handler func(r *request) (any, error)

var handlers = map[string]handler{
	"ListBuckets": listBuckets, "CreateBucket": createBucket, "DeleteBucket": deleteBucket, "HeadBucket": headBucket,
	"GetBucketLocation": bucketLocation, "ListObjectsV2": listObjects, "ListObjects": listObjects,
	"ListObjectVersions": listVersions, "DeleteObjects": deleteObjects,
	"PutObject": putObject, "CopyObject": copyObject, "GetObject": getObject, "HeadObject": getObject,
	"DeleteObject": deleteObject, "GetObjectTagging": getObjectTagging, "PutObjectTagging": putObjectTagging,
	"DeleteObjectTagging":   putObjectTagging,
	"CreateMultipartUpload": createUpload, "UploadPart": uploadPart, "CompleteMultipartUpload": completeUpload,
	"AbortMultipartUpload": abortUpload,
	"GetBucketEncryption":  getEncryption, "PutBucketEncryption": putEncryption, "DeleteBucketEncryption": dropProperty("BucketEncryption"),
	"GetBucketVersioning": getVersioning, "PutBucketVersioning": putVersioning,
	"GetBucketTagging": getTagging, "PutBucketTagging": putTagging, "DeleteBucketTagging": dropProperty("Tags"),
	"GetBucketPolicy": getPolicy, "PutBucketPolicy": putPolicy, "DeleteBucketPolicy": deletePolicy,
	"GetPublicAccessBlock": getPublicAccess, "PutPublicAccessBlock": putPublicAccess,
	"DeletePublicAccessBlock":         dropProperty("PublicAccessBlockConfiguration"),
	"GetBucketLifecycleConfiguration": getLifecycle, "PutBucketLifecycleConfiguration": putLifecycle,
	"DeleteBucketLifecycle": dropProperty("LifecycleConfiguration"),
	"GetBucketLogging":      getLogging, "PutBucketLogging": putLogging,
}

// subresources name the settings of buckets and objects in the query string.
var subresources = map[string][3]string{ // GET, PUT, DELETE
	"location":          {"GetBucketLocation"},
	"encryption":        {"GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"},
	"versioning":        {"GetBucketVersioning", "PutBucketVersioning"},
	"tagging":           {"GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"},
	"policy":            {"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"},
	"publicAccessBlock": {"GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"},
	"lifecycle":         {"GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"},
	"logging":           {"GetBucketLogging", "PutBucketLogging"},
	"acl":               {"GetBucketAcl", "PutBucketAcl"},
	"cors":              {"GetBucketCors", "PutBucketCors", "DeleteBucketCors"},
	"website":           {"GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"},
	"notification":      {"GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration"},
	"versions":          {"ListObjectVersions"},
	"ownershipControls": {"GetBucketOwnershipControls", "PutBucketOwnershipControls"},
	"replication":       {"GetBucketReplication", "PutBucketReplication"},
	"object-lock":       {"GetObjectLockConfiguration", "PutObjectLockConfiguration"},
}

// Action names the operation of an S3 request.
func Action(r *http.Request) string {
	bucket, key := locate(r)
	query := r.URL.Query()
	method := map[string]int{http.MethodGet: 0, http.MethodPut: 1, http.MethodDelete: 2}
	for name, actions := range subresources {
		if i, ok := method[r.Method]; ok && query.Has(name) && actions[i] != "" {
			if key != "" {
				return strings.Replace(actions[i], "Bucket", "Object", 1)
			}
			return actions[i]
		}
	}
	switch {
	case bucket == "":
		return "ListBuckets"
	case key == "":
		return bucketAction(r.Method, query)
	}
	return objectAction(r, query)
}

func bucketAction(method string, query url.Values) string {
	switch method {
	case http.MethodPut:
		return "CreateBucket"
	case http.MethodDelete:
		return "DeleteBucket"
	case http.MethodHead:
		return "HeadBucket"
	case http.MethodPost:
		if query.Has("delete") {
			return "DeleteObjects"
		}
		return "PostObject"
	}
	if query.Get("list-type") == "2" {
		return "ListObjectsV2"
	}
	return "ListObjects"
}

func objectAction(r *http.Request, query url.Values) string {
	switch r.Method {
	case http.MethodPut:
		switch {
		case query.Has("partNumber"):
			return "UploadPart"
		case r.Header.Get("X-Amz-Copy-Source") != "":
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodDelete:
		if query.Has("uploadId") {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodPost:
		if query.Has("uploads") {
			return "CreateMultipartUpload"
		}
		return "CompleteMultipartUpload"
	}
	return "GetObject"
}

func (r *request) xml(root string, fields map[string]any) *wire.Answer {
	return &wire.Answer{Header: http.Header{"Content-Type": {"application/xml"}}, Body: wire.XML(root, fields)}
}

func empty(status int) *wire.Answer { return &wire.Answer{Status: status} }
