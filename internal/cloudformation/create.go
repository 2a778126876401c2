package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/api/v1alpha1"
)

// capabilities as the CDK's CLI gives them: an app that was accepted may
// create roles and use transforms.
var capabilities = []types.Capability{
	types.CapabilityCapabilityIam,
	types.CapabilityCapabilityNamedIam,
	types.CapabilityCapabilityAutoExpand,
}

// ChangeSetRequest asks for a change set.
type ChangeSetRequest struct {
	// StackName is the stack's name, or its ARN once it is known.
	StackName string
	// Name and Token are of the operation's id. CloudFormation wants a name
	// of letters, digits and hyphens that begins with a letter, 128 at most.
	Name, Token string
	// Create is true when there is no stack yet, or one in
	// REVIEW_IN_PROGRESS.
	Create bool
	// Plan is what the stack is to become.
	Plan v1alpha1.Plan
	// Given are values of parameters that win over those of the plan.
	Given map[string]Given
}

// Given is a value of a parameter.
type Given struct {
	Value string
	// Secret says that nobody may see it, so that the parameter has to be NoEcho.
	Secret bool
}

// CreateChangeSet starts the creation of a change set; ChangeSet tells when it
// is complete. A change set of that name that is there already is the same
// one, since the name belongs to the operation: asking twice does nothing.
// ErrStackBusy and ErrValidation are the refusals.
//
// For CloudFormation an absent list means "keep what the stack has" and an
// empty one "remove it". As the CDK's CLI does, tags are always sent, and
// notification topics unless the app says nothing about them. Rollback triggers
// are never sent: the CDK has no word for them, so those of the stack stay.
func (c *Client) CreateChangeSet(ctx context.Context, r ChangeSetRequest) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if err := c.sameAccount(ctx, r); err != nil {
		return err
	}
	input := c.deployment
	if r.Plan.RevertsDrift {
		input = c.revert
	}
	in, err := input(ctx, r)
	if err != nil {
		return err
	}
	if r.Plan.ExecutionRoleARN != "" {
		in.RoleARN = &r.Plan.ExecutionRoleARN
	}
	doing := "create change set " + r.Name + " of stack " + shortName(r.StackName)
	_, err = call(ctx, c, doing, (*cfn.Client).CreateChangeSet, in)
	if code(err) == "AlreadyExistsException" {
		return nil
	}
	return err
}

// deployment is a change set that brings a plan about.
func (c *Client) deployment(ctx context.Context, r ChangeSetRequest) (*cfn.CreateChangeSetInput, error) {
	parameters, err := c.parameters(ctx, r)
	if err != nil {
		return nil, err
	}
	in := &cfn.CreateChangeSetInput{
		StackName:           &r.StackName,
		ChangeSetName:       &r.Name,
		ClientToken:         &r.Token,
		ChangeSetType:       types.ChangeSetTypeUpdate,
		TemplateURL:         &r.Plan.TemplateURL,
		Parameters:          parameters,
		Tags:                tags(r.Plan.Tags),
		NotificationARNs:    r.Plan.NotificationARNs,
		Capabilities:        capabilities,
		IncludeNestedStacks: aws.Bool(true),
	}
	if r.Create {
		in.ChangeSetType = types.ChangeSetTypeCreate
	}
	return in, nil
}

// tags is never nil: the last tag would stay on the stack.
func tags(all map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return out
}

// parameters are the plan's, and for those that the template declares and the
// plan leaves open, what the stack has now. So does the CDK's CLI.
func (c *Client) parameters(ctx context.Context, r ChangeSetRequest) ([]types.Parameter, error) {
	var out []types.Parameter
	if err := c.fits(ctx, r); err != nil {
		return nil, err
	}
	values := r.values()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(values[key])})
	}
	if r.Create {
		return out, incomplete(r, nil)
	}
	kept, err := c.kept(ctx, r)
	for _, key := range kept {
		out = append(out, types.Parameter{ParameterKey: aws.String(key), UsePreviousValue: aws.Bool(true)})
	}
	return out, err
}

// incomplete is ErrParameters when the template needs values that neither the
// app nor the stack as it is has. CloudFormation would say so, too, but not
// what to do.
func incomplete(r ChangeSetRequest, present []types.Parameter) error {
	missing := slices.DeleteFunc(slices.Clone(r.Plan.OpenParameters), func(key string) bool {
		_, given := r.Given[key]
		return given || slices.ContainsFunc(present, func(p types.Parameter) bool { return aws.ToString(p.ParameterKey) == key })
	})
	if len(missing) == 0 {
		return nil
	}
	return &Error{Kind: ErrParameters, Doing: "plan stack " + r.Plan.StackName, Message: fmt.Sprintf(
		"nothing gives these parameters of the template a value: %s. Give each one in spec.parametersFrom, or a default in the app (new CfnParameter(…, {default: …})), or read the value from the context (spec.cdkContext) instead of a parameter", strings.Join(missing, ", "))}
}

// kept names the parameters that keep their present value.
func (c *Client) kept(ctx context.Context, r ChangeSetRequest) ([]string, error) {
	stack, err := c.describe(ctx, r.StackName)
	if err != nil {
		return nil, err
	}
	if err := incomplete(r, stack.Parameters); err != nil {
		return nil, err
	}
	var open []string
	values := r.values()
	for _, p := range stack.Parameters {
		key := aws.ToString(p.ParameterKey)
		if _, set := values[key]; !set {
			open = append(open, key)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	declared, err := c.declared(ctx, r.Plan.TemplateURL)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(open, func(key string) bool { _, known := declared[key]; return !known }), nil
}

// values are the plan's parameters and those that are given.
func (r ChangeSetRequest) values() map[string]string {
	all := make(map[string]string, len(r.Plan.Parameters)+len(r.Given))
	maps.Copy(all, r.Plan.Parameters)
	for key, given := range r.Given {
		all[key] = given.Value
	}
	return all
}

// fits refuses values for parameters that the template does not have, and
// secret ones for those that CloudFormation would show to everyone who may read
// the stack.
func (c *Client) fits(ctx context.Context, r ChangeSetRequest) error {
	if len(r.Given) == 0 {
		return nil
	}
	declared, err := c.declared(ctx, r.Plan.TemplateURL)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(r.Given)) {
		noEcho, known := declared[key]
		switch doing := "plan stack " + r.Plan.StackName; {
		case !known:
			return &Error{Kind: ErrParameterUnknown, Doing: doing, Message: fmt.Sprintf(
				"the template has no parameter %s, which spec.parametersFrom gives a value; it has %s. Correct the name, or declare it in the app (new CfnParameter(this, '%s'))", key, some(slices.Sorted(maps.Keys(declared))), key)}
		case r.Given[key].Secret && !noEcho:
			return &Error{Kind: ErrParameterShown, Doing: doing, Message: fmt.Sprintf(
				"spec.parametersFrom gives the parameter %s a value of a Secret, and CloudFormation would show it: declare it with noEcho (new CfnParameter(this, '%s', {noEcho: true})), or use a ConfigMap", key, key)}
		}
	}
	return nil
}

// some names at most twenty.
func some(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := strings.Join(names[:min(len(names), 20)], ", ")
	if more := len(names) - 20; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// declared are the template's parameters, and of each whether it is NoEcho.
func (c *Client) declared(ctx context.Context, templateURL string) (map[string]bool, error) {
	out, err := call(ctx, c, "read template "+lastPart(templateURL), (*cfn.Client).GetTemplateSummary, &cfn.GetTemplateSummaryInput{TemplateURL: &templateURL})
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(out.Parameters))
	for _, p := range out.Parameters {
		set[aws.ToString(p.ParameterKey)] = aws.ToBool(p.NoEcho)
	}
	return set, nil
}

func lastPart(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// sameAccount refuses to plan in another account than the one that was built
// for: the credentials have changed since, and a stack of the same name there
// would be somebody else's. Where AWS does not say who the client is, the
// account is not compared.
func (c *Client) sameAccount(ctx context.Context, r ChangeSetRequest) error {
	id, err := c.Identity(ctx)
	if err != nil || r.Plan.Account == "" || id.Account == r.Plan.Account {
		return nil
	}
	return &Error{Kind: ErrElsewhere, Doing: "create a change set of stack " + shortName(r.StackName), Message: fmt.Sprintf(
		"the app was built for account %s, and the credentials are of account %s by now: use credentials of account %s", r.Plan.Account, id.Account, r.Plan.Account)}
}
