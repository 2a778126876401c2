{{- /* The documents of files of config/ that a pattern names, as they are for this release, in a list under "all". */}}
{{- define "awscdk-operator.documents" -}}
{{- $all := list -}}
{{- $namespace := include "awscdk-operator.namespace" .root -}}
{{- range $path, $_ := .root.Files.Glob .pattern -}}
{{- range regexSplit "(?m)^---$" ($.root.Files.Get $path) -1 -}}
{{- $document := fromYaml (. | replace "awscdk-operator-system" $namespace) -}}
{{- if $document.kind -}}{{- $all = append $all $document -}}{{- end -}}
{{- end -}}
{{- end -}}
{{ toYaml (dict "all" $all) }}
{{- end }}

{{- /* A document with the labels of this release. */}}
{{- define "awscdk-operator.labelled" -}}
{{ toYaml (mergeOverwrite (deepCopy .document) (dict "metadata" (dict "labels" (merge (deepCopy (default dict .document.metadata.labels)) (fromYaml (include "awscdk-operator.labels" .root)))))) }}
{{- end }}
