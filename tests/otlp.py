"""A collector of traces for OTLP over HTTP. It keeps every received span as its protobuf message defines it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids are hexadecimal, times are in nanoseconds; a root span has an empty `parent`."""

    name: str
    service: str
    kind: int
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    attributes: dict[str, str | int]
    links: tuple[tuple[str, str], ...]
    is_error: bool


@dataclass
class Collector:
    """A collector and what it received."""

    url: str = ""
    status: int = 200
    """The status that it answers with."""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    """How many were opened."""
    answers: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, the collector does not respond."""

    @property
    def spans(self) -> list[Span]:
        """All spans that it accepted."""
        return [span for body in list(self.bodies) for span in _read(body)]

    def of(self, trace: str) -> list[Span]:
        """The spans of one trace."""
        return [each for each in self.spans if each.trace == trace]

    def named(self, trace: str) -> dict[str, Span]:
        """The spans of one trace by name, one per name."""
        return {each.name: each for each in self.of(trace)}


def _read(body: bytes) -> Iterator[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    for of_resource in request.resource_spans:
        resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                values = ((each.key, each.value) for each in span.attributes)
                yield Span(
                    name=span.name,
                    service=resource["service.name"],
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    attributes={key: value.string_value or value.int_value for key, value in values},
                    links=tuple((each.trace_id.hex(), each.span_id.hex()) for each in span.links),
                    is_error=span.status.code == 2,
                )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs in a thread."""
    collector = Collector()
    collector.answers.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            collector.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.answers.wait(60)
            if collector.status == 200:
                collector.headers.append(dict(self.headers))
                collector.bodies.append(body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        collector.answers.set()
        server.shutdown()
        thread.join(60)
        server.server_close()
