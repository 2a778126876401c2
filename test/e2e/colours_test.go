package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/test/e2e/rig"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"
)

// atLeast is how many requests there are while colours are switched and upgraded.
const atLeast = 10_000

// machines is what stands in the place of the example's containers, which nothing
// here could run.
const machines = `import { Stack } from 'aws-cdk-lib';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { IpTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2-targets';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { release } from './release';

interface Place { colour: string; targets: elbv2.ApplicationTargetGroup; [more: string]: unknown }

export function machines(stack: Stack, { colour, targets }: Place) {
  targets.addTarget(new IpTarget(colour === 'blue' ? '10.0.1.10' : '10.0.2.10', 8080));
  return new ssm.StringParameter(stack, 'Release', { parameterName: '/shop/' + colour + '/release', stringValue: release });
}
`

// shop is examples/23-blue-green.yaml at work.
type shop struct {
	*world
	repo                      *gittest.Repo
	edge, blue, green, router *v1alpha1.CdkTsStack
	fleet                     *fleet
	public                    int
}

// TestColours switches between the colours of examples/23-blue-green.yaml and
// upgrades them, with users who ask all the time: none of their requests fails. Then
// it does the same in the wrong order, and theirs do.
func TestColours(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes: the real npm and cdk")
	}
	s := openShop(t)
	s.UntilReady(t, s.router)
	p := startProbe(t, fmt.Sprintf("http://127.0.0.1:%d/", s.public))
	p.until(t, "blue v1.4.0")

	t.Run("a switch, an upgrade of the other colour and the switch back", func(t *testing.T) {
		s.Patch(t, s.router, live("green"))
		s.UntilReady(t, s.router)
		p.until(t, "green v1.5.0")
		s.release(t, "v1.6.0")
		s.Patch(t, s.blue, atRef("v1.6.0"))
		s.UntilReady(t, s.blue)
		p.more(t, 500)
		p.until(t, "green v1.5.0")
		s.Patch(t, s.router, live("blue"))
		s.UntilReady(t, s.router)
		p.until(t, "blue v1.6.0")
	})
	t.Run("a switch waits for the colour that it is to", func(t *testing.T) {
		letGo := s.fleet.hold("green")
		s.release(t, "v1.7.0")
		s.Patch(t, s.green, atRef("v1.7.0"))
		s.Patch(t, s.router, live("green"))
		s.Until(t, s.router, "the switch waits for the colour", waitsFor("DependencyNotReady", "shop-green"))
		awstest.Eventually(t, "the stack says that it is upgraded, and nothing answers", func() bool { return s.fleet.down("green", "v1.7.0") })
		p.more(t, 500)
		letGo()
		s.UntilReady(t, s.router)
		p.until(t, "green v1.7.0")
	})
	for total, _ := p.count(); total < atLeast; total, _ = p.count() {
		p.more(t, 500)
	}
	total, failures := p.count()
	t.Logf("%d requests, %d failed", total, len(failures))
	if len(failures) > 0 {
		t.Fatalf("%d of %d requests failed, the first with %s", len(failures), total, failures[0])
	}

	t.Run("a switch to a colour that is not ready makes requests fail", func(t *testing.T) {
		letGo := s.fleet.hold("blue")
		s.release(t, "v1.8.0")
		s.Patch(t, s.router, `{"spec":{"dependsOn":null}}`)
		s.Patch(t, s.blue, atRef("v1.8.0"))
		awstest.Eventually(t, "the stack says that it is upgraded, and nothing answers", func() bool { return s.fleet.down("blue", "v1.8.0") })
		p.more(t, 100)
		if _, failures := p.count(); len(failures) > 0 {
			t.Errorf("the colour that does not serve is upgraded, and requests fail with %s", failures[0])
		}
		s.Patch(t, s.router, live("blue"))
		s.UntilReady(t, s.router)
		awstest.Eventually(t, "requests fail", func() bool { _, failures := p.count(); return len(failures) > 100 })
		_, failures := p.count()
		t.Logf("requests failed with %s", failures[0])
		letGo()
		p.until(t, "blue v1.8.0")
	})
	s.goes(t, p)
}

// TestTheGuideShowsTheApps: what docs/how-to/blue-green.md shows is what is tried.
func TestTheGuideShowsTheApps(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(rig.Root(t), "docs", "how-to", "blue-green.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range rig.AppAt(t, filepath.Join(rig.Root(t), "examples", "23-blue-green")) {
		if filepath.Base(name) == "app.ts" && !strings.Contains(string(guide), "```ts\n"+text+"```\n") {
			t.Errorf("it shows another %s", name)
		}
	}
}

// goes deletes the colour that serves, and then all.
func (s *shop) goes(t *testing.T, p *probe) {
	s.Patch(t, s.router, `{"spec":{"dependsOn":[{"name":"shop-blue"},{"name":"shop-green"}]}}`)
	s.UntilReady(t, s.blue)
	s.UntilReady(t, s.router)
	_, before := p.count()
	s.Delete(t, s.blue)
	s.Until(t, s.blue, "the colour that serves is not deleted", waitsFor("DependentsExist", "shop-router"))
	p.more(t, 500)
	if _, failures := p.count(); len(failures) > len(before) {
		t.Errorf("requests fail with %s", failures[len(before)])
	}
	all := []*v1alpha1.CdkTsStack{s.edge, s.green, s.blue, s.router}
	for _, obj := range all {
		s.Delete(t, obj)
	}
	for _, obj := range all {
		s.UntilGone(t, obj)
	}
	var deleted []string
	for _, c := range s.AWS.Calls(t, "DeleteStack") {
		name := strings.Split(c.Target, "/")
		deleted = append(deleted, name[min(1, len(name)-1)])
	}
	if len(deleted) != 4 || deleted[0] != "Shop-Router" || deleted[3] != "Shop-Edge" {
		t.Errorf("they were deleted in the order %v", deleted)
	}
}

func live(colour string) string { return `{"spec":{"cdkContext":["live=` + colour + `"]}}` }

func atRef(ref string) string { return `{"spec":{"source":{"git":{"ref":"` + ref + `"}}}}` }

// waitsFor says whether an object is not ready for a reason, and tells of that.
func waitsFor(reason, of string) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool {
		c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Reason == reason && strings.Contains(c.Message, of)
	}
}

// openShop applies the example with everything around it, and with the load
// balancers and machines of its stacks at work.
func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{world: &world{Rig: rig.Start(t, "--speed", "1"), namespace: "shop", data: t.TempDir()}, public: freePort(t), fleet: newFleet(t)}
	s.Bootstrap(t, awstest.Account, rig.Region)
	s.Namespace(t, s.namespace, keyID, secretKey)
	s.Secret(t, s.namespace, "aws-credentials", corev1.SecretTypeOpaque, map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secretKey})
	s.manager = s.Manage(t, rig.ManagerOptions{
		Data: s.data, Namespace: s.namespace, ShareDependencies: true, Flags: []string{"--allow-internal-checks=127.0.0.0/8"},
	})
	balance(t, s.AWS.URL, s.fleet)
	s.commit(t)
	for _, obj := range s.objects(t) {
		obj.Namespace = s.namespace
		obj.Spec.Source.Git.Repository = s.HTTP.URL + "/shop.git"
		s.Create(t, obj)
	}
	return s
}

// objects are those of the example, with ports of the test's own.
func (s *shop) objects(t *testing.T) []*v1alpha1.CdkTsStack {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(rig.Root(t), "examples", "23-blue-green.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"8081", "8082"} {
		data = bytes.ReplaceAll(data, []byte("testPort="+port), fmt.Appendf(nil, "testPort=%d", freePort(t)))
	}
	named := map[string]**v1alpha1.CdkTsStack{"shop-edge": &s.edge, "shop-blue": &s.blue, "shop-green": &s.green, "shop-router": &s.router}
	var all []*v1alpha1.CdkTsStack
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		obj := &v1alpha1.CdkTsStack{}
		if err := yaml.UnmarshalStrict([]byte(document), obj); err != nil {
			t.Fatal(err)
		}
		*named[obj.Name] = obj
		all = append(all, obj)
	}
	slices.Reverse(all) // the order in which they come is not that in which they are deployed
	return all
}

// commit commits the apps of the example, and tags two releases.
func (s *shop) commit(t *testing.T) {
	t.Helper()
	s.repo = s.Repo(t, "shop.git")
	app, sample := rig.AppAt(t, filepath.Join(rig.Root(t), "examples", "23-blue-green")), rig.SampleApp(t)
	for _, folder := range []string{"edge", "service", "router"} {
		for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json"} {
			app[folder+"/"+name] = sample[name]
		}
	}
	app["service/machines.ts"] = machines
	// Names of load balancers mean nothing here: they are served on loopback.
	app["edge/app.ts"] = strings.Replace(app["edge/app.ts"], "balancer.loadBalancerDnsName", "'127.0.0.1'", 1)
	app["router/cdk.json"] = strings.Replace(app["router/cdk.json"], "{", fmt.Sprintf(`{"context": {"port": %d}, `, s.public), 1)
	commit(t, s.repo, app, "Add the shop")
	s.release(t, "v1.4.0")
	s.release(t, "v1.5.0")
}

// release tags a commit of the service that says it is that release.
func (s *shop) release(t *testing.T, name string) {
	t.Helper()
	at := commit(t, s.repo, rig.App{"service/release.ts": "export const release = '" + name + "';\n"}, "Release "+name)
	if err := s.repo.Tag(name, at); err != nil {
		t.Fatal(err)
	}
}

// UntilReady waits until an object is ready, as its spec is now.
func (s *shop) UntilReady(t *testing.T, obj *v1alpha1.CdkTsStack) {
	t.Helper()
	s.Until(t, obj, "it is ready", rig.Ready)
}

func freePort(t *testing.T) int {
	t.Helper()
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	return on.Addr().(*net.TCPAddr).Port
}
