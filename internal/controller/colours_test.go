package controller_test

import (
	"encoding/json"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// coloursOf are the apps of examples/23-blue-green.yaml as far as the operator sees
// them; test/e2e has the real ones. Each colour answers at its own path.
func coloursOf(url string) map[string]string {
	resources := map[string]any{
		"Balancer": map[string]any{"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": map[string]any{"Type": "network"}},
		"Targets": map[string]any{"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": map[string]any{
			"Port": 8080, "Protocol": "TCP", "TargetType": "ip", "Targets": []any{map[string]any{"Id": "10.0.1.10", "Port": 8080}},
		}},
		"Test": map[string]any{"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": map[string]any{
			"LoadBalancerArn": ref("Balancer"), "Port": 8081, "Protocol": "TCP", "DefaultActions": []any{map[string]any{"Type": "forward", "TargetGroupArn": ref("Targets")}},
		}},
	}
	told := func(values map[string]any) string {
		outputs := map[string]any{}
		for name, value := range values {
			outputs[name] = output(value, "")
		}
		parameters := map[string]any{}
		for _, name := range []string{"Colour", "Live", "Blue", "Green"} {
			parameters[name] = map[string]any{"Type": "String", "Default": "unknown"}
		}
		data, _ := json.Marshal(map[string]any{"Parameters": parameters, "Resources": resources, "Outputs": outputs})
		return string(data)
	}
	join := func(parts ...any) map[string]any { return map[string]any{"Fn::Join": []any{"", parts}} }
	return map[string]string{
		"edge/template.json": told(map[string]any{
			"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "BalancerArn": "arn", "BalancerDns": "shop.example", "BalancerGroupId": "sg-1",
		}),
		"service/template.json": told(map[string]any{"TargetGroupArn": join("targets-", ref("Colour")), "TestUrl": join(url, "/", ref("Colour"))}),
		"service/app.json":      `{"parameters":{"Colour":"context:colour"}}`,
		"router/template.json":  told(map[string]any{"Forwards": join(ref("Live"), " of ", ref("Blue"), " and ", ref("Green"))}),
		"router/app.json":       `{"parameters":{"Live":"context:live","Blue":"context:blueTargets","Green":"context:greenTargets"}}`,
	}
}

// coloursAnswer has the colours say that they are the releases of the example.
func coloursAnswer(e *example) {
	for _, other := range e.others {
		if colour, is := strings.CutPrefix(other.Name, "shop-"); is && colour != "edge" {
			e.told.releases.Store("/"+colour, other.Spec.Source.Git.Ref)
		}
	}
}

func oneColourServes(e *example) {
	forwards := func(what string) {
		e.Helper()
		if got := e.untilReady(e.name).Status.Outputs["Forwards"]; got != what+" of targets-blue and targets-green" {
			e.Errorf("the router was told %q", got)
		}
	}
	forwards("blue")
	e.edit(e.name, `{"spec":{"cdkContext":["live=green"]}}`)
	forwards("green")
	// The next release of the colour that does not serve does not answer yet.
	e.must(e.repo.Tag("v1.6.0", e.change("main", "two")))
	e.edit("shop-blue", `{"spec":{"source":{"git":{"ref":"v1.6.0"}}}}`)
	e.edit(e.name, `{"spec":{"cdkContext":["live=blue"]}}`)
	waits := e.until(e.name, "the switch waits", because("DependencyNotReady"))
	contains(e, message(waits), "shop-blue")
	e.until("shop-blue", "it is verified", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.RunStep == "afterDeploy"
	})
	if got := e.get(e.name).Status.Outputs["Forwards"]; got != waits.Status.Outputs["Forwards"] {
		e.Errorf("the router forwards to %s, and that does not answer", got)
	}
	e.told.releases.Store("/blue", "v1.6.0")
	forwards("blue")
}
