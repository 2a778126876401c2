// Package rollouts looks at the rollouts of ECS services and Lambda aliases, and at
// where load balancers forward to. Reads return what package decide observes. Its two
// writes may be repeated: a pause is answered once, and a rollout that is over is
// stopped by nobody.
package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/decide"
)

// Client looks as one identity. It is made for one look.
type Client struct {
	credentials awsconfig.Credentials
	ecs         *ecs.Client
	elb         *elb.Client
	codedeploy  *codedeploy.Client
}

// New makes a client; its errors do not show the credentials.
func New(cfg aws.Config, credentials awsconfig.Credentials) *Client {
	return &Client{credentials: credentials, ecs: ecs.NewFromConfig(cfg), elb: elb.NewFromConfig(cfg), codedeploy: codedeploy.NewFromConfig(cfg)}
}

func (c *Client) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	return awsconfig.Explain(doing, c.credentials, err)
}

// Application names the application and the deployment group of CodeDeploy that move
// an alias; both are "" when it is not CodeDeploy that does.
type Application struct{ Name, Group string }

// Rollout is the rollout that a query asks for. Of an alias, application gives what
// moves it; it is asked once, while no deployment is known.
func (c *Client) Rollout(ctx context.Context, q decide.RolloutQuery, application func(context.Context) (Application, error)) decide.Rollout {
	switch q.Kind {
	case v1alpha1.RolloutECS:
		return c.serviceRollout(ctx, q)
	case v1alpha1.RolloutLambda:
		return c.aliasRollout(ctx, q, application)
	}
	return decide.Rollout{RolloutQuery: q, Seen: true, State: v1alpha1.RolloutInProgress}
}

// Answer carries out what was ordered for a rollout.
func (c *Client) Answer(ctx context.Context, r *v1alpha1.RolloutStatus) error {
	doing := fmt.Sprintf("answer the rollout of %s", r.Service)
	if r.Kind == v1alpha1.RolloutLambda {
		_, err := c.codedeploy.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &r.Deployment, AutoRollbackEnabled: aws.Bool(true)})
		return c.explain(doing, err)
	}
	return c.explain(doing, c.answerService(ctx, r))
}

// refused says whether AWS knows us and does not let us.
func refused(err error) bool { return errors.Is(err, awsconfig.ErrAccessDenied) }

// last is what follows the last separator.
func last(text, separator string) string { return text[strings.LastIndex(text, separator)+1:] }
