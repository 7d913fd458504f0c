"""The API as its supervisor queries it."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from held_ports import held_port
from kronos.embedded import network, ports
from kronos.pool import Pool


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Write no log."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ready)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_proxy_of_the_shell_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{held_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert network.readiness(url) == network.ReadyAnswer(is_ready=True, answer="{}")


async def test_an_api_without_its_database_is_heard_saying_why() -> None:
    """The API waits for PostgreSQL before it answers. A client that gave up earlier reported `timed out`, whatever the
    cause."""
    assert Pool("postgresql://", size=1).timeout < network._ANSWER_WITHIN_SECONDS


def test_of_all_that_look_for_a_port_at_once_each_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They try the same ports: each port is taken by only one of them."""
    monkeypatch.setattr(random, "sample", lambda ports, count: list(ports)[:count])
    with ExitStack() as held:
        doors = [held.enter_context(ports.listener()) for _ in range(3)]
        assert len({door.getsockname()[1] for door in doors}) == len(doors)


def test_what_a_port_lacks_is_reported_and_what_we_lack_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ports.refusal(0, "192.0.2.1") == "Cannot assign requested address"

    def no_descriptors(*arguments: object, **more: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("socket.socket", no_descriptors)
    with pytest.raises(OSError, match="Too many open files"):
        ports.is_free(20_000)
