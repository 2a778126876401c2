{{- /* The name of everything that is made. Runbooks say deployment/awscdk-operator. */}}
{{- define "awscdk-operator.name" -}}
{{ default "awscdk-operator" .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "awscdk-operator.namespace" -}}
{{ default .Release.Namespace .Values.operator.namespace }}
{{- end }}

{{- define "awscdk-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create -}}
{{ include "awscdk-operator.name" . }}
{{- else -}}
{{- fail "serviceAccount.create is false: set serviceAccount.name to the ServiceAccount that the operator is to have" -}}
{{- end -}}
{{- end }}

{{- /* What pods are selected by; app.kubernetes.io/name is also what alerts and Services go by. */}}
{{- define "awscdk-operator.podLabels" -}}
app.kubernetes.io/name: awscdk-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "awscdk-operator.labels" -}}
{{ include "awscdk-operator.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* One image: a digest wins over a tag, and without both it is that of this version. */}}
{{- define "awscdk-operator.image" -}}
{{- $image := .image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .appVersion $image.tag }}
{{- end -}}
{{- end }}

{{- define "awscdk-operator.runnerImage" -}}
{{ include "awscdk-operator.image" (dict "image" .Values.runner.image "appVersion" .Chart.AppVersion) }}
{{- end }}

{{- /* Builds in the manager's own pod need the tools of the runner's image, which has the same program. */}}
{{- define "awscdk-operator.managerImage" -}}
{{- if eq .Values.executor "Local" -}}
{{ include "awscdk-operator.runnerImage" . }}
{{- else -}}
{{ include "awscdk-operator.image" (dict "image" .Values.image "appVersion" .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "awscdk-operator.pullPolicy" -}}
{{ ternary .Values.runner.image.pullPolicy .Values.image.pullPolicy (eq .Values.executor "Local") }}
{{- end }}

{{- /* A number in YAML such as 123456789012 is a float to Helm, which it would print as 1.23e+11. */}}
{{- define "awscdk-operator.text" -}}
{{- if kindIs "float64" . -}}{{ printf "%.0f" . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end }}

{{- define "awscdk-operator.metricsPrefix" -}}
{{ default "cdktsstack" .Values.operator.env.metricsPrefix }}
{{- end }}

{{- /* A file of config/ as it is for this release: its namespace, and the prefix of its metrics. */}}
{{- define "awscdk-operator.file" -}}
{{- $text := .root.Files.Get .path -}}
{{- if not $text -}}{{- fail (printf "the chart lacks %s: run make generate" .path) -}}{{- end -}}
{{- $text | replace "cdktsstack_" (printf "%s_" (include "awscdk-operator.metricsPrefix" .root)) -}}
{{- end }}

{{- /* The rules of one kind in config/rbac/role.yaml, which is generated from the program. */}}
{{- define "awscdk-operator.rules" -}}
{{- $kind := .kind -}}
{{- range regexSplit "(?m)^---$" (.root.Files.Get "config/rbac/role.yaml") -1 -}}
{{- $role := fromYaml . -}}
{{- if eq (default "" $role.kind) $kind -}}{{ toYaml $role.rules }}{{- end -}}
{{- end -}}
{{- end }}

{{- define "awscdk-operator.knownHostsName" -}}
{{ default (printf "%s-ssh-known-hosts" (include "awscdk-operator.name" .)) .Values.ssh.configMapName }}
{{- end }}

{{- /* Lines of known_hosts from ssh.knownHosts and from ssh.hosts where that has keys. */}}
{{- define "awscdk-operator.knownHosts" -}}
{{- $lines := list -}}
{{- if kindIs "slice" .Values.ssh.knownHosts -}}{{- $lines = .Values.ssh.knownHosts -}}
{{- else if .Values.ssh.knownHosts -}}{{- $lines = list (trim .Values.ssh.knownHosts) -}}{{- end -}}
{{- if kindIs "map" .Values.ssh.hosts -}}
{{- range $host, $keys := .Values.ssh.hosts -}}
{{- range (kindIs "slice" $keys | ternary $keys (list $keys)) -}}{{- $lines = append $lines (printf "%s %s" $host .) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{ join "\n" $lines }}
{{- end }}

{{- /* Host keys are never taken on trust: a host that is named must be known. */}}
{{- define "awscdk-operator.checkHosts" -}}
{{- $builtIn := list "github.com" "ssh.github.com" "gitlab.com" "altssh.gitlab.com" "bitbucket.org" "altssh.bitbucket.org" -}}
{{- $known := include "awscdk-operator.knownHosts" . -}}
{{- if and (kindIs "slice" .Values.ssh.hosts) (not (and .Values.ssh.configMapName (not $known))) -}}
{{- range .Values.ssh.hosts -}}
{{- if not (or (has . $builtIn) (contains . $known)) -}}
{{- fail (printf "ssh.hosts names %s, whose key is neither built in nor in ssh.knownHosts: add the line that `ssh-keyscan %s` prints, after you have compared its fingerprint" . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* runner.defaults has the shape of spec.runner, and the definition knows that. */}}
{{- define "awscdk-operator.checkRunner" -}}
{{- if .Values.runner.defaults -}}
{{- $crd := fromYaml (.Files.Get "crds/awscdk.dev_cdktsstacks.yaml") -}}
{{- $known := (first $crd.spec.versions).schema.openAPIV3Schema.properties.spec.properties.runner.properties -}}
{{- range $key, $_ := .Values.runner.defaults -}}
{{- if not (hasKey $known $key) -}}
{{- fail (printf "runner.defaults has %s, which spec.runner does not have; it has %s" $key (keys $known | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "awscdk-operator.mountsKnownHosts" -}}
{{- if or .Values.ssh.configMapName (include "awscdk-operator.knownHosts" .) -}}true{{- end -}}
{{- end }}

{{- /* Everything that is wrong with the values and that a schema cannot say. */}}
{{- define "awscdk-operator.check" -}}
{{- include "awscdk-operator.checkHosts" . -}}
{{- include "awscdk-operator.checkRunner" . -}}
{{- if and .Values.namespaced (not .Values.watchNamespaces) -}}
{{- fail "namespaced is true: name the namespaces to look after in watchNamespaces" -}}
{{- end -}}
{{- if and .Values.persistence.enabled (eq .Values.executor "Job") -}}
{{- fail "persistence.enabled is for executor Local: with executor Job a build caches in a claim of its own namespace, see spec.runner.cache" -}}
{{- end -}}
{{- if and .Values.persistence.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "persistence.enabled and replicas above 1 exclude each other: one manager at a time can have a data folder" -}}
{{- end -}}
{{- if and .Values.shards .Values.persistence.enabled -}}
{{- fail "persistence.enabled and shards exclude each other: one manager at a time can have a data folder" -}}
{{- end -}}
{{- if and .Values.webhook.ingress.enabled (not .Values.webhook.enabled) -}}
{{- fail "webhook.ingress.enabled has nothing to lead to: set webhook.enabled" -}}
{{- end -}}
{{- if and .Values.webhook.httpRoute.enabled (not .Values.webhook.enabled) -}}
{{- fail "webhook.httpRoute.enabled has nothing to lead to: set webhook.enabled" -}}
{{- end -}}
{{- if and .Values.webhook.httpRoute.enabled (not .Values.webhook.httpRoute.parentRefs) -}}
{{- fail "webhook.httpRoute.parentRefs is empty: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- if and .Values.webhook.ingress.enabled (not .Values.webhook.ingress.host) -}}
{{- fail "webhook.ingress.host is empty: name the host that git hosts send webhooks to" -}}
{{- end -}}
{{- end }}

{{- /* Whether an object belongs to this release, by Helm's own annotations. */}}
{{- define "awscdk-operator.owns" -}}
{{- $annotations := default dict (dig "metadata" "annotations" dict (default dict .object)) -}}
{{- and (eq (get $annotations "meta.helm.sh/release-name") .root.Release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") .root.Release.Namespace) -}}
{{- end }}
