package awsconfig

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"awscdk.dev/operator/api/v1alpha1"
)

const sessionName = "awscdk-operator"

// assumeRoleOptions are the fields of assumeRoleAdditionalOptions in a cloud
// assembly: parameters of sts:AssumeRole, named as STS names them.
type assumeRoleOptions struct {
	Tags              []sessionTag
	TransitiveTagKeys []string
	Policy            string
	PolicyArns        []struct {
		ARN string `json:"arn"`
	}
	SourceIdentity  string
	DurationSeconds int32
	RoleSessionName string
	ExternalID      string `json:"ExternalId"`
}

type sessionTag struct{ Key, Value string }

// ParseSession reads the assumeRoleAdditionalOptions that an app gives for a
// role. It returns nil when there are none. An option that is not known is
// refused: it may be what narrows the session.
//
// As in the CDK's CLI, every session tag is transitive, whatever
// TransitiveTagKeys says, and the options win over what stands beside them.
func ParseSession(raw json.RawMessage) (*v1alpha1.RoleSession, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var o assumeRoleOptions
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return nil, &Error{Kind: ErrUnsupported, Doing: "read assumeRoleAdditionalOptions of the app's synthesizer", Message: fmt.Sprintf(
			"%s; Tags, TransitiveTagKeys, Policy, PolicyArns, SourceIdentity, DurationSeconds, RoleSessionName and ExternalId are supported, named and written as in sts:AssumeRole",
			strings.TrimPrefix(err.Error(), "json: "))}
	}
	s := v1alpha1.RoleSession{
		Policy: o.Policy, SourceIdentity: o.SourceIdentity, DurationSeconds: o.DurationSeconds,
		Name: o.RoleSessionName, ExternalID: o.ExternalID,
	}
	for _, tag := range o.Tags {
		s.Tags = append(s.Tags, v1alpha1.SessionTag{Key: tag.Key, Value: tag.Value})
	}
	for _, policy := range o.PolicyArns {
		s.PolicyARNs = append(s.PolicyARNs, policy.ARN)
	}
	return &s, nil
}

// Key tells roles and the sessions asked for them apart.
func (r Role) Key() string {
	key, err := json.Marshal(r)
	if err != nil { // there is nothing in it that has no JSON
		return fmt.Sprintf("%#v", r)
	}
	return string(key)
}

// session asks STS for the session that the app wants.
func (r Role) session(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName = sessionName
	o.Duration = SessionAge
	external := r.ExternalID
	if s := r.Session; s != nil {
		external = cmp.Or(s.ExternalID, external)
		o.RoleSessionName = cmp.Or(s.Name, sessionName)
		if s.DurationSeconds > 0 {
			o.Duration = time.Duration(s.DurationSeconds) * time.Second
		}
		o.Policy, o.SourceIdentity = optional(s.Policy), optional(s.SourceIdentity)
		for _, arn := range s.PolicyARNs {
			o.PolicyARNs = append(o.PolicyARNs, types.PolicyDescriptorType{Arn: &arn})
		}
		for _, tag := range s.Tags {
			o.Tags = append(o.Tags, types.Tag{Key: aws.String(tag.Key), Value: aws.String(tag.Value)})
			o.TransitiveTagKeys = append(o.TransitiveTagKeys, tag.Key)
		}
	}
	o.ExternalID = optional(external)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
