package cloudformation

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

func TestACrowdOfStacksDoesNotStampede(t *testing.T) {
	server := awstest.Start(t)
	clients := NewClients(Options{Now: time.Now, Rate: 10, Burst: 5})
	var wg sync.WaitGroup
	var throttled atomic.Int32
	for range 300 {
		wg.Go(func() {
			seen := clients.For(Target{Credentials: testKeys, Region: awstest.Region}).Stack(t.Context(), "app")
			switch {
			case errors.Is(seen.Err, ErrThrottled):
				throttled.Add(1)
			case !seen.Seen:
				t.Errorf("stack: %+v", seen)
			}
		})
	}
	wg.Wait()
	// 5 at once and 10 a second for as long as a request waits for its turn;
	// twice that is still no stampede.
	calls := len(server.Calls(t, "DescribeStacks"))
	if calls+int(throttled.Load()) != 300 || calls < 5 || calls > 2*(5+20) {
		t.Errorf("%d calls went out and %d were put off", calls, throttled.Load())
	}
}

func TestARoleIsAssumedForEveryCallAndOnce(t *testing.T) {
	c := newCloud(t)
	trust := tree{"Version": "2012-10-17", "Statement": []tree{{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": tree{"AWS": awstest.Account},
	}}}
	c.deploy(t, "1", c.plan(t, template{Resources: tree{
		"Role": tree{"Type": "AWS::IAM::Role", "Properties": tree{"RoleName": "deploy", "AssumeRolePolicyDocument": trust}},
	}}))
	c.ForgetCalls(t)
	role := NewClients(Options{Now: time.Now}).For(Target{
		Credentials: testKeys, Region: awstest.Region,
		Role: awsconfig.Role{ARN: "arn:aws:iam::" + awstest.Account + ":role/deploy"},
	})
	for range 3 {
		if seen := role.Stack(t.Context(), "app"); !seen.Exists {
			t.Fatalf("stack: %+v", seen)
		}
	}
	for _, call := range c.Calls(t, "DescribeStacks") {
		if call.AccessKey == testKeys.AccessKeyID {
			t.Error("a call was made with the base credentials")
		}
	}
	if n := len(c.Calls(t, "AssumeRole")); n != 1 {
		t.Errorf("the role was assumed %d times", n)
	}
}
