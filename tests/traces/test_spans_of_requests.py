"""The span of a request and of its operation: what each tells, and what a caller without a key cannot write into it."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.types import Message, Receive, Scope, Send

from kronos.api.tracing import Traced, operating
from kronos.traces import switch
from kronos.traces.parent import Parent
from kronos.traces.pipeline import Pipeline

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
ROUTE = SimpleNamespace(path="/v1/workspaces/{w}/jobs")


class Told:
    """A pipeline whose spans are kept."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.pipeline = Pipeline(self._exporter, Resource({}))

    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order of their ends."""
        self.pipeline.end()
        return list(self._exporter.get_finished_spans())

    def span(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.spans()
        return span


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    told = Told()
    monkeypatch.setattr(switch.SWITCH, "pipeline", told.pipeline)
    yield told
    told.pipeline.end()


async def ask(told: Told, *, status: int | None = 200, raises: Exception | None = None, **scope: Any) -> list[Message]:
    """Send a request to an application that answers with this status, or raises before it answers."""
    sent: list[Message] = []
    more = scope.pop("more", {})

    async def application(inner: Scope, receive: Receive, send: Send) -> None:
        inner.update(more)
        if raises is not None:
            raise raises
        if status is not None:
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asked = {"type": "http", "method": "GET", "path": "/v1/workspaces/acme/jobs", "headers": [], **scope}
    await Traced(application, told.pipeline)(asked, receive, send)
    return sent


async def test_a_request_is_named_by_its_route_and_has_the_status_of_its_response(traced: Told) -> None:
    more = {
        "route": ROUTE, "path_params": {"w": "ACME".lower()}, "kronos.actor": "k1", "kronos.request_id": "r-1",
    }  # fmt: skip
    sent = await ask(traced, method="POST", status=201, more=more)
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    span = traced.span()
    assert (span.name, span.kind, span.parent, span.status.status_code.name) == (
        "POST /v1/workspaces/{w}/jobs", SpanKind.SERVER, None, "UNSET",
    )  # fmt: skip
    assert span.attributes == {
        "http.request.method": "POST", "http.route": ROUTE.path, "http.response.status_code": 201,
        "kronos.request_id": "r-1", "kronos.workspace": "acme",
    }  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"path_params": {"w": "acme"}},
        {"path_params": {"w": "not a name!"}, "kronos.actor": "k1"},
        {"path_params": {}, "kronos.actor": "k1"},
        {"kronos.actor": "k1"},
    ],
)
async def test_a_span_names_the_workspace_only_of_a_caller_that_is_known(traced: Told, more: dict[str, object]) -> None:
    """Anybody can write anything into a path."""
    await ask(traced, more=more)
    assert "kronos.workspace" not in (traced.span().attributes or {})


async def test_a_request_without_a_route_is_named_by_its_method(traced: Told) -> None:
    for method in ("BREW", "GET", "OPTIONS"):
        await ask(traced, method=method, status=405)
    names = [(each.name, (each.attributes or {})["http.request.method"]) for each in traced.spans()]
    assert names == [("_OTHER", "_OTHER"), ("GET", "GET"), ("OPTIONS", "OPTIONS")]


@pytest.mark.parametrize(
    ("status", "code"), [(200, "UNSET"), (404, "UNSET"), (499, "UNSET"), (500, "ERROR"), (503, "ERROR")]
)
async def test_only_a_fault_of_ours_is_an_error(traced: Told, status: int, code: str) -> None:
    await ask(traced, status=status)
    span = traced.span()
    assert (span.status.status_code.name, (span.attributes or {}).get("error.type")) == (
        code, str(status) if code == "ERROR" else None,
    )  # fmt: skip


async def test_what_is_raised_goes_on_and_is_named_by_its_type(traced: Told) -> None:
    with pytest.raises(ZeroDivisionError):
        await ask(traced, raises=ZeroDivisionError("a secret"), more={"route": ROUTE})
    span = traced.span()
    assert (span.name, span.attributes) == (
        "GET /v1/workspaces/{w}/jobs",
        {
            "http.request.method": "GET", "http.route": ROUTE.path, "kronos.request_id": "",
            "error.type": "ZeroDivisionError",
        },
    )  # fmt: skip
    assert "secret" not in span.to_json()


async def test_a_request_belongs_to_the_span_that_sent_it(traced: Told) -> None:
    parent = str(Parent(TRACE, SPAN, is_sampled=True)).encode()
    await ask(traced, headers=[(b"accept", b"*/*"), (b"traceparent", parent)])
    span = traced.span()
    assert (span.context.trace_id, span.parent and span.parent.span_id) == (TRACE, SPAN)


async def test_a_request_whose_caller_is_not_sampled_has_no_span(traced: Told) -> None:
    parent = str(Parent(TRACE, SPAN, is_sampled=False)).encode()
    await ask(traced, headers=[(b"traceparent", parent)], more={"route": ROUTE})
    assert traced.spans() == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/kronos/healthz"])
async def test_what_is_asked_every_few_seconds_has_no_span(traced: Told, path: str) -> None:
    assert len(await ask(traced, path=path)) == 2
    assert await ask(traced, type="lifespan", status=None) == []
    assert traced.spans() == []


async def test_an_operation_is_a_span_within_its_request(traced: Told) -> None:
    reached: list[Scope] = []

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    served: Any = operating(route, "create_job")
    await served({"path": "/probe"}, None, None)
    with traced.pipeline.running("request"):
        await served({"path": "/v1"}, None, None)
    inner, outer = traced.spans()
    assert (inner.name, outer.name, len(reached)) == ("create_job", "request", 2)
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


def test_without_traces_a_route_is_served_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch.SWITCH, "pipeline", None)

    async def route(scope: Scope, receive: Receive, send: Send) -> None: ...

    assert operating(route, "create_job") is route
