"""Deliveries are tested on both event loops: asyncio's, and uvloop's, which the worker runs on."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import uvloop

from kronos.delivery import connections, trust
from kronos.delivery.egress import EgressPolicy, open_socket


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each test of this folder runs once per loop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def _authorities_are_read_once() -> Iterator[None]:
    """Cache the operating system's authorities: each of a thousand transports would take 24 ms of CPU to read them."""
    make = trust._context
    of_system = cache(lambda *where: make(None))

    def context(ca_certificates: str | None) -> ssl.SSLContext:
        if ca_certificates is not None:
            return make(ca_certificates)
        kept: ssl.SSLContext = of_system(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return kept

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trust, "_context", context)
        yield


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every socket that the transport opens, with a small send buffer so that a body does not fit into the kernel."""
    opened: list[socket.socket] = []

    def record(policy: EgressPolicy, info: Any) -> socket.socket:
        opened.append(open_socket(policy, info))
        opened[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return opened[-1]

    monkeypatch.setattr(connections, "open_socket", record)
    return opened


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses for which a transport created a socket."""
    made: list[str] = []

    def record(policy: EgressPolicy, info: Any) -> socket.socket:
        opened = open_socket(policy, info)
        made.append(str(info[4][0]))
        return opened

    monkeypatch.setattr(connections, "open_socket", record)
    return made
