"""What an API process does with its settings for requests, heads and metrics, and the lines about its life. No database
is needed, and none is running."""

import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from api_callers import GET, NO_DATABASE, Caller, asked
from api_process import Process, serving, wait_for
from conftest import PLAIN
from held_ports import held_port
from told import written

_HEADERS = 16
_OTHER_ADDRESS = "127.0.0.2"
_BEGUN = b"POST /auth/key HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return held_port()


@pytest.fixture(scope="module")
def limited(metrics_port: int) -> Iterator[Process]:
    with serving(
        NO_DATABASE,
        KRONOS_MAX_HEADERS=str(_HEADERS),
        KRONOS_MAX_REQUESTS="1",
        KRONOS_METRICS_HOST=_OTHER_ADDRESS,
        KRONOS_METRICS_PORT=str(metrics_port),
        KRONOS_LOG_FORMAT="json",
    ) as process:
        yield process


def _events(process: Process, event: str) -> list[dict[str, Any]]:
    return written("".join(list(process.lines)), event)


@pytest.mark.parametrize(("count", "status"), [(_HEADERS, 200), (_HEADERS + 1, 431)])
def test_a_request_has_no_more_headers_than_max_headers(limited: Process, count: int, status: int) -> None:
    lines = [b"Host: x", *(b"X-%d: y" % number for number in range(count - 1))]
    with closing(Caller(limited)) as caller:
        caller.send(b"GET /healthz HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n")
        answer = caller.answer()
    assert answer.status == status
    if status == 431:
        assert answer.problem["code"] == "headers_too_large"
        assert f"{_HEADERS} headers" in answer.problem["detail"]


def test_no_more_requests_run_at_once_than_max_requests(limited: Process) -> None:
    with closing(Caller(limited)) as slow, closing(Caller(limited)) as other:
        slow.send(_BEGUN + b"Expect: 100-continue\r\n\r\n")
        assert slow.socket.recv(65_536).startswith(b"HTTP/1.1 100 "), "the process waits for its body"
        other.send(GET)
        answer = other.answer()
        assert (answer.status, answer.problem["code"]) == (503, "overloaded")
        assert answer.problem["detail"] == "1 requests are in progress in this process"
        assert answer.headers["retry-after"] == "2"
        slow.send(b"not JSON!")
        assert slow.answer().status == 400
    wait_for(lambda: asked(limited) == 200, "its place to be free again")


def test_metrics_are_at_metrics_host_and_nowhere_else(limited: Process, metrics_port: int) -> None:
    told = httpx.get(f"http://{_OTHER_ADDRESS}:{metrics_port}/metrics", verify=PLAIN, timeout=60)
    assert (told.status_code, "kronos_" in told.text) == (200, True)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", verify=PLAIN, timeout=60)
    (line,) = _events(limited, "metrics.listening")
    assert (line["level"], line["message"]) == ("INFO", f"metrics at http://{_OTHER_ADDRESS}:{metrics_port}/metrics")


def test_a_process_says_where_it_listens_and_that_it_has_stopped() -> None:
    with serving(NO_DATABASE, KRONOS_LOG_FORMAT="json", KRONOS_PATH_PREFIX="/kronos") as process:
        (listens,) = _events(process, "api.listening")
        assert listens["level"] == "INFO"
        assert listens["message"] == f"listening on {process.url}"
        assert process.url.endswith("/kronos")
        process.child.send_signal(signal.SIGTERM)
        (stopped,) = wait_for(lambda: _events(process, "api.stopped"), "the last line")
        assert (stopped["level"], process.child.wait(60)) == ("INFO", 0)
        assert [each["message"] for each in _events(process, "request.unserved")] == []
