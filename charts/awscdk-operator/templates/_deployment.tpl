{{- /* Which of the Deployments a pod belongs to. */}}
{{- define "awscdk-operator.component" -}}
{{- if .shard -}}shard-{{ .shard }}{{- else -}}manager{{- end -}}
{{- end }}

{{- /*
The labels by which a Deployment selects its pods can never be changed. One that an earlier chart made has
others than ours, so they are looked up and kept; tools that render without a cluster are told by selectorLabels.
*/}}
{{- define "awscdk-operator.selector" -}}
{{- $ours := fromYaml (include "awscdk-operator.podLabels" .root) -}}
{{- $_ := set $ours "app.kubernetes.io/component" (include "awscdk-operator.component" .) -}}
{{- $found := lookup "apps/v1" "Deployment" (include "awscdk-operator.namespace" .root) .name -}}
{{- if and $found $found.spec.selector.matchLabels -}}
{{ toYaml $found.spec.selector.matchLabels }}
{{- else if and .root.Values.selectorLabels (not .shard) -}}
{{ toYaml .root.Values.selectorLabels }}
{{- else -}}
{{ toYaml $ours }}
{{- end -}}
{{- end }}

{{- /*
Managers hand over by their lease, so a new one may start before the old one ends. The earlier operator knows no
lease, and a data folder has one manager at a time: then the old one has to end first. A server-side apply cannot
take away what the API server has filled in of a rolling update, so there the old one is only told to end first.
*/}}
{{- define "awscdk-operator.strategy" -}}
{{- $found := lookup "apps/v1" "Deployment" (include "awscdk-operator.namespace" .root) .name -}}
{{- $foreign := and $found (not (dig "metadata" "labels" "app.kubernetes.io/component" "" $found.spec.template)) -}}
{{- if .root.Values.strategy -}}
{{ toYaml .root.Values.strategy }}
{{- else if and $foreign (contains "operation: Apply" (toYaml (default list $found.metadata.managedFields))) -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: 0
  maxUnavailable: 1
{{- else if or $foreign .root.Values.selectorLabels .root.Values.persistence.enabled -}}
type: Recreate
rollingUpdate: null
{{- else -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end -}}
{{- end }}

{{- define "awscdk-operator.args" -}}
{{- $v := .root.Values -}}
- manager
- --data-dir=/var/lib/awscdk-operator
- --metrics-bind-address=:{{ $v.container.port }}
- --health-probe-bind-address=:8081
- --leader-elect
{{- with .shard }}
- --shard={{ . }}
{{- end }}
{{- if eq $v.executor "Job" }}
- --executor=Job
- --runner-image={{ include "awscdk-operator.runnerImage" .root }}
- --runner-image-pull-policy={{ $v.runner.image.pullPolicy }}
- --runner-defaults-file=/etc/awscdk-operator/runner/defaults.yaml
{{- if $v.runner.userNamespaces }}
- --runner-user-namespaces
{{- end }}
{{- end }}
{{- with $v.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
- --ssh-key-secret={{ $v.ssh.secretName }}
{{- if include "awscdk-operator.mountsKnownHosts" .root }}
- --known-hosts-file={{ $v.container.sshMountPath }}/known_hosts
{{- end }}
{{- if $v.webhook.enabled }}
- --webhook-bind-address=:9292
- --webhook-secret={{ $v.webhook.secretName }}
{{- with $v.webhook.trustedProxies }}
- --webhook-trusted-proxies={{ join "," . }}
{{- end }}
{{- else }}
- --webhook-bind-address=0
{{- end }}
{{- with $v.operator.identity }}
- --operator-identity={{ . }}
{{- end }}
{{- with $v.operator.causeSources }}
- --cause-sources={{ join "," . }}
{{- end }}
{{- with $v.operator.allowInternalChecks }}
- --allow-internal-checks={{ join "," . }}
{{- end }}
{{- if $v.planPolicies.enabled }}
- --plan-policies
{{- end }}
{{- with $v.planPolicies.builtIn }}
{{- $named := list }}
{{- range . }}{{ $named = append $named (printf "%s=%s" .name (default "Deny" .enforcement)) }}{{ end }}
- --built-in-policies={{ join "," $named }}
{{- end }}
{{- with $v.operator.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "awscdk-operator.env" -}}
{{- $env := .Values.operator.env -}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: DEBUG_MODE
  value: {{ include "awscdk-operator.text" $env.debugMode | quote }}
- name: DRIFT_CHECK_CRON
  value: {{ $env.driftCheckCron | quote }}
- name: GIT_SYNC_CHECK_CRON
  value: {{ $env.gitSyncCheckCron | quote }}
{{- with $env.metricsPrefix }}
- name: METRICS_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- with include "awscdk-operator.text" (default "" $env.cdkDefaultAccount) }}
- name: CDK_DEFAULT_ACCOUNT
  value: {{ . | quote }}
{{- end }}
{{- with $env.cdkDefaultRegion }}
- name: CDK_DEFAULT_REGION
  value: {{ . | quote }}
{{- end }}
{{- with $env.nodeOptions }}
- name: NODE_OPTIONS
  value: {{ . | quote }}
{{- end }}
{{- with .Values.operator.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "awscdk-operator.resources" -}}
{{- if .Values.resources -}}
{{ toYaml .Values.resources }}
{{- else if eq .Values.executor "Local" -}}
requests: {cpu: "1", memory: 2Gi}
{{- else -}}
requests: {cpu: 100m, memory: 256Mi}
limits: {memory: 1Gi}
{{- end -}}
{{- end }}

{{- define "awscdk-operator.volumes" -}}
- name: data
{{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-data" (include "awscdk-operator.name" .)) .Values.persistence.existingClaim }}
{{- else }}
  emptyDir: {sizeLimit: {{ ternary .Values.persistence.size "2Gi" (eq .Values.executor "Local") }}}
{{- end }}
- name: tmp
  emptyDir: {}
{{- if eq .Values.executor "Job" }}
- name: runner
  configMap: {name: {{ include "awscdk-operator.name" . }}-runner}
{{- end }}
{{- if include "awscdk-operator.mountsKnownHosts" . }}
- name: known-hosts
  configMap: {name: {{ include "awscdk-operator.knownHostsName" . }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "awscdk-operator.volumeMounts" -}}
- {name: data, mountPath: /var/lib/awscdk-operator}
- {name: tmp, mountPath: /tmp}
{{- if eq .Values.executor "Job" }}
- {name: runner, mountPath: /etc/awscdk-operator/runner, readOnly: true}
{{- end }}
{{- if include "awscdk-operator.mountsKnownHosts" . }}
- {name: known-hosts, mountPath: {{ .Values.container.sshMountPath }}, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* A probe as it is, with the fields that the values replace. */}}
{{- define "awscdk-operator.probe" -}}
{{- $usual := dict "httpGet" (dict "path" .path "port" "health") "periodSeconds" .period "timeoutSeconds" 5 "failureThreshold" .failures -}}
{{ toYaml (mergeOverwrite $usual .values) }}
{{- end }}

{{- define "awscdk-operator.spread" -}}
{{- $selector := dict "matchLabels" (fromYaml .selector) -}}
{{- $usual := list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- $constraints := list -}}
{{- range (default $usual .constraints) -}}
{{- $constraints = append $constraints (merge (deepCopy .) (dict "labelSelector" $selector)) -}}
{{- end -}}
{{ toYaml $constraints }}
{{- end }}

{{- define "awscdk-operator.deployment" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $name := include "awscdk-operator.name" $root -}}
{{- if .shard -}}{{- $name = printf "%s-%s" $name .shard -}}{{- end -}}
{{- $named := dict "root" $root "shard" .shard "name" $name -}}
{{- $selector := include "awscdk-operator.selector" $named -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ include "awscdk-operator.namespace" $root }}
  labels: {{- include "awscdk-operator.labels" $root | nindent 4 }}
spec:
  replicas: {{ $v.replicas }}
  revisionHistoryLimit: 3
  strategy: {{- include "awscdk-operator.strategy" $named | nindent 4 }}
  selector:
    matchLabels: {{- $selector | nindent 6 }}
  template:
    metadata:
      annotations:
        kubectl.kubernetes.io/default-container: manager
        checksum/config: {{ printf "%s%s" (toYaml $v.runner.defaults) (include "awscdk-operator.knownHosts" $root) | sha256sum }}
        {{- with $v.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $labels := merge (fromYaml $selector) (fromYaml (include "awscdk-operator.podLabels" $root)) (dict "app.kubernetes.io/component" (include "awscdk-operator.component" $named)) }}
      labels: {{- toYaml (merge $labels $v.podLabels $v.commonLabels) | nindent 8 }}
    spec:
      serviceAccountName: {{ include "awscdk-operator.serviceAccountName" $root }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
      securityContext: {{- toYaml $v.podSecurityContext | nindent 8 }}
      {{- with $v.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $v.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints: {{- include "awscdk-operator.spread" (dict "selector" $selector "constraints" $v.topologySpreadConstraints) | nindent 8 }}
      containers:
        - name: manager
          image: {{ include "awscdk-operator.managerImage" $root | quote }}
          imagePullPolicy: {{ include "awscdk-operator.pullPolicy" $root }}
          args: {{- include "awscdk-operator.args" $named | nindent 12 }}
          env: {{- include "awscdk-operator.env" $root | nindent 12 }}
          {{- with $v.operator.envFrom }}
          envFrom: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - {name: {{ $v.container.portName }}, containerPort: {{ $v.container.port }}, protocol: TCP}
            - {name: health, containerPort: 8081, protocol: TCP}
            {{- if $v.webhook.enabled }}
            - {name: webhook, containerPort: 9292, protocol: TCP}
            {{- end }}
          startupProbe: {{- include "awscdk-operator.probe" (dict "path" "/healthz" "period" 2 "failures" 60 "values" $v.startupProbe) | nindent 12 }}
          livenessProbe: {{- include "awscdk-operator.probe" (dict "path" "/healthz" "period" 20 "failures" 3 "values" $v.livenessProbe) | nindent 12 }}
          readinessProbe: {{- include "awscdk-operator.probe" (dict "path" "/readyz" "period" 5 "failures" 3 "values" $v.readinessProbe) | nindent 12 }}
          resources: {{- include "awscdk-operator.resources" $root | nindent 12 }}
          securityContext: {{- toYaml $v.securityContext | nindent 12 }}
          volumeMounts: {{- include "awscdk-operator.volumeMounts" $root | nindent 12 }}
      volumes: {{- include "awscdk-operator.volumes" $root | nindent 8 }}
{{- end }}
