{{- /* What is made for the time of an installation or upgrade. A failed Job stays, so that its log can be read. */}}
{{- define "awscdk-operator.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* Where the short-lived pods run: as the manager does. */}}
{{- define "awscdk-operator.placement" -}}
{{- $placement := dict "securityContext" .Values.podSecurityContext -}}
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" -}}
{{- with get $.Values $field -}}{{- $_ := set $placement $field . -}}{{- end -}}
{{- end -}}
{{ toYaml $placement }}
{{- end }}
