package chart_test

import (
	"strings"
	"testing"
)

const (
	container = "{.spec.template.spec.containers[0]."
	pod       = "{.spec.template.spec."
)

func env(name string) string { return container + `env[?(@.name=="` + name + `")].value}` }

// effect is one thing that values bring about.
type effect struct {
	values           string
	kind, name, path string
	want             string // a part of what is found at the path
}

// accounts are ServiceAccounts of two namespaces.
const accounts = "rbac: {serviceAccounts: [{namespace: team-a, name: deployer}, {namespace: team-b, name: deployer}, {namespace: team-a, name: tester}]}"

// Values that files of the earlier operator's users set: CONTRACT of the chart.
var inCirculation = map[string]effect{
	"image.repository":                {"image: {repository: registry.example:5000/team/operator}", "Deployment", release, container + "image}", "registry.example:5000/team/operator:"},
	"image.tag":                       {"image: {tag: v9}", "Deployment", release, container + "image}", "/awscdk-operator:v9"},
	"image.tag that is a number":      {"image: {tag: 1.5}", "Deployment", release, container + "image}", "/awscdk-operator:1.5"},
	"image.pullPolicy":                {"image: {pullPolicy: Always}", "Deployment", release, container + "imagePullPolicy}", "Always"},
	"imagePullSecrets":                {"imagePullSecrets: [{name: registry}]", "Deployment", release, pod + "imagePullSecrets[*].name}", "registry"},
	"operator.namespace":              {"operator: {namespace: cdk}", "Deployment", release, "{.metadata.namespace}", "cdk"},
	"operator.env.debugMode":          {"operator: {env: {debugMode: true}}", "Deployment", release, env("DEBUG_MODE"), "true"},
	"operator.env.debugMode as text":  {`operator: {env: {debugMode: "true"}}`, "Deployment", release, env("DEBUG_MODE"), "true"},
	"operator.env.driftCheckCron":     {`operator: {env: {driftCheckCron: "*/7 * * * *"}}`, "Deployment", release, env("DRIFT_CHECK_CRON"), "*/7 * * * *"},
	"operator.env.gitSyncCheckCron":   {`operator: {env: {gitSyncCheckCron: "*/3 * * * *"}}`, "Deployment", release, env("GIT_SYNC_CHECK_CRON"), "*/3 * * * *"},
	"operator.env.metricsPrefix":      {"operator: {env: {metricsPrefix: mine}}", "Deployment", release, env("METRICS_PREFIX"), "mine"},
	"operator.env.cdkDefaultAccount":  {`operator: {env: {cdkDefaultAccount: "012345678901"}}`, "Deployment", release, env("CDK_DEFAULT_ACCOUNT"), "012345678901"},
	"an account that is not quoted":   {"operator: {env: {cdkDefaultAccount: 123456789012}}", "Deployment", release, env("CDK_DEFAULT_ACCOUNT"), "123456789012"},
	"operator.env.cdkDefaultRegion":   {"operator: {env: {cdkDefaultRegion: eu-west-1}}", "Deployment", release, env("CDK_DEFAULT_REGION"), "eu-west-1"},
	"operator.env.nodeOptions":        {"operator: {env: {nodeOptions: --max-old-space-size=4096}}", "Deployment", release, env("NODE_OPTIONS"), "--max-old-space-size=4096"},
	"container.port":                  {"container: {port: 9200}", "Deployment", release, container + "args}", "--metrics-bind-address=:9200"},
	"container.port of the Service":   {"container: {port: 9200}", "Service", release, "{.spec.ports[0].port}", "9200"},
	"container.portName":              {"container: {portName: http}", "Deployment", release, container + "ports[0].name}", "http"},
	"container.portName of a Service": {"container: {portName: http}", "Service", release, "{.spec.ports[0].targetPort}", "http"},
	"container.sshMountPath":          {"container: {sshMountPath: /root/.ssh}\nssh: {knownHosts: x}", "Deployment", release, container + `volumeMounts[?(@.name=="known-hosts")].mountPath}`, "/root/.ssh"},
	"and its flag":                    {"container: {sshMountPath: /root/.ssh}\nssh: {knownHosts: x}", "Deployment", release, container + "args}", "--known-hosts-file=/root/.ssh/known_hosts"},
	"ssh.secretName":                  {"ssh: {secretName: deploy-key}", "Deployment", release, container + "args}", "--ssh-key-secret=deploy-key"},
	"ssh.secretName may be read":      {"ssh: {secretName: deploy-key}", "Role", release, "{.rules[*].resourceNames}", "deploy-key"},
	"ssh.configMapName":               {"ssh: {configMapName: hosts}", "Deployment", release, pod + `volumes[?(@.name=="known-hosts")].configMap.name}`, "hosts"},
	"ssh.configMapName that is made":  {"ssh: {configMapName: hosts, knownHosts: git.example ssh-ed25519 AAAA}", "ConfigMap", "hosts", "{.data.known_hosts}", "git.example ssh-ed25519 AAAA"},
	"ssh.hosts with keys":             {"ssh: {hosts: {git.example: ssh-ed25519 AAAA}}", "ConfigMap", "awscdk-operator-ssh-known-hosts", "{.data.known_hosts}", "git.example ssh-ed25519 AAAA"},
	"ssh.hosts that are built in":     {"ssh: {hosts: [github.com]}", "Deployment", release, container + "args}", "--ssh-key-secret"},
	"ssh.knownHosts as a list":        {"ssh: {hosts: [git.example], knownHosts: [git.example ssh-ed25519 AAAA]}", "ConfigMap", "awscdk-operator-ssh-known-hosts", "{.data.known_hosts}", "git.example ssh-ed25519 AAAA"},
	"serviceAccount.annotations":      {"serviceAccount: {annotations: {eks.amazonaws.com/role-arn: arn}}", "ServiceAccount", release, "{.metadata.annotations}", "arn"},
	"serviceAccount.name":             {"serviceAccount: {name: cdk}", "Deployment", release, pod + "serviceAccountName}", "cdk"},
	"serviceAccount.name, bound":      {"serviceAccount: {name: cdk, create: false}", "ClusterRoleBinding", release + "-manager", "{.subjects[*].name}", "cdk"},
	"podAnnotations":                  {"podAnnotations: {team: platform}", "Deployment", release, "{.spec.template.metadata.annotations.team}", "platform"},
	"podLabels":                       {"podLabels: {team: platform}", "Deployment", release, "{.spec.template.metadata.labels.team}", "platform"},
	"podSecurityContext":              {"podSecurityContext: {runAsUser: 1234}", "Deployment", release, pod + "securityContext.runAsUser}", "1234"},
	"securityContext":                 {"securityContext: {privileged: false}", "Deployment", release, container + "securityContext.privileged}", "false"},
	"resources":                       {"resources: {limits: {memory: 3Gi}}", "Deployment", release, container + "resources.limits.memory}", "3Gi"},
	"nodeSelector":                    {"nodeSelector: {disk: fast}", "Deployment", release, pod + "nodeSelector.disk}", "fast"},
	"tolerations":                     {"tolerations: [{key: spot, operator: Exists}]", "Deployment", release, pod + "tolerations[*].key}", "spot"},
	"affinity":                        {"affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: Exists}]}]}}}", "Deployment", release, pod + "affinity.nodeAffinity}", "zone"},
}

var ownValues = map[string]effect{
	"image.digest":                       {"image: {tag: v9, digest: 'sha256:" + strings.Repeat("a", 64) + "'}", "Deployment", release, container + "image}", "/awscdk-operator@sha256:aaaa"},
	"executor, by default":               {"", "Deployment", release, container + "args}", "--executor=Job"},
	"executor: Local has the tools":      {"executor: Local", "Deployment", release, container + "image}", "/awscdk-operator-runner:"},
	"runner.image":                       {"runner: {image: {repository: r.example/runner, tag: v2}}", "Deployment", release, container + "args}", "--runner-image=r.example/runner:v2"},
	"runner.image.digest":                {"runner: {image: {digest: 'sha256:" + strings.Repeat("b", 64) + "'}}", "Deployment", release, container + "args}", "-runner@sha256:bbbb"},
	"runner.image.pullPolicy":            {"runner: {image: {pullPolicy: Never}}", "Deployment", release, container + "args}", "--runner-image-pull-policy=Never"},
	"runner.defaults":                    {"runner: {defaults: {serviceAccountName: builds}}", "ConfigMap", release + "-runner", "{.data}", "serviceAccountName: builds"},
	"runner.userNamespaces":              {"runner: {userNamespaces: true}", "Deployment", release, container + "args}", "--runner-user-namespaces"},
	"operator.extraEnv":                  {"operator: {extraEnv: [{name: INCIDENT_API_URL, value: 'https://x'}]}", "Deployment", release, env("INCIDENT_API_URL"), "https://x"},
	"operator.extraEnv from a Secret":    {"operator: {extraEnv: [{name: SLACK_WEBHOOK_URL, valueFrom: {secretKeyRef: {name: hooks, key: slack}}}]}", "Deployment", release, container + `env[?(@.name=="SLACK_WEBHOOK_URL")].valueFrom.secretKeyRef.name}`, "hooks"},
	"operator.envFrom":                   {"operator: {envFrom: [{secretRef: {name: hook-variables}}]}", "Deployment", release, container + "envFrom[*].secretRef.name}", "hook-variables"},
	"operator.identity":                  {"operator: {identity: Roles}", "Deployment", release, container + "args}", "--operator-identity=Roles"},
	"operator.causeSources":              {"operator: {causeSources: [Hooks, Tasks]}", "Deployment", release, container + "args}", "--cause-sources=Hooks,Tasks"},
	"operator.allowInternalChecks":       {"operator: {allowInternalChecks: [10.0.0.0/8, fd12::/16]}", "Deployment", release, container + "args}", "--allow-internal-checks=10.0.0.0/8,fd12::/16"},
	"planPolicies.builtIn":               {"planPolicies: {builtIn: [{name: NoPublicBuckets}, {name: NoOpenPorts, enforcement: Warn}]}", "Deployment", release, container + "args}", "--built-in-policies=NoPublicBuckets=Deny,NoOpenPorts=Warn"},
	"rbac.serviceAccounts":               {accounts, "Role", release + "-service-accounts", "{.metadata.namespace}{.rules}", `team-a[{"apiGroups":[""],"resourceNames":["deployer","tester"],"resources":["serviceaccounts"],"verbs":["get"]},{"apiGroups":[""],"resourceNames":["deployer","tester"],"resources":["serviceaccounts/token"],"verbs":["create"]}]`},
	"rbac.serviceAccounts are bound":     {accounts, "RoleBinding", release + "-service-accounts", "{.metadata.namespace}{.roleRef.kind}{.roleRef.name}{.subjects[0].name}{.subjects[0].namespace}", "team-aRole" + release + "-service-accounts" + release + namespace},
	"planPolicies.enabled":               {"planPolicies: {enabled: true}", "Deployment", release, container + "args}", "--plan-policies"},
	"operator.extraArgs":                 {"operator: {extraArgs: [--max-runs=5]}", "Deployment", release, container + "args}", "--max-runs=5"},
	"fullnameOverride":                   {"fullnameOverride: second", "Deployment", "second", "{.metadata.name}", "second"},
	"watchNamespaces":                    {"watchNamespaces: [a, b]", "Deployment", release, container + "args}", "--watch-namespaces=a,b"},
	"namespaced":                         {"watchNamespaces: [a, b]\nnamespaced: true", "Role", release + "-stacks", "{.metadata.namespace}", "a"},
	"replicas":                           {"replicas: 2", "Deployment", release, "{.spec.replicas}", "2"},
	"replicas wait for one another":      {"replicas: 2", "Deployment", release, container + "args}", "--leader-elect"},
	"podDisruptionBudget":                {"replicas: 2", "PodDisruptionBudget", release, "{.spec.maxUnavailable}", "1"},
	"podDisruptionBudget.maxUnavailable": {"replicas: 3\npodDisruptionBudget: {maxUnavailable: 50%}", "PodDisruptionBudget", release, "{.spec.maxUnavailable}", "50%"},
	"shards":                             {"shards: [blue]", "Deployment", release + "-blue", container + "args}", "--shard=blue"},
	"shards select their own pods":       {"shards: [blue]", "Deployment", release + "-blue", "{.spec.selector.matchLabels}", "shard-blue"},
	"strategy":                           {"strategy: {type: Recreate}", "Deployment", release, "{.spec.strategy.type}", "Recreate"},
	"selectorLabels":                     {"selectorLabels: {app: awscdk-operator}", "Deployment", release, "{.spec.selector.matchLabels}", `{"app":"awscdk-operator"}`},
	"selectorLabels end the old first":   {"selectorLabels: {app: awscdk-operator}", "Deployment", release, "{.spec.strategy.type}", "Recreate"},
	"commonLabels":                       {"commonLabels: {cost: team}", "Service", release, "{.metadata.labels.cost}", "team"},
	"topologySpreadConstraints":          {"topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]", "Deployment", release, pod + "topologySpreadConstraints}", "app.kubernetes.io/component"},
	"priorityClassName":                  {"priorityClassName: system-cluster-critical", "Deployment", release, pod + "priorityClassName}", "system-cluster-critical"},
	"terminationGracePeriodSeconds":      {"terminationGracePeriodSeconds: 90", "Deployment", release, pod + "terminationGracePeriodSeconds}", "90"},
	"livenessProbe":                      {"livenessProbe: {periodSeconds: 33}", "Deployment", release, container + "livenessProbe}", `"periodSeconds":33`},
	"livenessProbe keeps the rest":       {"livenessProbe: {periodSeconds: 33}", "Deployment", release, container + "livenessProbe}", "/healthz"},
	"readinessProbe":                     {"readinessProbe: {timeoutSeconds: 9}", "Deployment", release, container + "readinessProbe}", `"timeoutSeconds":9`},
	"startupProbe":                       {"startupProbe: {failureThreshold: 7}", "Deployment", release, container + "startupProbe}", `"failureThreshold":7`},
	"extraVolumes":                       {"extraVolumes: [{name: ca, emptyDir: {}}]", "Deployment", release, pod + "volumes[*].name}", "ca"},
	"extraVolumeMounts":                  {"extraVolumeMounts: [{name: ca, mountPath: /ca}]", "Deployment", release, container + "volumeMounts[*].mountPath}", "/ca"},
	"persistence":                        {"executor: Local\npersistence: {enabled: true, size: 5Gi, storageClassName: fast, accessModes: [ReadWriteOncePod], annotations: {a: b}}", "PersistentVolumeClaim", release + "-data", "{.spec}{.metadata.annotations}", `{"a":"b"}`},
	"persistence.size":                   {"executor: Local\npersistence: {enabled: true, size: 5Gi}", "PersistentVolumeClaim", release + "-data", "{.spec.resources.requests.storage}", "5Gi"},
	"persistence.storageClassName":       {"executor: Local\npersistence: {enabled: true, storageClassName: fast}", "PersistentVolumeClaim", release + "-data", "{.spec.storageClassName}", "fast"},
	"persistence.accessModes":            {"executor: Local\npersistence: {enabled: true, accessModes: [ReadWriteOncePod]}", "PersistentVolumeClaim", release + "-data", "{.spec.accessModes}", "ReadWriteOncePod"},
	"persistence has one user":           {"executor: Local\npersistence: {enabled: true}", "Deployment", release, "{.spec.strategy.type}", "Recreate"},
	"persistence.existingClaim":          {"executor: Local\npersistence: {enabled: true, existingClaim: mine}", "Deployment", release, pod + `volumes[?(@.name=="data")].persistentVolumeClaim.claimName}`, "mine"},
	"service.type":                       {"service: {type: NodePort}", "Service", release, "{.spec.type}", "NodePort"},
	"service.annotations":                {"service: {annotations: {a: b}}", "Service", release, "{.metadata.annotations.a}", "b"},
	"webhook is off by default":          {"", "Deployment", release, container + "args}", "--webhook-bind-address=0"},
	"webhook.enabled":                    {"webhook: {enabled: true}", "Deployment", release, container + "args}", "--webhook-bind-address=:9292"},
	"webhook.secretName":                 {"webhook: {enabled: true, secretName: mine}", "Deployment", release, container + "args}", "--webhook-secret=mine"},
	"webhook.secretName may be read":     {"webhook: {enabled: true, secretName: mine}", "Role", release, "{.rules[*].resourceNames}", "mine"},
	"webhook.trustedProxies":             {"webhook: {enabled: true, trustedProxies: [10.0.0.0/8, 192.0.2.0/24]}", "Deployment", release, container + "args}", "--webhook-trusted-proxies=10.0.0.0/8,192.0.2.0/24"},
	"webhook.service":                    {"webhook: {enabled: true, service: {type: LoadBalancer, port: 8080, annotations: {a: b}}}", "Service", release + "-webhook", "{.spec.type}{.spec.ports[0].port}{.metadata.annotations.a}", "LoadBalancer8080b"},
	"webhook.ingress":                    {"webhook: {enabled: true, ingress: {enabled: true, host: hooks.example, className: nginx, annotations: {a: b}, tls: [{secretName: t}]}}", "Ingress", release + "-webhook", "{.spec.rules[0].host}{.spec.ingressClassName}{.metadata.annotations.a}{.spec.tls[0].secretName}{.spec.rules[0].http.paths[0].path}", "hooks.examplenginxbt/hooks/"},
	"webhook.ingress.path":               {"webhook: {enabled: true, ingress: {enabled: true, host: h, path: /cdk}}", "Ingress", release + "-webhook", "{.spec.rules[0].http.paths[0].path}", "/cdk"},
	"webhook.httpRoute":                  {"webhook: {enabled: true, httpRoute: {enabled: true, parentRefs: [{name: gate}], hostnames: [h], annotations: {a: b}}}", "HTTPRoute", release + "-webhook", "{.spec.parentRefs[0].name}{.spec.hostnames[0]}{.metadata.annotations.a}{.spec.rules[0].matches[0].path.value}", "gatehb/hooks/"},
	"webhook.httpRoute.path":             {"webhook: {enabled: true, httpRoute: {enabled: true, parentRefs: [{name: gate}], path: /cdk}}", "HTTPRoute", release + "-webhook", "{.spec.rules[0].matches[0].path.value}", "/cdk"},
	"networkPolicy":                      {"networkPolicy: {enabled: true}", "NetworkPolicy", release, "{.spec.policyTypes}{.spec.ingress}", `["Ingress"]`},
	"networkPolicy.metricsFrom":          {"networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}", "NetworkPolicy", release, "{.spec.ingress[0].from}", "monitoring"},
	"networkPolicy.webhookFrom":          {"webhook: {enabled: true}\nnetworkPolicy: {enabled: true, webhookFrom: [{ipBlock: {cidr: 192.0.2.0/24}}]}", "NetworkPolicy", release, "{.spec.ingress[2].from}", "192.0.2.0/24"},
	"networkPolicy.egress":               {"networkPolicy: {enabled: true, egress: [{ports: [{port: 443}]}]}", "NetworkPolicy", release, "{.spec.policyTypes}{.spec.egress}", `"Egress"`},
	"monitoring.serviceMonitor":          {"monitoring: {serviceMonitor: {enabled: true, interval: 15s, labels: {team: a}}}\ncontainer: {portName: http}", "ServiceMonitor", release, "{.spec.endpoints[0].port}{.spec.endpoints[0].interval}{.metadata.labels.team}{.spec.endpoints[0].honorLabels}", "http15satrue"},
	"monitoring.prometheusRule":          {"monitoring: {prometheusRule: {enabled: true, labels: {team: a}}}\noperator: {env: {metricsPrefix: mine}}", "PrometheusRule", release, "{.metadata.labels.team}{.spec.groups[*].rules[*].expr}", "mine_hooks_total"},
	"monitoring.prometheusRule.labels":   {"monitoring: {prometheusRule: {enabled: true, labels: {team: a}}}", "PrometheusRule", release, "{.metadata.labels.team}", "a"},
	"monitoring.dashboard":               {"monitoring: {dashboard: {enabled: true, labels: {team: a}, annotations: {folder: CDK}}}", "ConfigMap", release + "-dashboard", "{.metadata.labels.team}{.metadata.annotations.folder}{.metadata.labels.grafana_dashboard}", "aCDK1"},
	"crds.install":                       {"", "Job", release + "-crd", container + "args}", `["crd","apply"]`},
	"extraObjects":                       {"extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}, data: {in: '{{ .Release.Namespace }}'}}]", "ConfigMap", "mine", "{.data.in}", namespace},
	"extraObjects as a text":             {"extraObjects: ['{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}, data: {in: {{ .Release.Namespace }}}}']", "ConfigMap", "mine", "{.data.in}", namespace},
}

func TestEveryValueHasItsEffect(t *testing.T) {
	for about, cases := range map[string]map[string]effect{"in circulation": inCirculation, "of this chart": ownValues} {
		t.Run(about, func(t *testing.T) {
			for name, c := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					o := find(render(t, c.values), c.kind, c.name)
					if o == nil {
						t.Fatalf("there is no %s %s", c.kind, c.name)
					}
					if got := at(t, o, c.path); !strings.Contains(got, c.want) {
						t.Errorf("%s of %s is %q, want %q in it", c.path, c.kind, got, c.want)
					}
				})
			}
		})
	}
}

// switchedOff are values without which something is not made.
var switchedOff = map[string]struct{ values, kind, name string }{
	"serviceAccount.create":       {"serviceAccount: {create: false, name: mine}", "ServiceAccount", "mine"},
	"rbac.create":                 {"rbac: {create: false}", "ClusterRole", release},
	"rbac.create, bindings":       {"rbac: {create: false}", "ClusterRoleBinding", release + "-manager"},
	"no ServiceAccounts":          {"", "Role", release + "-service-accounts"},
	"rbac.create, accounts":       {"rbac: {create: false, serviceAccounts: [{namespace: team-a, name: deployer}]}", "Role", release + "-service-accounts"},
	"crds.install":                {"crds: {install: false}", "Job", release + "-crd"},
	"namespaced":                  {"namespaced: true\nwatchNamespaces: [a]", "ClusterRole", release},
	"namespaced, hooks":           {"namespaced: true\nwatchNamespaces: [a]", "ClusterRole", "awscdk-operator-hooks"},
	"one replica needs no budget": {"", "PodDisruptionBudget", release},
	"podDisruptionBudget.enabled": {"replicas: 2\npodDisruptionBudget: {enabled: false}", "PodDisruptionBudget", release},
	"networkPolicy":               {"", "NetworkPolicy", release},
	"webhook":                     {"", "Service", release + "-webhook"},
	"monitoring.serviceMonitor":   {"", "ServiceMonitor", release},
	"monitoring.prometheusRule":   {"", "PrometheusRule", release},
	"monitoring.dashboard":        {"", "ConfigMap", release + "-dashboard"},
	"persistence":                 {"", "PersistentVolumeClaim", release + "-data"},
	"an existing claim":           {"executor: Local\npersistence: {enabled: true, existingClaim: mine}", "PersistentVolumeClaim", release + "-data"},
}

func TestWhatIsSwitchedOffIsNotMade(t *testing.T) {
	for name, c := range switchedOff {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if find(render(t, c.values), c.kind, c.name) != nil {
				t.Errorf("there is a %s %s", c.kind, c.name)
			}
		})
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"a misspelt group":               {"imagee: {tag: x}", "imagee"},
		"a misspelt key":                 {"operator: {env: {driftCheckCorn: x}}", "driftCheckCorn"},
		"a misspelt default of builds":   {"runner: {defaults: {serviceAccount: x}}", "runner.defaults has serviceAccount, which spec.runner does not have; it has affinity, cache"},
		"a key in the wrong place":       {"driftCheckCron: x", "driftCheckCron"},
		"a misspelt serviceAccount":      {"serviceAccount: {anotations: {}}", "anotations"},
		"a misspelt resource":            {"resources: {limit: {memory: 1Gi}}", "limit"},
		"an executor that there is not":  {"executor: Pod", "executor"},
		"an account with eleven digits":  {`operator: {env: {cdkDefaultAccount: "12345678901"}}`, "cdkDefaultAccount"},
		"a port that is a text":          {"container: {port: metrics}", "port"},
		"a tag in the repository":        {"image: {repository: 'r.example/op:v1'}", "repository"},
		"namespaced without namespaces":  {"namespaced: true", "watchNamespaces"},
		"a claim for Jobs":               {"persistence: {enabled: true}", "persistence.enabled is for executor Local"},
		"a claim for two managers":       {"executor: Local\nreplicas: 2\npersistence: {enabled: true}", "one manager at a time"},
		"a claim for shards":             {"executor: Local\nshards: [a]\npersistence: {enabled: true}", "one manager at a time"},
		"an Ingress that leads nowhere":  {"webhook: {ingress: {enabled: true, host: h}}", "webhook.enabled"},
		"an Ingress without a host":      {"webhook: {enabled: true, ingress: {enabled: true}}", "webhook.ingress.host"},
		"a route that leads nowhere":     {"webhook: {httpRoute: {enabled: true, parentRefs: [{name: g}]}}", "webhook.enabled"},
		"a route without a gateway":      {"webhook: {enabled: true, httpRoute: {enabled: true}}", "parentRefs"},
		"a host that nobody vouches for": {"ssh: {hosts: [git.example]}", "ssh-keyscan git.example"},
		"an internal check by its name":  {"operator: {allowInternalChecks: [alertmanager]}", "allowInternalChecks"},
		"no identity at all":             {"serviceAccount: {create: false}", "serviceAccount.name"},
		"one namespace twice":            {"watchNamespaces: [a, a]", "watchNamespaces"},
		"a namespace that can be none":   {"watchNamespaces: [A]", "watchNamespaces"},
	} {
		for which, helm := range map[string]string{"Helm 4": helm4, "Helm 3": helm3} {
			t.Run(name+", "+which, func(t *testing.T) {
				t.Parallel()
				_, err := template(t, helm, c.values)
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("helm says %v, want %q in it", err, c.says)
				}
			})
		}
	}
}
