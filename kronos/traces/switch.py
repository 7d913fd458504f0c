"""Decide whether this process makes spans: if OTEL_* variables name a destination and the extra is installed."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from kronos.lines import Log
from kronos.metrics import catalog
from kronos.metrics.definition import Measured
from kronos.traces.parent import Parent

if TYPE_CHECKING:
    from kronos.traces.pipeline import Pipeline

# Do not suggest a package index: there `kronos` is another project.
HOW_TO_INSTALL = "install the extra otel of Kronos's wheel (docs/install.md#extras)"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_log = Log("kronos.traces")


class Switch:
    """Holds the pipeline that makes this process's spans."""

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        """None: no spans are made, and OpenTelemetry is not loaded."""

    def begin(self, role: Literal["api", "worker"]) -> None:
        """Make spans from now on, if the environment asks for them. What prevents that is only logged: a scheduler must
        not exit because it cannot report what it does."""
        why = refusal(os.environ) if is_wanted(os.environ) else None
        if why is not None:
            _log.warning("traces.refused", "no traces are made: %s", why)
        if why is not None or not is_wanted(os.environ):
            return
        from kronos.traces.pipeline import Pipeline  # this loads OpenTelemetry, 15 MB

        try:
            self.pipeline = Pipeline.begin(role)
        except Exception as error:  # of the SDK, for values of OTEL_* variables; they share no class
            _log.warning("traces.refused", "no traces are made: OpenTelemetry rejects the OTEL_* variables: %s", error)
            return
        _log.info("traces.begun", "traces are made, and sent by OTLP over HTTP as the OTEL_* variables say")

    def end(self) -> None:
        """Send the remaining spans within a few seconds, and make no more."""
        pipeline, self.pipeline = self.pipeline, None
        if pipeline is not None:
            pipeline.end()

    def read(self) -> Iterator[Measured]:
        """Yield the counts of spans, for Prometheus."""
        if self.pipeline is not None:
            counts = self.pipeline.counts
            yield Measured(catalog.SPANS, counts.sent)
            yield Measured(catalog.SPANS_DROPPED, counts.overflowed, ("overflow",))
            yield Measured(catalog.SPANS_DROPPED, counts.refused, ("refused",))
            yield Measured(catalog.SPANS_WAITING, counts.waiting)

    def current(self) -> Parent | None:
        """Return the current span."""
        return None if self.pipeline is None else self.pipeline.current()


SWITCH = Switch()
"""The switch of this process."""


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Return whether the environment asks for traces and names a destination. Without that none are made, because most
    hosts have no collector at OpenTelemetry's default address."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return exporter != "none" and bool(exporter or any(environment.get(name) for name in _ENDPOINTS))


def refusal(environment: Mapping[str, str]) -> str | None:
    """Return why none can be made although they are wanted, and what to do; None if nothing prevents it."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if exporter != "otlp":
        return f"OTEL_TRACES_EXPORTER is {exporter!r}, but only otlp is supported: set it to otlp or none"
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol.strip().lower() != "http/protobuf":
        return (
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, but only http/protobuf is supported: most collectors have it"
        )
    if any(_is_missing(name) for name in _NEEDS):
        return f"OTEL_* variables ask for traces, but OpenTelemetry is not installed: {HOW_TO_INSTALL}"
    return None


def _is_missing(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is None
    except ModuleNotFoundError:  # its parent is missing
        return True
