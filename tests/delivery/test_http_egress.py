"""HttpTransport against real sockets on loopback: where a delivery may go, and which redirects, cookies and
certificates it ignores or rejects."""

import asyncio
import json
import socket
import ssl
import subprocess
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from delivery.sending import LOCAL, deliver, delivery, error_type
from delivery.servers import (
    Names,
    Receiver,
    answer,
    silent,
)
from kronos.delivery import connections
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpTransport
from served import served
from unit.test_egress import REFUSED_ADDRESSES, REFUSED_URLS

# This module has its own loops: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_redirect_is_not_followed() -> None:
    async with Receiver(answer()) as canary:
        location = f"Location: {canary.url}\r\n"
        outcome = await deliver(answer(b"", status="302 Found", headers=location))
        assert (error_type(outcome), outcome.retryable, canary.connections) == ("redirect", False, 0)


async def test_cookies_are_not_sent_back() -> None:
    cookie = "Set-Cookie: sid=secret; Path=/\r\n"
    async with (
        Receiver(answer(headers=cookie), host="127.0.0.2", keep=True) as receiver,
        HttpTransport(LOCAL, resolver=Names({"shop.test": ["127.0.0.2"]})) as transport,
    ):
        for _ in range(2):
            await transport.deliver(delivery(f"http://shop.test:{receiver.port}/"))
    assert ["cookie" in request.headers for request in receiver.requests] == [False, False]


async def test_name_that_turns_private_is_refused_at_each_connection() -> None:
    only_2 = EgressPolicy.parse("127.0.0.2")
    # The canary comes first: a port that is free on 127.0.0.2 may be in use on 127.0.0.1.
    canary = await asyncio.start_server(lambda *_: pytest.fail("connected"), "127.0.0.1", 0)
    port = canary.sockets[0].getsockname()[1]
    async with (
        canary,
        Receiver(answer(headers="Connection: close\r\n"), host="127.0.0.2", port=port),
        HttpTransport(
            only_2, resolver=Names({"rebind.test": lambda n: ["127.0.0.2"] if n % 2 else ["127.0.0.1"]})
        ) as transport,
    ):
        outcomes = [await transport.deliver(delivery(f"http://rebind.test:{port}/")) for _ in range(40)]
    assert [outcome.status for outcome in outcomes] == ["SUCCESS", "FAILED"] * 20
    assert {error_type(outcome) for outcome in outcomes} == {None, "address_blocked"}
    assert not any(outcome.retryable for outcome in outcomes)
    assert all("127.0.0" not in json.dumps(outcome.error) for outcome in outcomes)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.2", "127.0.0.1"], ["::ffff:127.0.0.2"], ["64:ff9b::7f00:2"], ["10.0.0.1"], [], ["127.0.0.2"] * 33],
)
async def test_answer_with_one_refused_address_is_refused_whole(addresses: list[str]) -> None:
    only_2 = EgressPolicy.parse("127.0.0.2")
    async with (
        Receiver(answer(), host="127.0.0.2") as receiver,
        HttpTransport(only_2, resolver=Names({"mixed.test": addresses})) as transport,
    ):
        outcome = await transport.deliver(delivery(f"http://mixed.test:{receiver.port}/"))
        assert (error_type(outcome), receiver.connections) == ("address_blocked", 0)


async def test_no_hostile_target_is_connected_to(connected: list[str]) -> None:
    """Each URL of the table as it is, and each address as a literal, by a name, and by a name that also has an allowed
    address."""
    only_2 = EgressPolicy.parse("127.0.0.2")
    literals = [f"http://[{each}]/" if ":" in each else f"http://{each}/" for each in REFUSED_ADDRESSES]
    targets = [url for urls in REFUSED_URLS.values() for url in urls] + literals
    for url in targets:
        anything = Names(defaultdict(lambda: ["127.0.0.1"]))  # a name that the local network may know
        async with HttpTransport(only_2, resolver=anything) as transport:
            outcome = await transport.deliver(delivery(url))
        assert (outcome.status, outcome.retryable) == ("FAILED", False), url
        assert error_type(outcome) in ("address_blocked", "bad_url"), url
    for address in REFUSED_ADDRESSES:
        for addresses in ([address], ["127.0.0.2", address]):
            async with HttpTransport(only_2, resolver=Names({"hook.test": addresses})) as transport:
                outcome = await transport.deliver(delivery("http://hook.test:8080/"))
            assert (error_type(outcome), outcome.retryable) == ("address_blocked", False), addresses
            assert address not in json.dumps(outcome.error) or len(address) < 7
    assert connected == []
    assert len(targets) + 2 * len(REFUSED_ADDRESSES) > 300


async def test_socket_is_the_last_line_when_the_resolver_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unchecked(_policy: EgressPolicy, resolver: Names, host: str, _port: int) -> list[str]:
        return await resolver.resolve(host)

    monkeypatch.setattr(connections, "checked_addresses", unchecked)
    lying = Names({"evil.test": ["127.0.0.1"]})
    async with (
        Receiver(answer()) as receiver,
        HttpTransport(EgressPolicy.parse("127.0.0.2"), resolver=lying) as transport,
    ):
        outcome = await transport.deliver(delivery(f"http://evil.test:{receiver.port}/"))
        assert (error_type(outcome), outcome.retryable, receiver.connections) == ("address_blocked", False, 0)


async def test_localhost_is_reached_where_loopback_is_allowed() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(f"http://localhost:{receiver.port}/"))
    assert outcome.status == "SUCCESS"


async def test_name_that_does_not_exist_is_a_dns_error() -> None:
    class Nowhere(Names):
        async def resolve(self, host: str) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "canary")

    async with HttpTransport(LOCAL, resolver=Nowhere({})) as transport:
        outcome = await transport.deliver(delivery("http://nowhere.test/"))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "dns", True)
    assert "canary" not in json.dumps(outcome.error)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": "http://10.0.0.1/"}, "address_blocked"),
        ({"url": "http://[::1"}, "bad_url"),
        ({"url": "http://user:canary@127.0.0.1/"}, "bad_url"),
        ({"url": "\udcff"}, "bad_url"),
        ({"headers": {"Host": "x"}}, "bad_headers"),
        ({"headers": {"X": "a\r\nY: b"}}, "bad_headers"),
        ({"method": "CONNECT"}, "bad_request"),
        ({"body": b"x" * (2**20 + 1)}, "bad_request"),
    ],
)
async def test_what_may_not_be_sent_is_refused_unsent_and_not_retried(changes: dict[str, Any], code: str) -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(**{"url": receiver.url} | changes))
        assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", code, False)
        assert receiver.connections == 0
    assert "canary" not in json.dumps([outcome.request, outcome.error])
    (outcome.request or "").encode()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that is not trusted."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Callable[[], ssl.SSLContext]:
    def context() -> ssl.SSLContext:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate[1], certificate[0])
        return server

    return context


async def test_certificate_that_nobody_signed_is_refused(
    tls_server: Callable[[], ssl.SSLContext], sockets: list[socket.socket]
) -> None:
    async with Receiver(answer(), tls=tls_server()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url))
        assert [opened.fileno() for opened in sockets] == [-1]
        assert (outcome.status, error_type(outcome), receiver.requests) == ("FAILED", "tls", [])


async def test_trusted_certificate_is_delivered_to_and_a_silent_tls_peer_is_closed(
    tls_server: Callable[[], ssl.SSLContext], certificate: tuple[Path, Path], sockets: list[socket.socket]
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[1]))
    async with (
        Receiver(answer(), tls=tls_server()) as receiver,
        HttpTransport(LOCAL, ssl_context=trusting) as transport,
    ):
        assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"
    sockets.clear()
    async with Receiver(silent, tls=tls_server()) as receiver, HttpTransport(LOCAL, ssl_context=trusting) as transport:
        outcome = await transport.deliver(delivery(receiver.url, method="GET", timeout=timedelta(seconds=0.5)))
        assert (outcome.status, [opened.fileno() for opened in sockets]) == ("TIMED_OUT", [-1])


async def test_plain_server_behind_https_is_a_tls_error(sockets: list[socket.socket]) -> None:
    async def talk_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(served(talk_plain), "127.0.0.1", 0)
    async with server, HttpTransport(LOCAL) as transport:
        port = server.sockets[0].getsockname()[1]
        outcome = await transport.deliver(delivery(f"https://127.0.0.1:{port}/"))
        assert [opened.fileno() for opened in sockets] == [-1]
    assert (outcome.status, error_type(outcome)) == ("FAILED", "tls")
