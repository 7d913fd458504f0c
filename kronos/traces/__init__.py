"""Traces, by OpenTelemetry, where the extra `otel` is installed and an OTEL_* variable asks for them (docs/traces.md).

Nothing here loads OpenTelemetry before it is asked for: `switch` says whether it is."""
