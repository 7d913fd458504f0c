"""Whether this process makes spans: it does where OTEL_* variables name where to, and the extra is there."""

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

# No index is asked for `kronos`, which is another project's name there.
HOW_TO_INSTALL = "install the extra otel of Kronos's wheel (docs/install.md#extras)"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_log = Log("kronos.traces")


class Switch:
    """What makes the spans of this process."""

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        """None: nobody makes any, and nothing of OpenTelemetry is loaded."""

    def begin(self, role: Literal["api", "worker"]) -> None:
        """Make spans from now on, where the environment asks for them. What keeps them from being made is said in the
        log: a scheduler does not end because nobody can be told of what it does."""
        why = refusal(os.environ) if is_wanted(os.environ) else None
        if why is not None:
            _log.warning("traces.refused", "no traces are made: %s", why)
        if why is not None or not is_wanted(os.environ):
            return
        from kronos.traces.pipeline import Pipeline  # with it OpenTelemetry, 15 MB

        try:
            self.pipeline = Pipeline.begin(role)
        except Exception as error:  # the SDK's, of what an OTEL_* variable says: they have no class of their own
            _log.warning(
                "traces.refused", "no traces are made: OpenTelemetry takes no OTEL_* variables of this kind: %s", error
            )
            return
        _log.info("traces.begun", "traces are made, and sent by OTLP over HTTP as OTEL_* variables say")

    def end(self) -> None:
        """Send what is left, within some seconds, and make no more."""
        pipeline, self.pipeline = self.pipeline, None
        if pipeline is not None:
            pipeline.end()

    def read(self) -> Iterator[Measured]:
        """What became of the spans, for Prometheus."""
        if self.pipeline is not None:
            counts = self.pipeline.counts
            yield Measured(catalog.SPANS, counts.sent)
            yield Measured(catalog.SPANS_DROPPED, counts.overflowed, ("overflow",))
            yield Measured(catalog.SPANS_DROPPED, counts.refused, ("refused",))
            yield Measured(catalog.SPANS_WAITING, counts.waiting)

    def current(self) -> Parent | None:
        """The span that runs now."""
        return None if self.pipeline is None else self.pipeline.current()


SWITCH = Switch()
"""Of this process."""


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment says that traces are made and where they go. Without a word of it none are: most hosts
    have no collector on OpenTelemetry's default address."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return exporter != "none" and bool(exporter or any(environment.get(name) for name in _ENDPOINTS))


def refusal(environment: Mapping[str, str]) -> str | None:
    """Why none can be made though they are wanted, and what to do; None: nothing keeps them from it."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if exporter != "otlp":
        return f"OTEL_TRACES_EXPORTER is {exporter!r}, and otlp is the only one: set it to otlp or none"
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol.strip().lower() != "http/protobuf":
        return (
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, and http/protobuf is the only one: most collectors have it"
        )
    if any(_is_missing(name) for name in _NEEDS):
        return f"OTEL_* variables ask for them, and OpenTelemetry is not installed: {HOW_TO_INSTALL}"
    return None


def _is_missing(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is None
    except ModuleNotFoundError:  # of its parent
        return True
