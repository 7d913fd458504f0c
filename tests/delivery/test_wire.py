"""What a broker may announce and send is bounded in each way of reading, and TLS contexts are made once."""

import asyncio
import os
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from delivery.authority import Authority
from kronos.delivery.destinations import BrokerError, Tls
from kronos.delivery.trust import Trust
from kronos.delivery.wire import MAX_ANSWER_BYTES, AnswerReader, AnswerTooLarge, BoundedReader, context_of


def reader(data: bytes, *, most: int = 10) -> AnswerReader:
    made = AnswerReader(most, asyncio.get_running_loop())
    made.feed_data(data)
    return made


@pytest.mark.parametrize("announced", [-1, MAX_ANSWER_BYTES + 1, 2**31 - 1])
async def test_an_announced_answer_that_is_too_large_is_not_waited_for(announced: int) -> None:
    made = BoundedReader(loop=asyncio.get_running_loop())
    with pytest.raises(AnswerTooLarge, match=f"{announced} bytes"):
        await made.readexactly(announced)


async def test_an_answer_of_the_largest_size_is_read() -> None:
    made = BoundedReader(limit=MAX_ANSWER_BYTES, loop=asyncio.get_running_loop())
    made.feed_data(bytes(MAX_ANSWER_BYTES))
    assert len(await made.readexactly(MAX_ANSWER_BYTES)) == MAX_ANSWER_BYTES
    assert await made.readexactly(0) == b""


async def test_an_answer_of_many_pieces_is_bounded_as_a_whole_whichever_way_they_are_read() -> None:
    made = reader(b"a\nbcdefghij")
    assert (await made.readline(), await made.readexactly(3), await made.read(5)) == (b"a\n", b"bcd", b"efghi")
    with pytest.raises(AnswerTooLarge, match="more than 10 bytes"):
        await made.read(1)
    with pytest.raises(AnswerTooLarge):
        await reader(b"x" * 10 + b"\n").readline()
    with pytest.raises(AnswerTooLarge):
        await reader(b"x" * 11).read(11)


async def test_a_piece_that_is_beyond_the_bound_is_refused_before_it_has_come() -> None:
    made = reader(b"12345")
    await made.readexactly(5)
    with pytest.raises(AnswerTooLarge):
        await made.readexactly(6)
    made.feed_data(b"67890")
    assert await made.readexactly(5) == b"67890", "as much as is left is allowed"


async def test_each_answer_has_the_whole_bound() -> None:
    made = reader(b"1234567890" * 2)
    for _ in range(2):
        made.begin()
        assert await made.readexactly(10) == b"1234567890"


async def test_a_reader_is_empty_when_all_that_came_was_read() -> None:
    made = reader(b"")
    assert made.is_empty
    made.feed_data(b"1234\n")
    assert not made.is_empty
    await made.readexactly(3)
    assert not made.is_empty
    await made.readline()
    assert made.is_empty
    made.feed_data(b"5")
    await made.read(100)
    assert made.is_empty


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("wire"), "own")


def test_without_tls_there_is_no_context_and_without_own_certificates_it_is_the_workers() -> None:
    trust = Trust(None)
    assert context_of(None, trust) is None
    assert context_of(Tls(), trust) is trust.context


def test_a_context_of_own_certificates_trusts_them_and_the_workers_and_is_made_once(authority: Authority) -> None:
    trust = Trust(None)
    own = Tls(ca_certificate=authority.file.read_text())
    made = context_of(own, trust)
    assert made is not None
    assert context_of(own, trust) is made
    assert len(made.get_ca_certs()) == len(trust.context.get_ca_certs()) + 1
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (made.check_hostname, made.verify_mode) == (True, ssl.CERT_REQUIRED)
    with_file = Trust(authority.file)
    assert context_of(own, with_file) is not made, "other authorities are trusted too"


@pytest.mark.parametrize("comment", ["# Müller & Söhne\n", "Issuer: CN=\u6771\u4eac\n", "\ud800\n"])
def test_an_authoritys_comments_may_have_any_letters_and_its_certificate_may_not(
    authority: Authority, comment: str
) -> None:
    """As in a file of authorities. Such a text used to be an internal error of each delivery."""
    trust, own = Trust(None), authority.file.read_text()
    made = context_of(Tls(ca_certificate=comment + own), trust)
    assert made is not None
    assert len(made.get_ca_certs()) == len(trust.context.get_ca_certs()) + 1
    first, rest = own.split("\n", 1)
    with pytest.raises(BrokerError, match="cannot be read"):
        context_of(Tls(ca_certificate=f"{first}\n{comment}{rest}"), trust)
    with pytest.raises(BrokerError, match="cannot be read"):
        context_of(Tls(ca_certificate=comment), trust)


def test_a_client_certificate_is_loaded_with_its_key_and_never_asks_for_a_password(authority: Authority) -> None:
    certificate, key = authority.file.read_text(), (authority.folder / "ca.key").read_text()
    assert context_of(Tls(client_certificate=certificate, client_key=key), Trust(None)) is not None
    encrypted = subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:canary", "-in", authority.folder / "ca.key"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for wrong in (
        Tls(client_certificate=certificate),
        Tls(client_certificate=certificate, client_key=encrypted),
        Tls(client_certificate="not PEM", client_key=key),
        Tls(ca_certificate="not PEM"),
    ):
        with pytest.raises(BrokerError) as refused:
            context_of(wrong, Trust(None))
        assert (refused.value.kind, refused.value.is_retryable) == ("tls", False)
        assert "cannot be read" in refused.value.message


def test_a_key_is_on_no_disk_and_its_descriptor_is_closed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a folder was made")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    certificate, key = "\n\n" + authority.file.read_text(), (authority.folder / "ca.key").read_text()
    trust, before = Trust(None), len(os.listdir("/proc/self/fd"))
    assert context_of(Tls(client_certificate=certificate, client_key=key), trust) is not None
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_there_are_no_files_in_memory_the_key_is_in_a_folder_of_its_own_for_a_moment(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate, key = authority.file.read_text() + "\n", (authority.folder / "ca.key").read_text()
    assert context_of(Tls(client_certificate=certificate, client_key=key), Trust(None)) is not None
    assert list(tmp_path.iterdir()) == [], "nothing of it is left"
