package awsconfig

import (
	"net/url"
	"os"
	"strings"
)

// partitions by prefix of the region, longest first where they overlap.
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
var partitions = []struct{ prefix, name, suffix string }{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
}

// Partition is the partition that a region belongs to: aws, aws-cn, ….
func Partition(region string) string {
	name, _ := partition(region)
	return name
}

// URLSuffix is the domain of AWS's services in a region.
func URLSuffix(region string) string {
	_, suffix := partition(region)
	return suffix
}

func partition(region string) (name, suffix string) {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name, p.suffix
		}
	}
	return "aws", "amazonaws.com"
}

// PathStyle is true when S3 is behind an endpoint of the user's own
// (AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_S3): no name server there answers for
// the name of a bucket.
func PathStyle() bool {
	endpoint := os.Getenv("AWS_ENDPOINT_URL_S3")
	if endpoint == "" {
		endpoint = os.Getenv("AWS_ENDPOINT_URL")
	}
	if endpoint == "" {
		return os.Getenv("CDK_S3_FORCE_PATH_STYLE") == "1"
	}
	u, err := url.Parse(endpoint)
	return err == nil && !strings.HasSuffix(u.Hostname(), ".amazonaws.com")
}
