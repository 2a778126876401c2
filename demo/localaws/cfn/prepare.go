package cfn

import (
	"net/url"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// CloudFormation's quotas for templates, in bytes.
const (
	maxBody = 51_200
	maxURL  = 1_000_000
)

// request is what CreateStack, UpdateStack and CreateChangeSet have in common.
type request struct {
	place        cloud.Place
	name         string
	stackID      string
	body         string
	parameters   []wire.Params
	previous     map[string]string
	tags         map[string]string
	capabilities []string
	notify       []string
	rollback     map[string]any
	role         string
}

// readRequest reads the common parameters. As with AWS, an absent list keeps
// what the stack has, and an empty one removes it. previous is the stack to be
// changed, nil for a new one; s.mu is held.
func (s *Service) readRequest(c *wire.Call, previous *Stack) (request, error) {
	r := request{
		place: place(c), name: c.Params.String("StackName"), parameters: c.Params.Maps("Parameters"),
		capabilities: c.Params.Strings("Capabilities"), notify: c.Params.Strings("NotificationARNs"),
		role: c.Params.String("RoleARN"), tags: map[string]string{}, rollback: rollbackOf(c),
	}
	for _, t := range c.Params.Maps("Tags") {
		r.tags[t.String("Key")] = t.String("Value")
	}
	if previous != nil {
		r.name, r.stackID, r.previous = previous.Name, previous.ID, previous.Params
		if !c.Params.Has("Tags") {
			r.tags = previous.Tags
		}
		if !c.Params.Has("NotificationARNs") {
			r.notify = previous.NotifyARNs
		}
		if !c.Params.Has("RollbackConfiguration") {
			r.rollback = previous.Rollback
		} else if !c.Params.Map("RollbackConfiguration").Has("RollbackTriggers") && previous.Rollback != nil {
			r.rollback["RollbackTriggers"] = previous.Rollback["RollbackTriggers"]
		}
		if r.role == "" {
			r.role = previous.RoleARN
		}
	}
	if err := checkTriggers(r.rollback); err != nil {
		return r, err
	}
	body, err := s.templateBody(c, previous)
	r.body = body
	return r, err
}

func (s *Service) templateBody(c *wire.Call, previous *Stack) (string, error) {
	switch {
	case c.Params.Has("TemplateBody"):
		body := c.Params.String("TemplateBody")
		if len(body) > maxBody {
			return "", wire.Invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxBody)
		}
		return body, nil
	case c.Params.Has("TemplateURL"):
		return s.fetchTemplate(c.Params.String("TemplateURL"))
	case c.Params.Bool("UsePreviousTemplate") && previous != nil && previous.Template != nil:
		return previous.Template.Body, nil
	}
	return "", wire.Invalid("Either Template URL or Template Body must be specified.")
}

// fetchTemplate reads a template from our own S3, whatever host the URL names.
func (s *Service) fetchTemplate(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", wire.Invalid("TemplateURL must be a supported URL.")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if host, _, ok := strings.Cut(u.Hostname(), ".s3"); ok && host != "" {
		bucket, key = host, strings.TrimPrefix(u.Path, "/")
	}
	object, ok := s.cloud.GetObject(bucket, key)
	if !ok {
		return "", wire.Invalid("S3 error: The specified key does not exist.\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html")
	}
	if len(object.Body) > maxURL {
		return "", wire.Invalid("Template may not exceed %d bytes in size.", maxURL)
	}
	return string(object.Body), nil
}

// prepare turns a request into what a stack is to be, or says why not; s.mu is held.
func (s *Service) prepare(r request) (Config, error) {
	t, err := parse(r.body)
	if err != nil {
		return Config{}, err
	}
	if len(t.Resources) > 500 {
		return Config{}, wire.Invalid("Template format error: Number of resources, %d, is greater than maximum allowed, 500", len(t.Resources))
	}
	params, err := parameterValues(t, r.parameters, r.previous)
	if err != nil {
		return Config{}, err
	}
	resolved, err := s.resolve(t, r.place, params)
	if err != nil {
		return Config{}, err
	}
	c := Config{
		Template: t, Params: params, Resolved: resolved, Conditions: map[string]bool{}, Tags: r.tags,
		Capabilities: r.capabilities, NotifyARNs: r.notify, Rollback: r.rollback, RoleARN: r.role,
	}
	sc := s.baseScope(&Stack{Place: r.place, ID: r.stackID, Name: r.name}, c)
	for name := range t.Conditions {
		if _, err := sc.condition(name, 0); err != nil {
			return Config{}, err
		}
	}
	if err := checkRules(sc); err != nil {
		return Config{}, err
	}
	if err := s.checkRole(r.role); err != nil {
		return Config{}, err
	}
	return c, requireCapabilities(t, slices.Clone(r.capabilities))
}

// checkRole refuses a service role that doesn't exist.
func (s *Service) checkRole(arn string) error {
	if arn == "" {
		return nil
	}
	account, name, ok := cloud.SplitRole(arn)
	if ok {
		_, ok = s.cloud.Get(cloud.Place{Account: account}, "AWS::IAM::Role", name)
	}
	if !ok {
		return wire.Invalid("Role %s is invalid or cannot be assumed", arn)
	}
	return nil
}
