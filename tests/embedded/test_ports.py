"""Ports on which nothing listens: errors about the port are reported, while a shortage in this process is not taken for
one."""

import errno
import socket
from collections.abc import Callable

import pytest

from kronos import listening
from kronos.embedded import network, ports
from kronos.embedded.errors import EmbeddedError


def failing(code: int) -> Callable[..., socket.socket]:
    def fail(*_: object, **__: object) -> socket.socket:
        raise OSError(code, "as the system says it")

    return fail


def test_a_port_that_somebody_has_is_refused_and_one_that_was_left_is_free() -> None:
    with ports.listener() as held:
        port = held.getsockname()[1]
        assert ports.refusal(port) == "Address already in use"
        assert not ports.is_free(port)
    assert ports.is_free(port)


@pytest.mark.parametrize("host", ["db..example", "a" * 64 + ".example"])
def test_what_is_no_name_is_told(host: str) -> None:
    assert ports.refusal(0, host) == "not a host name"
    with pytest.raises(EmbeddedError, match=r"not a host name\. Set --host"):
        network.require_listenable(host)


@pytest.mark.parametrize("code", ports.OURS)
def test_what_this_process_lacks_says_nothing_about_a_port(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(socket, "socket", failing(code))
    with pytest.raises(OSError, match="as the system says it") as raised:
        ports.refusal(20_000)
    assert raised.value.errno == code
    monkeypatch.setattr(listening, "listen", failing(code))
    with pytest.raises(OSError, match="as the system says it"):
        network.listen("127.0.0.1", 20_000, patience=0)


def test_where_all_ports_are_taken_it_says_which_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda *_: False)
    with pytest.raises(EmbeddedError, match="no free port among 1000 between 20000 and 32000"):
        ports.free_port()
    monkeypatch.setattr(listening, "listen", failing(errno.EADDRINUSE))
    with pytest.raises(EmbeddedError, match=r"cannot listen on 127\.0\.0\.1: no free port among 1000"):
        ports.listener()


def test_what_is_not_allowed_is_not_tried_a_thousand_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "listen", failing(errno.EACCES))
    with pytest.raises(PermissionError):
        ports.listener()
    with pytest.raises(EmbeddedError, match=r"cannot listen on 127\.0\.0\.1 port 80: .* Choose another --port"):
        network.listen("127.0.0.1", 80, patience=-1)
