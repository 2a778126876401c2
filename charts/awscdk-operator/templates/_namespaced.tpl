{{- /*
What the operator and the hooks may do in one namespace, where there is no ClusterRole. The name differs from that of
the Role in the operator's own namespace, which may be one of those.
*/}}
{{- define "awscdk-operator.namespacedAccess" -}}
{{- $name := printf "%s-stacks" (include "awscdk-operator.name" .root) -}}
{{- $labels := include "awscdk-operator.labels" .root -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ .namespace }}
  labels: {{- $labels | nindent 4 }}
rules:
  {{- range fromYamlArray (include "awscdk-operator.rules" (dict "root" .root "kind" "ClusterRole")) }}
  {{- if not (has "clusterroles" .resources) }}
  - {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ .namespace }}
  labels: {{- $labels | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects: {{- toYaml .subjects | nindent 2 }}
---
# Hooks have this identity. The operator leaves a binding alone that it has not made.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: awscdk-operator-hooks
  namespace: {{ .namespace }}
  labels: {{- $labels | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: awscdk-operator-hooks
  namespace: {{ .namespace }}
  labels: {{- $labels | nindent 4 }}
rules: {{- toYaml (fromYaml (.root.Files.Get "config/operator/hooks.yaml")).rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: awscdk-operator-hooks
  namespace: {{ .namespace }}
  labels: {{- $labels | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: awscdk-operator-hooks}
subjects:
  - {kind: ServiceAccount, name: awscdk-operator-hooks, namespace: {{ .namespace }}}
{{- end }}
