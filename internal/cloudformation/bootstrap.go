package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"awscdk.dev/operator/internal/bootstrap"
)

// BootstrapVersion reads the version of the CDK's bootstrap stack out of the
// SSM parameter that the assembly names. ErrNotBootstrapped says what to run.
func (c *Client) BootstrapVersion(ctx context.Context, parameter string) (int, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	api, err := c.apis(ctx)
	if err != nil {
		return 0, err
	}
	const doing = "read the bootstrap version"
	out, err := api.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &parameter})
	if err = c.explain(ctx, doing, err); errors.Is(err, ErrNotFound) {
		return 0, &Error{
			Kind:    ErrNotBootstrapped,
			Doing:   doing,
			Code:    code(err),
			Message: fmt.Sprintf("there is no SSM parameter %s: run %s", parameter, bootstrap.Command(c.environment(ctx), parameter)),
			Err:     err,
		}
	}
	if err != nil {
		return 0, err
	}
	text := aws.ToString(out.Parameter.Value)
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, &Error{Kind: ErrNotBootstrapped, Doing: doing, Message: fmt.Sprintf("SSM parameter %s holds %q, which is no version: run %s", parameter, text, bootstrap.Again(c.environment(ctx), parameter))}
	}
	return version, nil
}

// RequireBootstrap is BootstrapVersion, and ErrBootstrapTooOld when that is
// less than the app needs. An app that names no parameter or no version asks
// for nothing.
func (c *Client) RequireBootstrap(ctx context.Context, parameter string, least int) (int, error) {
	if parameter == "" || least <= 0 {
		return 0, nil
	}
	version, err := c.BootstrapVersion(ctx, parameter)
	if err != nil || version >= least {
		return version, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	return version, &Error{
		Kind:    ErrBootstrapTooOld,
		Doing:   "check the bootstrap version",
		Message: fmt.Sprintf("the app needs version %d and there is version %d: run %s with a newer CDK", least, version, bootstrap.Again(c.environment(ctx), parameter)),
	}
}
