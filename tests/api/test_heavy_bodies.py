"""A body costs the event loop a bounded CPU time of its own thread, whatever it contains; a rejected one gets a short
error.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from starlette.types import Message

from collections_of_garbage import of_new_objects_alone
from kronos import errors
from kronos.api.call import Call
from kronos.api.endpoint_schemas import EndpointPut
from kronos.api.fields import MAX_INPUT_BYTES
from kronos.api.job_schemas import JobCreate
from kronos.api.requests import new_endpoint, new_job
from kronos.delivery import template
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.template_text import TemplateError

POLICY = EgressPolicy.parse("")
# Without bounds, a megabyte costs 70 to 1,500 ms. A 256 kB template is parsed on the event loop.
MOST_LOOP_SECONDS = 0.1


@pytest.fixture(scope="module", autouse=True)
def few_objects() -> Iterator[None]:
    with of_new_objects_alone():
        yield


def job(inner: bytes) -> bytes:
    return b'{"endpoint":"a","trigger":"IMMEDIATE","input":{"x":' + inner + b"}}"


def endpoint(inner: bytes) -> bytes:
    return b'{"type":"HTTP","spec":{"url":"http://example.com/","body_template":' + inner + b"}}"


def members(count: int) -> bytes:
    return b",".join(b'"k%d":1' % number for number in range(count))


HEAVY: dict[str, tuple[bytes, Any]] = {
    "literal braces": (endpoint(b'"' + b"\\\\{{" * 240_000 + b'"'), EndpointPut),
    "literal braces that may be": (endpoint(b'"' + b"\\\\{{" * 60_000 + b'"'), EndpointPut),
    "names": (endpoint(b'"' + b"{{input.a}}" * 23_000 + b'"'), EndpointPut),
    "open braces": (endpoint(b'"' + b"{{" * 130_000 + b'"'), EndpointPut),
    "small objects": (endpoint(b"[" + b'{"a":1},' * 30_000 + b"1]"), EndpointPut),
    "small arrays": (endpoint(b"[" + b"[]," * 80_000 + b"1]"), EndpointPut),
    "nested arrays": (job(b"[" * 480_000 + b"]" * 480_000), JobCreate),
    "flat arrays": (job(b"[" + b"[]," * 320_000 + b"1]"), JobCreate),
    "numbers": (job(b"[" + b"1," * 480_000 + b"1]"), JobCreate),
    "exponents": (job(b"[" + b"1e300," * 40_000 + b"1]"), JobCreate),
    "unknown fields": (b"{" + members(80_000) + b"}", JobCreate),
    "unknown fields within": (b'{"type":"HTTP","spec":{' + members(80_000) + b"}}", EndpointPut),
    "a long unknown field": (b'{"' + b"x" * 1_000_000 + b'":1}', JobCreate),
    "wrong tags": (b'{"endpoint":"a","trigger":"CRON","tags":[' + b"1," * 480_000 + b"1]}", JobCreate),
    "wrong headers": (
        b'{"type":"HTTP","spec":{"url":"http://a.b/","headers":{' + members(80_000) + b"}}}",
        EndpointPut,
    ),
}


def call_with(body: bytes) -> Call:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        raise AssertionError("a call's body is read, nothing is sent")

    headers = [(b"content-type", b"application/json")]
    return Call({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive, send)


@pytest.mark.parametrize("kind", HEAVY)
async def test_a_large_body_does_not_hold_up_the_event_loop(kind: str) -> None:
    body, model = HEAVY[kind]
    assert len(body) <= 1024 * 1024
    call = call_with(body)
    began = time.thread_time()
    refusal = None
    try:
        read = await call.read(model)
        if model is EndpointPut:
            await call.aside(lambda: new_endpoint("e", read.root, POLICY))
        else:
            new_job(read, None)
    except errors.KronosError as error:
        refusal = error
    assert time.thread_time() - began < MOST_LOOP_SECONDS
    if refusal is not None:
        assert len(refusal.faults) <= 20
        assert len(orjson.dumps([refusal.detail, refusal.faults])) < 32 * 1024


@pytest.mark.parametrize(
    "render",
    [
        lambda: template.render([{"a": 1}] * 30_000, {"input": {}}),
        lambda: template.render("\\{{" * 60_000, {"input": {}}),
        lambda: template.render(["{{input.a}}"] * 20_000, {"input": {"a": 1}}),
    ],
)
def test_a_template_of_the_largest_size_is_rendered_in_linear_time(render: Callable[[], object]) -> None:
    began = time.thread_time()
    render()
    assert time.thread_time() - began < 2 * MOST_LOOP_SECONDS


def test_what_is_wrong_deep_in_a_template_is_reported_with_its_place() -> None:
    with pytest.raises(TemplateError) as told:
        template.check({"a/b": [1, {"c": ["fine", "{{nobody.x}}"]}]})
    assert told.value.pointer == "/a~1b/1/c/1"
    with pytest.raises(TemplateError) as told:
        template.check([[{"{{input}}": 1}]])
    assert told.value.pointer == "/0/0/{{input}}"


async def refused(body: bytes, model: Any) -> errors.KronosError:
    with pytest.raises(errors.Unprocessable) as refusal:
        await call_with(body).read(model)
    return refusal.value


@pytest.mark.parametrize("number", [b"1e300", b"1e-300", b"-1.5e200"])
async def test_numbers_count_as_postgresql_writes_them(number: bytes) -> None:
    """1e300 4,000 times has 24 kB here, and 1.2 MB in every answer and delivery."""
    refusal = await refused(job(b"[" + (number + b",") * 4000 + b"1]"), JobCreate)
    assert refusal.faults[0].pointer == "/input"
    refusal = await refused(endpoint(b"[" + (number + b",") * 4000 + b"1]"), EndpointPut)
    assert refusal.faults[0].pointer == "/spec/body_template"

    await call_with(job(b"[" + (number + b",") * 400 + b"1]")).read(JobCreate)


async def test_texts_that_look_like_numbers_count_as_texts() -> None:
    text = b'"' + b"5e300 " * 40_000 + b'"'
    read = await call_with(job(text)).read(JobCreate)
    assert len(read.input["x"]) == 240_000


async def test_the_largest_template_is_as_large_as_the_largest_input() -> None:
    await call_with(endpoint(b'"' + b"x" * (MAX_INPUT_BYTES - 2) + b'"')).read(EndpointPut)
    refusal = await refused(endpoint(b'"' + b"x" * (MAX_INPUT_BYTES - 1) + b'"'), EndpointPut)
    assert refusal.faults[0].pointer == "/spec/body_template"


async def test_of_very_many_unknown_fields_the_known_ones_are_judged_all_the_same() -> None:
    refusal = await refused(b'{"endpoint":7,' + members(1000) + b"}", JobCreate)
    assert {fault.pointer for fault in refusal.faults} >= {"/endpoint", "/trigger", "/k0"}
    assert len(refusal.faults) == 20
