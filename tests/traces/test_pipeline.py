"""How spans reach a collector: reading a caller's header, when spans are created at all, and that nothing waits for
them."""

import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cli.test_endless import ENDLESS, Say, answering, headers, interim_answers
from conftest import await_condition
from delivery.sending import LOCAL
from kronos import errors, readiness
from kronos.statements import run_told
from kronos.traces import switch
from kronos.traces.parent import Parent, of_headers, read
from kronos.traces.pipeline import Pipeline
from kronos.traces.switch import Switch
from kronos.worker import streaming
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Claim
from kronos.worker.streaming import StreamTarget
from kronos.writes import Writes
from otlp import Collector, collecting
from told import told

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (HEADER, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # and random
        (f"cc-{TRACE}-{SPAN}-01-what.will.be", True),
    ],
)
def test_a_traceparent_names_a_span(text: str, is_sampled: bool) -> None:
    found = read(text)
    assert found == Parent(int(TRACE, 16), int(SPAN, 16), is_sampled)
    assert str(found) == f"00-{TRACE}-{SPAN}-0{int(is_sampled)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER.upper(),
        HEADER[:-1],
        f"{HEADER}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE[:-1]}\u0669-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 512}",
    ],
)
def test_what_is_no_traceparent_begins_no_error_but_a_trace(text: str) -> None:
    assert read(text) is None


def test_a_request_with_two_parents_has_none() -> None:
    one, other = (b"traceparent", HEADER.encode()), (b"traceparent", HEADER.replace("b7", "b8").encode())
    assert of_headers([one]) == of_headers([one, one]) == read(HEADER)
    assert of_headers([one, other]) is None
    assert of_headers([(b"traceparent", b"\xff")]) is None


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "mine", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_traces_are_made_where_the_environment_says_where_to(environment: dict[str, str], is_wanted: bool) -> None:
    assert switch.is_wanted(environment) is is_wanted


def test_what_keeps_them_from_being_made_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert switch.refusal({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}) is None
    assert "http/protobuf" in str(switch.refusal({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}))
    assert "otlp" in str(switch.refusal({"OTEL_TRACES_EXPORTER": "zipkin"}))
    monkeypatch.setattr(switch, "_NEEDS", ("opentelemetry.no_such_part", "no_such_package.at_all"))
    assert switch.HOW_TO_INSTALL in str(switch.refusal({}))


@pytest.mark.parametrize("variables", [{"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9999"}])
def test_a_variable_that_opentelemetry_does_not_take_ends_no_process(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    made = Switch()
    made.begin("api")
    assert made.pipeline is None
    line = told(caplog, "traces.refused")
    assert (line["level"], line["message"].startswith("no traces are made: OpenTelemetry rejects")) == ("WARNING", True)


def test_nothing_of_opentelemetry_is_loaded_where_nobody_asks_for_traces() -> None:
    program = (
        "import sys, kronos.api.serve, kronos.worker.main; from kronos.traces.switch import SWITCH;"
        "SWITCH.begin('worker'); SWITCH.end(); assert SWITCH.current() is None and not list(SWITCH.read());"
        "print([each for each in sys.modules if each.startswith('opentelemetry.sdk')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[]\n", "")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
        yield made


def _make(pipeline: Pipeline, number: int) -> None:
    for _ in range(number):
        with pipeline.running("one"):
            pass


def _has_refused(pipeline: Pipeline, number: int) -> bool:
    return pipeline.counts.refused == number


def _has_left(pipeline: Pipeline, number: int) -> bool:
    return pipeline.counts.sent + pipeline.counts.refused == number


def _has_sent(pipeline: Pipeline, number: int) -> bool:
    return pipeline.counts.sent == number


def test_headers_and_names_are_opentelemetrys_own(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=mine")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "scheduler")
    pipeline = Pipeline.begin("worker")
    _make(pipeline, 1)
    pipeline.end()
    (span,) = collector.spans
    assert span.service == "scheduler"
    assert {name.lower(): text for name, text in collector.headers[0].items()}["x-tenant"] == "mine"


def test_a_collector_that_does_not_answer_holds_up_nobody_and_what_it_costs_is_counted(collector: Collector) -> None:
    collector.answers.clear()
    pipeline = Pipeline.begin("api")
    _make(pipeline, 500)
    counts = pipeline.counts
    assert counts.ended + counts.overflowed == 500
    assert counts.overflowed > 400  # twenty wait, ten are in transit: it did not wait for the collector
    collector.answers.set()
    pipeline.end()
    assert counts.waiting == 0
    assert counts.sent + counts.refused == counts.ended


@ENDLESS
def test_a_collector_whose_answer_has_no_end_is_given_up(answer: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    with answering(answer) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        pipeline = Pipeline.begin("api")
        for number in (1, 2):
            _make(pipeline, 1)
            await_condition(partial(_has_left, pipeline, number), "the exporter to leave the collector")
        pipeline.end()


def _headers_of_a_tunnel(say: Callable[[bytes], None]) -> None:
    say(b"HTTP/1.1 200 Connection established\r\n")
    while True:
        say(b"X-More: yes\r\n")


def _bytes_of_a_tls_record(say: Callable[[bytes], None]) -> None:
    say(b"\x16\x03\x03\x40\x00")  # a handshake of 16 KiB
    while True:
        say(b"\x02")


@pytest.mark.parametrize("answer", [_headers_of_a_tunnel, headers, interim_answers, _bytes_of_a_tls_record])
@pytest.mark.parametrize("place", ["https_proxy", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_a_proxy_or_a_handshake_without_end_is_given_up(
    place: str, answer: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before TLS begins, and while it does. The connection is closed, and nothing warns of it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4318")
    with answering(answer) as url:
        monkeypatch.setenv(place, url if place == "https_proxy" else url.replace("http:", "https:"))
        pipeline = Pipeline.begin("api")
        for number in (1, 2):
            _make(pipeline, 1)
            await_condition(partial(_has_refused, pipeline, number), "the exporter to give the connection up")
        pipeline.end()
    gc.collect()  # a socket that is not closed warns here, and a warning is an error


def test_a_collector_that_floods_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    flooded: list[int] = []

    def flood(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with suppress(OSError):
                for _ in range(4096):
                    connection.sendall(bytes(65_536))
                    flooded.append(65_536)

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        flooding = threading.Thread(target=flood, args=(server,))
        flooding.start()
        pipeline = Pipeline.begin("api")
        _make(pipeline, 1)
        await_condition(lambda: pipeline.counts.sent == 1, "the span to be taken: the status decides")
        flooding.join(60)
        assert sum(flooded) < 64 * 1024 * 1024  # the connection was closed, and what the system's buffers held is lost
        pipeline.end()


def test_spans_that_a_collector_redirects_count_as_refused(collector: Collector) -> None:
    collector.status = 302
    pipeline = Pipeline.begin("worker")
    _make(pipeline, 1)
    await_condition(partial(_has_refused, pipeline, 1), "the span to be refused")
    pipeline.end()


def test_a_connection_to_the_collector_is_kept(collector: Collector) -> None:
    pipeline = Pipeline.begin("worker")
    for number in (1, 2):
        _make(pipeline, 1)
        await_condition(partial(_has_sent, pipeline, number), "a span to be taken")
    pipeline.end()
    assert collector.connections == 1


def test_a_collector_that_refuses_is_told_of_once_and_once_more_when_it_does_not(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    caplog.set_level("INFO")
    pipeline = Pipeline.begin("api")
    for number in (1, 2):
        _make(pipeline, 3)
        await_condition(partial(_has_refused, pipeline, 3 * number), "the spans to be refused")
    collector.status = 200
    _make(pipeline, 1)
    await_condition(lambda: pipeline.counts.sent == 1, "a span to be taken")
    pipeline.end()
    said = [each.getMessage() for each in caplog.records if each.name.startswith(("kronos", "opentelemetry"))]
    assert len(said) == 2, said
    dropped, sent = told(caplog, "traces.dropped"), told(caplog, "traces.sent")
    assert (dropped["level"], sent["level"]) == ("WARNING", "INFO")
    assert dropped["message"].startswith("no collector at OTEL_EXPORTER_OTLP_ENDPOINT accepts the spans")
    assert sent["message"] == "the collector accepts spans again; 6 were dropped"


def test_an_error_of_an_exporter_ends_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            raise ValueError(f"its own fault: {spans!r}")

    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    pipeline = Pipeline(Broken(), Resource({}))
    for number in (1, 2):
        _make(pipeline, 1)
        await_condition(partial(_has_refused, pipeline, number), "the span to be lost")
    pipeline.end()


def test_an_error_is_told_by_its_type_and_not_by_its_words() -> None:
    exporter = InMemorySpanExporter()
    pipeline = Pipeline(exporter, Resource({}))
    with pytest.raises(ValueError, match="hush"), pipeline.running("one"):
        raise ValueError("hush")
    pipeline.end()
    (span,) = exporter.get_finished_spans()
    assert span.attributes == {"error.type": "ValueError"}
    assert span.status.description is None
    assert span.events == ()


def test_a_callers_mistake_is_told_and_is_no_fault() -> None:
    exporter = InMemorySpanExporter()
    pipeline = Pipeline(exporter, Resource({}))
    with pytest.raises(errors.WorkspaceNotFound), pipeline.running("one"):
        raise errors.WorkspaceNotFound.of("acme")
    with pytest.raises(errors.DatabaseUnavailable), pipeline.running("other"):
        raise errors.DatabaseUnavailable("PostgreSQL is away")
    pipeline.end()
    told = [(each.attributes, each.status.status_code.name) for each in exporter.get_finished_spans()]
    assert told == [
        ({"error.type": "workspace_not_found"}, "UNSET"),
        ({"error.type": "DatabaseUnavailable"}, "ERROR"),
    ]


async def test_what_a_process_asks_for_itself_is_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    pipeline = Pipeline(exporter, Resource({}))
    monkeypatch.setattr(switch.SWITCH, "pipeline", pipeline)
    writes = Writes()

    async def work(sent: str) -> str:
        writes.send(readiness.GET_SILENCE)
        return sent

    assert await run_told(work, "alone", writes) == "alone"
    with pipeline.running("create_job"):
        assert await run_told(work, "within", writes) == "within"
    pipeline.end()
    inner, outer = exporter.get_finished_spans()
    assert (inner.name, outer.name) == (readiness.GET_SILENCE.name, "create_job")
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


def _tick_id(number: int) -> int:
    """The id of an execution: a UUID of version 7 (kronos.tick_id)."""
    return UUID(int=(uuid4().int & ~(15 << 76) & ~(3 << 62)) | 7 << 76 | 2 << 62 | number & 1).int


@pytest.mark.parametrize("ratio", ["0.2", "0.8"])
def test_a_ratio_of_ticks_is_sampled_though_their_ids_are_no_random_numbers(
    ratio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    pipeline = Pipeline(InMemorySpanExporter(), Resource({}))
    ids = [_tick_id(number) for number in range(1000)]
    taken = [pipeline.root(each, 1, "fire", 0, None).is_recording() for each in ids]
    again = [pipeline.root(each, 1, "fire", 0, None).is_recording() for each in ids]
    pipeline.end()
    assert taken == again  # by any worker, at any attempt
    assert abs(sum(taken) / 1000 - float(ratio)) < 0.08


@pytest.mark.parametrize("kind", ["REDIS_STREAM", "KAFKA"])
def test_a_message_has_its_spans_traceparent_and_else_one_of_its_execution(kind: str) -> None:
    claim = Claim(
        execution_id=str(uuid4()),
        workspace_id=str(uuid4()),
        job_id=str(uuid4()),
        endpoint_id=str(uuid4()),
        endpoint_version=1,
        attempt_count=1,
        max_attempts=1,
        scheduled_at=datetime(2026, 1, 1, tzinfo=UTC),
        timeout_ms=1000,
        holds_slot=False,
        input="{}",
        due_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    spec = {"redis_url": "redis://127.0.0.1", "stream": "s", "bootstrap_servers": ["127.0.0.1:9092"], "topic": "t"}
    to = StreamTarget(type="KAFKA" if kind == "KAFKA" else "REDIS_STREAM", spec=spec, backoff=Backoff())
    _, traced = streaming.rendered(claim, to, {"input": {}}, LOCAL, HEADER)
    _, plain = streaming.rendered(claim, to, {"input": {}}, LOCAL)
    assert dict(traced.pairs)["traceparent"] == HEADER.encode()
    assert dict(plain.pairs)["traceparent"].startswith(f"00-{claim.execution_id.replace('-', '')}-".encode())
