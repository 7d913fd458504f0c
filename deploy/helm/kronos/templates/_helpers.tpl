{{- define "kronos.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "kronos.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
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

{{/* A dictionary of settings. Numbers, too, are texts to a pod. */}}
{{- define "kronos.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
