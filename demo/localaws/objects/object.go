package objects

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// payload is the object's bytes; chunked uploads carry signatures and
// checksums between them.
func (r *request) payload() ([]byte, error) {
	h := r.Request.Header
	if !strings.HasPrefix(h.Get("X-Amz-Content-Sha256"), "STREAMING-") && !strings.Contains(h.Get("Content-Encoding"), "aws-chunked") {
		return r.Body, nil
	}
	in, out := bufio.NewReader(bytes.NewReader(r.Body)), []byte{}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, wire.Errorf("IncompleteBody", "The request body terminated unexpectedly")
		}
		text, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		size, err := strconv.ParseInt(text, 16, 64)
		if err != nil || size < 0 || size > int64(len(r.Body)) {
			return nil, wire.Errorf("InvalidChunkSizeError", "read chunk size %q", text)
		}
		if size == 0 {
			return out, nil
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, wire.Errorf("IncompleteBody", "The request body terminated unexpectedly")
		}
		out = append(out, chunk[:size]...)
	}
}

// keptHeaders are stored with an object and given back with it.
func keptHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for k := range h {
		lower := strings.ToLower(k)
		switch {
		case strings.HasPrefix(lower, "x-amz-meta-"), lower == "content-type", lower == "cache-control",
			lower == "content-disposition", lower == "x-amz-server-side-encryption":
			out[k] = h.Get(k)
		case lower == "content-encoding":
			if v := strings.Trim(strings.ReplaceAll(h.Get(k), "aws-chunked", ""), ", "); v != "" {
				out[k] = v
			}
		}
	}
	return out
}

func putObject(r *request) (any, error) {
	if _, exists := r.cloud.GetObject(r.bucket, r.key); exists && r.Request.Header.Get("If-None-Match") == "*" {
		return nil, &wire.Error{Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold", Status: http.StatusPreconditionFailed}
	}
	body, err := r.payload()
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	if values, err := url.ParseQuery(r.Request.Header.Get("X-Amz-Tagging")); err == nil {
		for k := range values {
			tags[k] = values.Get(k)
		}
	}
	o, err := r.cloud.PutObject(r.bucket, cloud.Object{Key: r.key, Body: body, Headers: keptHeaders(r.Request.Header), Tags: tags})
	if err != nil {
		return nil, err
	}
	return &wire.Answer{Header: http.Header{"Etag": {o.ETag}}}, nil
}

func copyObject(r *request) (any, error) {
	source, err := url.PathUnescape(strings.TrimPrefix(r.Request.Header.Get("X-Amz-Copy-Source"), "/"))
	if err != nil {
		return nil, wire.Errorf("InvalidArgument", "Invalid copy source encoding.")
	}
	bucket, key, _ := strings.Cut(source, "/")
	from, ok := r.cloud.GetObject(bucket, key)
	if !ok {
		return nil, noSuchKey()
	}
	o, err := r.cloud.PutObject(r.bucket, cloud.Object{Key: r.key, Body: from.Body, Headers: from.Headers, Tags: from.Tags})
	if err != nil {
		return nil, err
	}
	return r.xml("CopyObjectResult", map[string]any{"ETag": o.ETag, "LastModified": o.Modified}), nil
}

func noSuchKey() error { return wire.NotFound("NoSuchKey", "The specified key does not exist.") }

// getObject answers GetObject and HeadObject, with a byte range if asked.
func getObject(r *request) (any, error) {
	o, ok := r.cloud.GetObject(r.bucket, r.key)
	if !ok {
		return nil, noSuchKey()
	}
	h := http.Header{
		"Etag": {o.ETag}, "Last-Modified": {o.Modified.UTC().Format(http.TimeFormat)}, "Accept-Ranges": {"bytes"},
		"Content-Type": {"binary/octet-stream"},
	}
	for k, v := range o.Headers {
		h.Set(k, v)
	}
	body, status := o.Body, http.StatusOK
	if first, last, ok := byteRange(r.Request.Header.Get("Range"), len(body)); ok {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(body)))
		body, status = body[first:last+1], http.StatusPartialContent
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Request.Method == http.MethodHead {
		body = nil
	}
	return &wire.Answer{Status: status, Header: h, Body: body}, nil
}

// byteRange reads "bytes=a-b"; anything else means the whole object.
func byteRange(header string, size int) (first, last int, ok bool) {
	text, found := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(text, "-")
	if !found || !dash || size == 0 {
		return 0, 0, false
	}
	first, err := strconv.Atoi(from)
	if err != nil {
		n, err := strconv.Atoi(to)
		return max(0, size-n), size - 1, err == nil && n > 0
	}
	last, err = strconv.Atoi(to)
	if err != nil {
		last = size - 1
	}
	last = min(last, size-1)
	return first, last, first >= 0 && first <= last
}

func deleteObject(r *request) (any, error) {
	r.cloud.DeleteObject(r.bucket, r.key)
	return empty(http.StatusNoContent), nil
}

func getObjectTagging(r *request) (any, error) {
	o, ok := r.cloud.GetObject(r.bucket, r.key)
	if !ok {
		return nil, noSuchKey()
	}
	return r.xml("Tagging", tagSet(o.Tags)), nil
}

func tagSet(tags map[string]string) map[string]any {
	return map[string]any{"TagSet": map[string]any{"Tag": wire.Flat(cloud.TagList(tags))}}
}

func putObjectTagging(r *request) (any, error) {
	tags := map[string]string{}
	for _, t := range decodeXML(r.Body).at("TagSet").each("Tag") {
		tags[t.String("Key")] = t.String("Value")
	}
	if err := r.cloud.TagObject(r.bucket, r.key, tags); err != nil {
		return nil, noSuchKey()
	}
	return empty(http.StatusOK), nil
}

func createUpload(r *request) (any, error) {
	id := r.cloud.StartUpload(r.bucket, r.key, keptHeaders(r.Request.Header))
	return r.xml("InitiateMultipartUploadResult", map[string]any{"Bucket": r.bucket, "Key": r.key, "UploadId": id}), nil
}

func noSuchUpload() error {
	return wire.NotFound("NoSuchUpload", "The specified multipart upload does not exist.")
}

func uploadPart(r *request) (any, error) {
	number, err := strconv.Atoi(r.query.Get("partNumber"))
	if err != nil || number < 1 || number > 10_000 {
		return nil, wire.Errorf("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
	}
	body, err := r.payload()
	if err != nil {
		return nil, err
	}
	if err := r.cloud.AddPart(r.query.Get("uploadId"), number, body); err != nil {
		return nil, noSuchUpload()
	}
	return &wire.Answer{Header: http.Header{"Etag": {fmt.Sprintf(`"%032x"`, number)}}}, nil
}

func completeUpload(r *request) (any, error) {
	o, err := r.cloud.FinishUpload(r.query.Get("uploadId"))
	if err != nil {
		return nil, noSuchUpload()
	}
	return r.xml("CompleteMultipartUploadResult", map[string]any{"Bucket": r.bucket, "Key": r.key, "ETag": o.ETag}), nil
}

func abortUpload(r *request) (any, error) {
	r.cloud.AbortUpload(r.query.Get("uploadId"))
	return empty(http.StatusNoContent), nil
}
