package objects

import (
	"cmp"
	"encoding/json"
	"net/http"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const policyType = "AWS::S3::BucketPolicy"

// props are the bucket's properties, in CloudFormation's words.
func (r *request) props() wire.Params {
	b, _ := r.cloud.Get(cloud.Place{}, bucketType, r.bucket)
	return b.Props
}

// set gives the bucket a property, or takes it away.
func (r *request) set(name string, value any) (any, error) {
	return empty(http.StatusOK), r.cloud.Change(cloud.Place{}, bucketType, r.bucket, func(b *cloud.Resource) error {
		if value == nil {
			delete(b.Props, name)
			return nil
		}
		b.Props[name] = value
		return nil
	})
}

func dropProperty(name string) handler {
	return func(r *request) (any, error) {
		if _, err := r.set(name, nil); err != nil {
			return nil, err
		}
		return empty(http.StatusNoContent), nil
	}
}

func getEncryption(r *request) (any, error) {
	rules := r.props().Map("BucketEncryption").Maps("ServerSideEncryptionConfiguration")
	by, key := map[string]any{"SSEAlgorithm": "AES256"}, false
	if len(rules) > 0 {
		by, key = rules[0].Map("ServerSideEncryptionByDefault"), rules[0].Bool("BucketKeyEnabled")
	}
	return r.xml("ServerSideEncryptionConfiguration", map[string]any{
		"Rule": map[string]any{"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": key},
	}), nil
}

func putEncryption(r *request) (any, error) {
	rules := []any{}
	for _, rule := range decodeXML(r.Body).each("Rule") {
		by := rule.at("ApplyServerSideEncryptionByDefault").copyTexts(map[string]string{"SSEAlgorithm": "SSEAlgorithm", "KMSMasterKeyID": "KMSMasterKeyID"})
		out := map[string]any{"ServerSideEncryptionByDefault": by}
		if rule.has("BucketKeyEnabled") {
			out["BucketKeyEnabled"] = rule.String("BucketKeyEnabled") == "true"
		}
		rules = append(rules, out)
	}
	return r.set("BucketEncryption", map[string]any{"ServerSideEncryptionConfiguration": rules})
}

func getVersioning(r *request) (any, error) {
	fields := map[string]any{}
	if status := r.props().Map("VersioningConfiguration").String("Status"); status != "" {
		fields["Status"] = status
	}
	return r.xml("VersioningConfiguration", fields), nil
}

func putVersioning(r *request) (any, error) {
	return r.set("VersioningConfiguration", map[string]any{"Status": decodeXML(r.Body).String("Status")})
}

func getTagging(r *request) (any, error) {
	b, _ := r.cloud.Get(cloud.Place{}, bucketType, r.bucket)
	tags := b.AllTags()
	if len(tags) == 0 {
		return nil, wire.NotFound("NoSuchTagSet", "The TagSet does not exist")
	}
	return r.xml("Tagging", tagSet(tags)), nil
}

func putTagging(r *request) (any, error) {
	tags := []any{}
	for _, t := range decodeXML(r.Body).at("TagSet").each("Tag") {
		tags = append(tags, map[string]any{"Key": t.String("Key"), "Value": t.String("Value")})
	}
	return r.set("Tags", tags)
}

func getPolicy(r *request) (any, error) {
	p, ok := r.cloud.Get(cloud.Place{}, policyType, r.bucket)
	if !ok {
		return nil, wire.NotFound("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	body, err := json.Marshal(p.Props["PolicyDocument"])
	return &wire.Answer{Header: http.Header{"Content-Type": {"application/json"}}, Body: body}, err
}

func putPolicy(r *request) (any, error) {
	var document any
	if err := json.Unmarshal(r.Body, &document); err != nil {
		return nil, wire.Errorf("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	}
	props := map[string]any{"Bucket": r.bucket, "PolicyDocument": document}
	spec := cloud.Spec{Type: policyType, Place: cloud.Place{Account: r.Account, Region: r.Region}, Props: props}
	if _, ok := r.cloud.Get(cloud.Place{}, policyType, r.bucket); ok {
		_, err := r.cloud.Update(cloud.Updating, spec, r.bucket)
		return empty(http.StatusNoContent), err
	}
	_, err := r.cloud.Create(spec)
	return empty(http.StatusNoContent), err
}

func deletePolicy(r *request) (any, error) {
	return empty(http.StatusNoContent), r.cloud.Delete(cloud.Deleting, cloud.Place{}, policyType, r.bucket)
}

var publicAccessNames = map[string]string{
	"BlockPublicAcls": "BlockPublicAcls", "IgnorePublicAcls": "IgnorePublicAcls",
	"BlockPublicPolicy": "BlockPublicPolicy", "RestrictPublicBuckets": "RestrictPublicBuckets",
}

func getPublicAccess(r *request) (any, error) {
	if !r.props().Has("PublicAccessBlockConfiguration") {
		return nil, wire.NotFound("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	return r.xml("PublicAccessBlockConfiguration", pick(r.props().Map("PublicAccessBlockConfiguration"), publicAccessNames)), nil
}

func putPublicAccess(r *request) (any, error) {
	values := decodeXML(r.Body).copyTexts(publicAccessNames)
	for k, v := range values {
		values[k] = v == "true"
	}
	return r.set("PublicAccessBlockConfiguration", values)
}

func getLogging(r *request) (any, error) {
	fields := map[string]any{}
	if r.props().Has("LoggingConfiguration") {
		own := r.props().Map("LoggingConfiguration")
		// A template without a destination means the bucket itself.
		fields["LoggingEnabled"] = map[string]any{
			"TargetBucket": cmp.Or(own.String("DestinationBucketName"), r.bucket), "TargetPrefix": own.String("LogFilePrefix"),
		}
	}
	return r.xml("BucketLoggingStatus", fields), nil
}

func putLogging(r *request) (any, error) {
	in := decodeXML(r.Body)
	if !in.has("LoggingEnabled") {
		return r.set("LoggingConfiguration", nil)
	}
	return r.set("LoggingConfiguration", in.at("LoggingEnabled").copyTexts(map[string]string{"TargetBucket": "DestinationBucketName", "TargetPrefix": "LogFilePrefix"}))
}
