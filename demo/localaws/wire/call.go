// Package wire speaks AWS's request and response formats: the query, JSON, CBOR
// and REST protocols, told apart as AWS's own front end does, by the signature's
// credential scope, the target header, the action and the API version.
package wire

import (
	"net/http"
	"net/url"
	"strings"
)

// Protocol is how a request was written, and so how its answer must be.
type Protocol int

// The protocols AWS services use.
const (
	Query Protocol = iota
	JSON
	REST
	CBOR
)

// Call is one AWS API request, understood as far as every service needs it.
type Call struct {
	Service   string // the signing name: "cloudformation", "s3", …
	Action    string // the operation; set by the service itself for REST ones
	Version   string // the API version, for the query protocol
	Protocol  Protocol
	AccessKey string
	Token     string // the session token, if temporary credentials signed the call
	Account   string // filled in once the access key is known
	Region    string
	Params    Params
	Request   *http.Request
	Body      []byte
	RequestID string
	Endpoint  string // our own URL as the client wrote it, such as http://127.0.0.1:4566
}

// Answer is a complete HTTP answer, for services whose answers have no common shape.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Parse understands r, whose body was already read.
func Parse(r *http.Request, body []byte, requestID string) *Call {
	c := &Call{Request: r, Body: body, RequestID: requestID, Params: Params{}, Endpoint: endpoint(r)}
	c.AccessKey, c.Region, c.Service = scope(r)
	c.Token = r.Header.Get("X-Amz-Security-Token")
	if c.Token == "" {
		c.Token = r.URL.Query().Get("X-Amz-Security-Token")
	}
	switch {
	case isCBOR(r):
		c.readCBOR()
	case r.Header.Get("X-Amz-Target") != "":
		c.readTarget(r.Header.Get("X-Amz-Target"))
	case isQuery(r, c.Service):
		c.readForm()
	default:
		c.Protocol = REST
		if c.Service == "" {
			c.Service = "s3"
		}
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	return c
}

func endpoint(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// scope reads who signed the request for which region and service, from the
// Authorization header or, for presigned requests, from the URL.
func scope(r *http.Request) (accessKey, region, service string) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
		credential, _, _ = strings.Cut(credential, " ")
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return "", "", ""
	}
	return parts[0], parts[2], parts[3]
}

// targets names services by the prefix of X-Amz-Target, for unsigned calls
// and as a check that signature and target agree.
var targets = map[string]string{
	"AmazonSSM":                            "ssm",
	"AmazonSQS":                            "sqs",
	"AmazonEC2ContainerRegistry_V20150921": "ecr",
	"Logs_20140328":                        "logs",
	"DynamoDB_20120810":                    "dynamodb",
	"TrentService":                         "kms",
	"AWSEvents":                            "events",
	"GraniteServiceVersion20100801":        "monitoring",
	"AWSInsightsIndexService":              "ce",
	"CloudTrail_20131101":                  "cloudtrail",
	"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": "cloudtrail",
}

func (c *Call) readTarget(target string) {
	c.Protocol = JSON
	dot := strings.LastIndex(target, ".")
	c.Action = target[dot+1:]
	if service, ok := targets[target[:max(dot, 0)]]; ok {
		c.Service = service
	}
	c.Params = decodeJSON(c.Body)
}

// isQuery says whether r uses the query protocol: a form body, or an Action in the URL.
func isQuery(r *http.Request, service string) bool {
	if service == "s3" {
		return false
	}
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") ||
		r.URL.Query().Has("Action")
}

// versions names services by their API version, for unsigned query calls such
// as AssumeRoleWithWebIdentity.
var versions = map[string]string{
	"2011-06-15": "sts",
	"2010-05-15": "cloudformation",
	"2010-05-08": "iam",
	"2010-03-31": "sns",
	"2012-11-05": "sqs",
	"2010-08-01": "monitoring",
	"2014-10-31": "rds",
	"2015-12-01": "elasticloadbalancing",
	"2016-11-15": "ec2",
}

func (c *Call) readForm() {
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		form = url.Values{}
	}
	for k, v := range c.Request.URL.Query() {
		if !form.Has(k) {
			form[k] = v
		}
	}
	c.Action, c.Version = form.Get("Action"), form.Get("Version")
	if c.Service == "" {
		c.Service = versions[c.Version]
	}
	c.Params = decodeForm(form)
}
