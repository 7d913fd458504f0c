{{/* A release's name may contain dots and begin with a digit; a service's name may not. */}}
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

{{/* Settings of every pod: the user it runs as, and where it can write. */}}
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

{{/* Takes `root`, and a map from variables to the keys of the database's secret that fill them. */}}
{{- define "kronos.secretEnv" -}}
{{- range $name, $key := .keys }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $.root.Values.database.existingSecret | quote }}, key: {{ $key }}}}
{{- end }}
- {name: KRONOS_ENCRYPTION_KEY_FILE, value: /var/lib/kronos/encryption/key}
{{- end }}

{{/* Helm reads a number in a values file as a float and writes 1000000 as 1e+06, which no setting or field accepts. */}}
{{- define "kronos.text" -}}
{{- if kindIs "float64" . }}{{ if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* `own` settings override `all`. Empty, false and 0 count too: they switch off a shared setting. */}}
{{- define "kronos.env" -}}
{{- range $name, $value := mustMergeOverwrite (deepCopy .all) (deepCopy .own) }}
- {name: {{ $name }}, value: {{ include "kronos.text" $value | quote }}}
{{- end }}
{{- end }}
