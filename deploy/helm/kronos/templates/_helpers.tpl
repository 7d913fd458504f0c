{{/* A release's name may have dots and begin with a digit, a service's may not. */}}
{{- define "kronos.name" -}}
{{- $name := .Release.Name | replace "." "-" }}
{{- if regexMatch "^[0-9]" $name }}{{ $name = printf "%s-%s" .Chart.Name $name }}
{{- else if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end }}
{{- $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "kronos.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "kronos.labels" -}}
{{ include "kronos.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "kronos.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What each pod has: who it runs as, where it writes. */}}
{{- define "kronos.pod" -}}
serviceAccountName: {{ include "kronos.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kronos.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: encryption
  secret: {secretName: {{ .Values.encryption.existingSecret | quote }}, defaultMode: 0440}
{{- if .Values.database.caSecret }}
- name: ca
  secret: {secretName: {{ .Values.database.caSecret | quote }}}
{{- else if .Values.database.caConfigMap }}
- name: ca
  configMap: {name: {{ .Values.database.caConfigMap | quote }}}
{{- end }}
{{- end }}

{{- define "kronos.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: encryption, mountPath: /var/lib/kronos/encryption, readOnly: true}
{{- if or .Values.database.caSecret .Values.database.caConfigMap }}
- {name: ca, mountPath: /etc/kronos/ca, readOnly: true}
{{- end }}
{{- end }}

{{/* `root`, and the names of keys in the database's secret by the variables that they fill. */}}
{{- define "kronos.secretEnv" -}}
{{- range $name, $key := .keys }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $.root.Values.database.existingSecret | quote }}, key: {{ $key }}}}
{{- end }}
- {name: KRONOS_ENCRYPTION_KEY_FILE, value: /var/lib/kronos/encryption/key}
{{- end }}

{{/* A number of a file of values is a float to Helm, which writes 1000000 as 1e+06: no setting, and no field, reads that. */}}
{{- define "kronos.text" -}}
{{- if kindIs "float64" . }}{{ if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* `own` settings over those of `all`. An empty one, false and 0 count, too: they switch off what the others have. */}}
{{- define "kronos.env" -}}
{{- range $name, $value := mustMergeOverwrite (deepCopy .all) (deepCopy .own) }}
- {name: {{ $name }}, value: {{ include "kronos.text" $value | quote }}}
{{- end }}
{{- end }}
