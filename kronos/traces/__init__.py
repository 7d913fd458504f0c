"""Traces by OpenTelemetry, if the extra `otel` is installed and an OTEL_* variable asks for them (docs/traces.md).

Nothing here loads OpenTelemetry before it is needed: `switch` decides whether it is."""
