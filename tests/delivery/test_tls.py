"""Receivers with certificates of a private authority: trusted through KRONOS_CA_FILE, whose changes take effect; a
rejected certificate is reported and the connection closed."""

import asyncio
import logging
import os
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from delivery.authority import Authority
from delivery.sending import LOCAL, delivery, error_type
from delivery.servers import Names, Receiver, answer, closing
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import Outcome
from kronos.delivery.trust import Trust
from served import served
from told import all_told, told

# This module has its own loops: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")
HERE = "IP:127.0.0.1"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"), "private")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"), "other")


@pytest.fixture(scope="session")
def here(authority: Authority) -> ssl.SSLContext:
    return authority.server(HERE)


@pytest.fixture(scope="session")
def others_here(other: Authority) -> ssl.SSLContext:
    return other.server(HERE)


def message(outcome: Outcome) -> object:
    assert isinstance(outcome.error, dict)
    return outcome.error["message"]


async def test_a_private_authority_is_trusted_beside_the_systems_by_its_file(
    authority: Authority, here: ssl.SSLContext
) -> None:
    async with Receiver(answer(), tls=here) as receiver:
        async with HttpTransport(LOCAL) as transport:
            outcome = await transport.deliver(delivery(receiver.url))
            assert (error_type(outcome), receiver.requests) == ("tls", [])
            assert (
                message(outcome)
                == "the endpoint's certificate is from an authority that is not trusted here (KRONOS_CA_FILE adds one)"
            )
        async with HttpTransport(LOCAL, ca_file=authority.file) as transport:
            assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"
            trusted = transport._connections.trust.context.cert_store_stats()["x509"]
    assert trusted == ssl.create_default_context().cert_store_stats()["x509"] + 1


@pytest.mark.parametrize(
    ("names", "period", "told"),
    [
        (HERE, {"until": "20200102000000Z"}, "the endpoint's certificate, or its authority's, has expired"),
        (HERE, {"since": "20480101000000Z"}, "the endpoint's certificate, or its authority's, is not valid yet"),
        ("IP:127.0.0.2", {}, "the endpoint's certificate is not valid for its address"),
        ("DNS:other.test", {}, "the endpoint's certificate is not valid for its address"),
    ],
    ids=["expired", "not yet valid", "other address", "a name only"],
)
async def test_a_certificate_that_does_not_hold_is_refused_with_the_reason_and_its_socket_closed(
    authority: Authority, sockets: list[socket.socket], names: str, period: dict[str, str], told: str
) -> None:
    async with (
        Receiver(answer(), tls=authority.server(names, **period)) as receiver,
        HttpTransport(LOCAL, ca_file=authority.file) as transport,
    ):
        outcome = await transport.deliver(delivery(receiver.url))
        assert [opened.fileno() for opened in sockets] == [-1]
        assert (error_type(outcome), message(outcome), outcome.retryable, receiver.requests) == ("tls", told, True, [])


async def test_a_certificate_is_for_the_name_that_the_url_has(authority: Authority) -> None:
    names = Names({"shop.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    async with (
        Receiver(answer(), tls=authority.server("DNS:shop.test")) as receiver,
        HttpTransport(LOCAL, resolver=names, ca_file=authority.file) as transport,
    ):
        right = await transport.deliver(delivery(f"https://shop.test:{receiver.port}/"))
        wrong = await transport.deliver(delivery(f"https://other.test:{receiver.port}/"))
    assert (right.status, error_type(wrong)) == ("SUCCESS", "tls")
    assert message(wrong) == "the endpoint's certificate is not valid for its name"


async def test_the_file_is_followed_also_by_connections_that_are_kept(
    authority: Authority,
    other: Authority,
    here: ssl.SSLContext,
    others_here: ssl.SSLContext,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kronos")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.file.read_bytes())
    async with (
        Receiver(answer(), tls=here, keep=True) as first,
        Receiver(answer(), tls=others_here, keep=True) as second,
        HttpTransport(LOCAL, ca_file=bundle) as transport,
    ):

        async def verdicts() -> list[str]:
            return [(await transport.deliver(delivery(receiver.url))).status for receiver in (first, second)]

        assert await verdicts() == await verdicts() == ["SUCCESS", "FAILED"]
        assert first.connections == 1
        replaced(bundle, authority.file.read_bytes() + b"# both\n" + other.file.read_bytes())
        assert await verdicts() == ["SUCCESS", "SUCCESS"]
        replaced(bundle, other.file.read_bytes())
        assert await verdicts() == ["FAILED", "SUCCESS"]
    lines = all_told(caplog, "ca_file.read")
    assert [each["level"] for each in lines] == ["INFO", "INFO"]
    assert {each["message"] for each in lines} == {f"KRONOS_CA_FILE: {bundle} has changed and was read again"}


async def test_a_connection_over_tls_carries_the_next_delivery(authority: Authority, here: ssl.SSLContext) -> None:
    async with (
        Receiver(answer(), tls=here, keep=True) as receiver,
        HttpTransport(LOCAL, ca_file=authority.file) as transport,
    ):
        outcomes = [
            await transport.deliver(delivery(receiver.url, body=b"x" * size))
            for size in (1, 20, 70_000, 0, 1_000_000, 5)
        ]
    assert ([outcome.status for outcome in outcomes], receiver.connections) == (["SUCCESS"] * 6, 1)


async def test_a_close_after_the_request_is_unknown_over_tls_too(authority: Authority, here: ssl.SSLContext) -> None:
    async with Receiver(closing, tls=here) as receiver, HttpTransport(LOCAL, ca_file=authority.file) as transport:
        outcome = await transport.deliver(delivery(receiver.url))
    assert (outcome.status, error_type(outcome)) == ("UNKNOWN", "closed_without_answer")


async def test_a_request_that_is_not_read_is_reported_as_such_over_tls_too(
    authority: Authority, here: ssl.SSLContext, sockets: list[socket.socket]
) -> None:
    async def unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # both loops' transports have it
        await ended.wait()
        writer.transport.abort()

    ended = asyncio.Event()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(served(unread), sock=listening, ssl=here, limit=4096)
    async with server, HttpTransport(LOCAL, ca_file=authority.file) as transport:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        try:
            outcome = await transport.deliver(delivery(url, body=b"x" * 2**20, timeout=timedelta(seconds=2)))
            assert [opened.fileno() for opened in sockets] == [-1]
        finally:
            ended.set()
    assert message(outcome) == "the endpoint did not read the request within 2 s"


@pytest.mark.parametrize("broken", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None])
async def test_a_file_that_broke_is_reported_once_and_what_it_held_goes_on(
    authority: Authority, here: ssl.SSLContext, tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.file.read_bytes())
    async with Receiver(answer(), tls=here) as receiver, HttpTransport(LOCAL, ca_file=bundle) as transport:
        if broken is None:
            bundle.unlink()
        else:
            replaced(bundle, broken)
        with caplog.at_level(logging.ERROR, "kronos"):
            assert [(await transport.deliver(delivery(receiver.url))).status for _ in range(3)] == ["SUCCESS"] * 3
    line = told(caplog, "ca_file.broken")
    assert line["level"] == "ERROR"
    assert str(bundle) in line["message"]
    assert "its previous certificates stay trusted" in line["message"]


async def test_a_delivery_that_ends_while_the_file_is_read_leaves_it_to_the_next(
    authority: Authority, other: Authority, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.file.read_bytes())
    trust = Trust(bundle)
    before = trust.context.cert_store_stats()["x509"]
    replaced(bundle, authority.file.read_bytes() + other.file.read_bytes())
    reading = asyncio.create_task(trust.look_again())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert reading.cancelled()
    assert trust.may_have_changed
    await trust.look_again()
    assert trust.context.cert_store_stats()["x509"] == before + 1
    assert not trust.may_have_changed


def replaced(path: Path, content: bytes) -> None:
    """Replace the whole file by another, as orchestrators do."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)


async def test_https_to_a_receiver_of_http_is_said_to_be_that() -> None:
    async def answer_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer_anything, "127.0.0.1", 0) as server, HttpTransport(LOCAL) as transport:
        port = server.sockets[0].getsockname()[1]
        outcome = await transport.deliver(delivery(f"https://127.0.0.1:{port}/"))
    said = "the endpoint does not speak TLS on this port: is it http:// instead of https://?"
    assert outcome.error == {"type": "tls", "message": said}
