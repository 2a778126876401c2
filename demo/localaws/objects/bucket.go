package objects

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var bucketName = regexp.MustCompile(`\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z`)

func listBuckets(r *request) (any, error) {
	list := wire.Flat{}
	for _, b := range r.cloud.List(cloud.Place{}, bucketType) {
		if b.Place.Account == r.Account {
			list = append(list, map[string]any{"Name": b.ID, "CreationDate": b.Created})
		}
	}
	return r.xml("ListAllMyBucketsResult", map[string]any{
		"Owner": map[string]any{"ID": r.Account}, "Buckets": map[string]any{"Bucket": list},
	}), nil
}

func createBucket(r *request) (any, error) {
	if !bucketName.MatchString(r.bucket) {
		return nil, wire.Errorf("InvalidBucketName", "The specified bucket is not valid.")
	}
	region := r.Region
	if c := decodeXML(r.Body).String("LocationConstraint"); c != "" {
		region = c
	}
	_, err := r.cloud.Create(cloud.Spec{
		Type: bucketType, Place: cloud.Place{Account: r.Account, Region: region}, Props: map[string]any{"BucketName": r.bucket},
	})
	if errors.Is(err, cloud.ErrExists) {
		return nil, &wire.Error{Code: "BucketAlreadyOwnedByYou", Message: "Your previous request to create the named bucket succeeded and you already own it.", Status: http.StatusConflict}
	}
	return &wire.Answer{Header: http.Header{"Location": {"/" + r.bucket}}}, err
}

func deleteBucket(r *request) (any, error) {
	err := r.cloud.Delete(cloud.Deleting, cloud.Place{}, bucketType, r.bucket)
	if errors.Is(err, cloud.ErrNotEmpty) {
		return nil, &wire.Error{Code: "BucketNotEmpty", Message: "The bucket you tried to delete is not empty", Status: http.StatusConflict}
	}
	return empty(http.StatusNoContent), err
}

func headBucket(r *request) (any, error) {
	b, _ := r.cloud.Get(cloud.Place{}, bucketType, r.bucket)
	return &wire.Answer{Header: http.Header{"X-Amz-Bucket-Region": {b.Place.Region}}}, nil
}

func bucketLocation(r *request) (any, error) {
	b, _ := r.cloud.Get(cloud.Place{}, bucketType, r.bucket)
	region := b.Place.Region
	if region == "us-east-1" {
		region = ""
	}
	body := `<?xml version="1.0" encoding="UTF-8"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + region + `</LocationConstraint>`
	return &wire.Answer{Header: http.Header{"Content-Type": {"application/xml"}}, Body: []byte(body)}, nil
}

// listObjects answers ListObjectsV2, and ListObjects with a marker.
func listObjects(r *request) (any, error) {
	limit, err := strconv.Atoi(r.query.Get("max-keys"))
	if err != nil || limit > 1000 || limit < 0 {
		limit = 1000
	}
	prefix, delimiter := r.query.Get("prefix"), r.query.Get("delimiter")
	after := max(r.query.Get("continuation-token"), r.query.Get("start-after"), r.query.Get("marker"))
	contents, folders, seen := wire.Flat{}, wire.Flat{}, map[string]bool{}
	last, truncated := "", false
	for _, o := range r.cloud.ListObjects(r.bucket, prefix) {
		if o.Key <= after {
			continue
		}
		if len(contents)+len(folders) >= limit {
			truncated = true
			break
		}
		if i := strings.Index(o.Key[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			folder := o.Key[:len(prefix)+i+len(delimiter)]
			if !seen[folder] {
				seen[folder] = true
				folders = append(folders, map[string]any{"Prefix": folder})
			}
			last = folder + "\xff"
			continue
		}
		contents, last = append(contents, objectView(o)), o.Key
	}
	fields := map[string]any{
		"Name": r.bucket, "Prefix": prefix, "MaxKeys": limit, "KeyCount": len(contents) + len(folders),
		"IsTruncated": truncated, "Contents": contents, "CommonPrefixes": folders,
	}
	if truncated {
		fields["NextContinuationToken"], fields["NextMarker"] = last, last
	}
	return r.xml("ListBucketResult", fields), nil
}

func objectView(o cloud.Object) map[string]any {
	return map[string]any{
		"Key": o.Key, "LastModified": o.Modified, "ETag": o.ETag, "Size": len(o.Body), "StorageClass": "STANDARD",
	}
}

// listVersions shows the only version there is of each object: earlier ones are not kept.
func listVersions(r *request) (any, error) {
	list := wire.Flat{}
	for _, o := range r.cloud.ListObjects(r.bucket, r.query.Get("prefix")) {
		view := objectView(o)
		view["VersionId"], view["IsLatest"] = "null", true
		list = append(list, view)
	}
	return r.xml("ListVersionsResult", map[string]any{"Name": r.bucket, "IsTruncated": false, "Version": list}), nil
}

func deleteObjects(r *request) (any, error) {
	in, deleted := decodeXML(r.Body), wire.Flat{}
	for _, o := range in.each("Object") {
		r.cloud.DeleteObject(r.bucket, o.String("Key"))
		deleted = append(deleted, map[string]any{"Key": o.String("Key")})
	}
	if in.String("Quiet") == "true" {
		deleted = nil
	}
	return r.xml("DeleteResult", map[string]any{"Deleted": deleted}), nil
}
