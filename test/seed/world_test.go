package seed

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"
)

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// kubectl is the customer's, in the namespace of production.
func (w *world) kubectl(args ...string) {
	w.Helper()
	if out, err := w.rig.Kubectl(w.T, append([]string{"-n", namespace}, args...)...); err != nil {
		w.Fatal(out, err)
	}
}

// force requests a deployment as the runbooks do.
func (w *world) force() {
	w.Helper()
	w.kubectl("patch", "cdk", w.stack.Name, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"","message":"Emergency rollback initiated"}}`)
}

// blocked waits until the object says why it is not ready.
func (w *world) blocked(reason, message string) *v1alpha1.CdkTsStack {
	w.Helper()
	return w.rig.Until(w.T, w.stack, reason+": "+message, func(o *v1alpha1.CdkTsStack) bool {
		c := rig.Trouble(o)
		return c != nil && c.Reason == reason && strings.Contains(c.Message, message)
	})
}

// ready waits until what was ordered last is deployed and verified.
func (w *world) ready() {
	w.Helper()
	w.rig.Until(w.T, w.stack, "it is ready", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Phase != "" && rig.Ready(o) && o.Status.Target.Order == o.Status.Orders.Current && o.Status.Deployed.Target.Order == o.Status.Orders.Current
	})
}

// says checks that the scripts said these things, in the log of the operator.
func (w *world) says(parts ...string) {
	w.Helper()
	log := w.manager.Log(w.T)
	for _, part := range parts {
		if !strings.Contains(log, part) {
			w.Errorf("no script said %q", part)
		}
	}
}

// sent waits until a service was sent a body with these parts.
func (w *world) sent(service string, parts ...string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s is sent %q", service, parts), func() bool {
		for _, body := range w.services.Received(service) {
			has := true
			for _, part := range parts {
				has = has && strings.Contains(body, part)
			}
			if has {
				return true
			}
		}
		return false
	})
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	w.Fatalf("it did not come about that %s", what)
}

// aws is the aws CLI of somebody who changes things behind the operator's back.
func (w *world) aws(args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "aws", args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"},
		"AWS_ENDPOINT_URL="+w.rig.AWS.URL, "AWS_ACCESS_KEY_ID=AKIASEEDSEEDSEEDSEED",
		"AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_REGION="+rig.Region, "AWS_DEFAULT_REGION="+rig.Region)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// admin sets something in the local AWS that no API of AWS sets.
func (w *world) admin(method, what, body string) error {
	url := fmt.Sprintf("%s/_localaws/%s?account=%s&region=%s", w.rig.AWS.URL, what, awstest.Account, rig.Region)
	req, err := http.NewRequestWithContext(w.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("%s: %s %s", what, answer.Status, text)
	}
	return nil
}

func (w *world) lastLog(lines int) string {
	all := strings.Split(w.manager.Log(w.T), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
