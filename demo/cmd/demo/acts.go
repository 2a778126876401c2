package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// How long each act may take before the demo gives up. A first deployment downloads and unpacks
// the app's dependencies, on a slow network and two cores.
const (
	deployLimit  = 10 * time.Minute
	updateLimit  = 5 * time.Minute
	driftLimit   = 3 * time.Minute
	destroyLimit = 5 * time.Minute
)

const (
	namespace       = "demo"
	credentialsName = "aws-credentials"
)

// cast is one object of the demo: a stack of the sample app.
type cast struct {
	name, stackName string
	environment     string
	hooks           map[string]any
}

var (
	shared = cast{name: "shared", stackName: "Shared"}
	webApp = cast{name: "web-app", stackName: "WebApp", environment: "staging", hooks: map[string]any{
		"beforeDeploy": noKeyInTheCode, "afterDeploy": theQueueAnswers,
	}}
)

const (
	// noKeyInTheCode refuses a commit that holds somebody's AWS key.
	noKeyInTheCode = `set -euo pipefail
found=0
grep -rIlE 'AKIA[0-9A-Z]{16}' . --exclude-dir=node_modules || found=$?
if ((found != 1)); then # 1: there is none
  echo "take the AWS key out of these files" >&2
  exit 1
fi
echo "security_compliance_score 100" >> "$CDK_METRICS_FILE"
`
	// theQueueAnswers is the verification of a deployment: what it made can be reached.
	theQueueAnswers = `set -euo pipefail
node -e '
  const began = Date.now();
  const outputs = JSON.parse(process.env.CDK_OUTPUTS);
  fetch(outputs.JobsUrl).then(() => {
    console.log("health_check_response_time_ms", Date.now() - began);
    console.log("outputs", Object.keys(outputs).length);
  });
' >> "$CDK_METRICS_FILE"
`
)

// driftedParameter is set by the WebApp stack, and changed by somebody else in the fourth act.
const driftedParameter = "/web-app/environment"

// story is what is left to tell at the end.
type story struct {
	revision string
	object   *v1alpha1.CdkTsStack
	reasons  []string
	// How long a deployment took: the first of all, another stack of the same commit, a new commit.
	first, second, update time.Duration
}

// tell plays every act but the last: deploy, change, approve, drift.
func tell(ctx context.Context, s *stage) (*story, error) {
	s.screen.chapter("Deploy a CDK app from git")
	if err := s.prepareNamespace(ctx); err != nil {
		return nil, err
	}
	told := &story{}
	began := time.Now()
	if err := s.deploy(ctx, shared, s.first); err != nil {
		return nil, err
	}
	told.first = time.Since(began)
	began = time.Now()
	if err := s.deploy(ctx, webApp, s.first); err != nil {
		return nil, err
	}
	told.second = time.Since(began)

	s.screen.chapter("Change it with a commit")
	began = time.Now()
	var err error
	if told.revision, err = s.change(ctx); err != nil {
		return nil, err
	}
	told.update = time.Since(began)

	s.screen.chapter("Look at a plan before it is executed")
	if told.revision, err = s.approve(ctx); err != nil {
		return nil, err
	}

	s.screen.chapter("Let somebody change it by hand")
	if err := s.drift(ctx); err != nil {
		return nil, err
	}
	if told.object, err = s.cluster.stack(ctx, webApp.name); err != nil {
		return nil, err
	}
	told.reasons, err = s.cluster.eventReasons(ctx, webApp.name)
	return told, err
}

// prepareNamespace makes what a team needs once: a namespace and its credentials.
func (s *stage) prepareNamespace(ctx context.Context) error {
	err := s.cluster.create(ctx, namespaceResource, map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace},
	})
	if err != nil {
		return err
	}
	return s.cluster.create(ctx, secretResource, map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": credentialsName, "namespace": namespace},
		"stringData": map[string]any{"AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secretAccessKey},
	})
}

// manifest is what a user writes for a stack of the sample app.
func (s *stage) manifest(c cast) map[string]any {
	spec := map[string]any{
		"stackName":             c.stackName,
		"credentialsSecretName": credentialsName,
		"awsRegion":             region,
		"source":                map[string]any{"git": map[string]any{"repository": s.gitURL, "ref": "main"}},
		"path":                  appPath,
		"actions":               map[string]any{"autoRedeploy": true},
	}
	if c.environment != "" {
		spec["cdkContext"] = []any{"environment=" + c.environment}
	}
	if c.hooks != nil {
		spec["lifecycleHooks"] = c.hooks
	}
	return map[string]any{
		"apiVersion": "awscdk.dev/v1alpha1", "kind": "CdkTsStack",
		"metadata": map[string]any{"name": c.name, "namespace": namespace}, "spec": spec,
	}
}

// deploy creates an object and waits until its stack is what the commit says.
func (s *stage) deploy(ctx context.Context, c cast, revision string) error {
	return s.during(fmt.Sprintf("kubectl apply %s, and its stack %s is deployed", c.name, c.stackName), func() (string, error) {
		if err := s.cluster.create(ctx, cdkTsStackResource, s.manifest(c)); err != nil {
			return "", err
		}
		return s.awaitDeployed(ctx, c, revision, deployLimit)
	})
}

// awaitDeployed follows an object until a commit is deployed, and checks with CloudFormation.
func (s *stage) awaitDeployed(ctx context.Context, c cast, revision string, limit time.Duration) (string, error) {
	err := s.follow(ctx, c, limit, func(object *v1alpha1.CdkTsStack) (bool, error) {
		if object == nil {
			return false, fmt.Errorf("%s is gone", c.name)
		}
		return isReady(object, revision), stalled(object)
	})
	if err != nil {
		return "", err
	}
	count, err := s.cloud.resourceCount(ctx, c.stackName)
	return fmt.Sprintf("%d resources, commit %s", count, short(revision)), err
}

// change pushes a commit and waits for the operator to find and deploy it.
func (s *stage) change(ctx context.Context) (revision string, err error) {
	err = s.during("git push, and the operator deploys the new commit", func() (detail string, err error) {
		if revision, err = s.app.change(); err != nil {
			return "", err
		}
		return s.awaitDeployed(ctx, webApp, revision, updateLimit)
	})
	return revision, err
}

// drift changes a resource behind CloudFormation's back and waits for the operator to say so.
func (s *stage) drift(ctx context.Context) error {
	var lines []string
	err := s.during("aws ssm put-parameter "+driftedParameter, func() (string, error) {
		return "not through CloudFormation", s.cloud.changeParameter(ctx, driftedParameter, "changed-by-hand")
	})
	if err != nil {
		return err
	}
	err = s.during("the operator finds the drift", func() (string, error) {
		return "", s.follow(ctx, webApp, driftLimit, func(object *v1alpha1.CdkTsStack) (bool, error) {
			if object == nil {
				return false, fmt.Errorf("%s is gone", webApp.name)
			}
			if !object.Status.DriftDetected || object.Status.Drift == nil {
				return false, nil
			}
			lines = describeDrift(object.Status.Drift)
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	for _, line := range lines {
		s.screen.linef(indent+"%s", line)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, webApp.environment) || !strings.Contains(text, "changed-by-hand") {
		return fmt.Errorf("the drift shown does not name the expected and the actual value:\n%s", text)
	}
	return s.during("the value is put back", func() (string, error) {
		if err := s.cloud.changeParameter(ctx, driftedParameter, webApp.environment); err != nil {
			return "", err
		}
		return "", s.follow(ctx, webApp, driftLimit, func(object *v1alpha1.CdkTsStack) (bool, error) {
			return object != nil && !object.Status.DriftDetected, nil
		})
	})
}

// destroy deletes an object and waits until both it and its stack are gone.
func (s *stage) destroy(ctx context.Context, c cast) error {
	s.screen.chapter("Delete " + c.name)
	return s.during(fmt.Sprintf("kubectl delete %s, and its stack %s is gone", c.name, c.stackName), func() (string, error) {
		if err := s.cluster.deleteStack(ctx, c.name); err != nil {
			return "", err
		}
		err := s.follow(ctx, c, destroyLimit, func(object *v1alpha1.CdkTsStack) (bool, error) { return object == nil, nil })
		if err != nil {
			return "", err
		}
		gone, err := s.cloud.isGone(ctx, c.stackName)
		if err == nil && !gone {
			err = fmt.Errorf("the object is gone, but CloudFormation still has stack %s", c.stackName)
		}
		return "", err
	})
}

// short is a commit as people write it.
func short(revision string) string { return revision[:min(8, len(revision))] }
