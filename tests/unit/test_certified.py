"""Certificates by which PostgreSQL is trusted, and how long they hold: against a server that speaks TLS as it does."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from held_ports import held_port
from kronos.doctor import certified

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine's own has in ~/.postgresql counts for nothing."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def certificate(directory: Path, name: str, ends: timedelta, issuer: str | None = None) -> Path:
    """A file with one that signs itself, whoever it says has signed it, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + ends)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def serving(answer: bytes, file: Path | None = None) -> Iterator[int]:
    """One connection's PostgreSQL, as far as the end of TLS' beginning: its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with plain:
                assert plain.recv(8) == certified._SSL_REQUEST
                plain.sendall(answer)
                if file is not None:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(file)
                    with context.wrap_socket(plain, server_side=True) as tls:
                        tls.recv(1)

        thread = threading.Thread(target=serve)
        listener.settimeout(60)  # where nobody comes
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


@pytest.mark.parametrize(("days", "is_well"), [(13, False), (-3, False), (15, True)])
def test_the_servers_own_is_looked_at_where_it_is_verified(tmp_path: Path, days: int, is_well: bool) -> None:
    root = certificate(tmp_path, "root", timedelta(days=900))
    with serving(b"S", certificate(tmp_path, "server", timedelta(days=days))) as port:
        url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=verify-full&sslrootcert={root}"
        found = certified.database(url, NOW)
    assert found.ok is is_well
    told = f"CN=server of 127.0.0.1:{port} ends on {NOW + timedelta(days=days):%Y-%m-%d}"
    assert found.detail == ("2 of PostgreSQL's, valid for 14 days yet" if is_well else told)


@pytest.mark.parametrize("option", ["sslrootcert", "sslcert"])
def test_files_that_the_url_names_are_looked_at(tmp_path: Path, option: str) -> None:
    file = certificate(tmp_path, "mine", timedelta(days=2))
    with serving(b"N") as port:
        found = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-ca {option}={file}", NOW)
    assert (found.ok, found.detail) == (False, f"CN=mine of {file} ends on 2026-06-03")
    assert found.severity == "critical"
    with serving(b"N") as port:
        gone = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-ca {option}={tmp_path}/none.pem", NOW)
    assert (gone.ok, "none.pem cannot be read" in gone.detail) == (False, True)


@pytest.mark.parametrize(
    "url", ["postgresql:///d", "host=/run/postgresql sslmode=verify-full", "host=db sslmode=require", "host=db"]
)
def test_nobody_is_asked_where_nothing_is_verified(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("it connects")

    monkeypatch.setattr(socket, "create_connection", refused)
    assert certified.database(url, NOW).ok


def test_what_the_environment_says_counts_as_it_does_for_libpq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(certificate(tmp_path, "root", timedelta(days=1))))
    found = certified.database("host=/run/postgresql", NOW)
    assert (found.ok, found.detail.startswith("CN=root of ")) == (False, True)


def test_servers_that_do_not_answer_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six of them took longer than a scrape waits, and what the doctor finds was never a metric."""
    asked: list[str] = []

    def silent(address: tuple[str, int], **_: object) -> None:
        asked.append(address[0])
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    monkeypatch.setattr(time, "monotonic", lambda: float(len(asked)))  # a second each
    assert certified.database("host=a,b,c,d,e,f sslmode=verify-full", NOW).ok
    assert asked == ["a", "b"]


def test_a_server_that_is_not_there_is_another_checks_to_say() -> None:
    port = held_port()
    assert certified.database(f"host=127.0.0.1,127.0.0.1 port={port} sslmode=verify-full", NOW).ok
    assert list(certified._servers({"host": "a,/run,b", "port": "1,2,3"})) == [("a", 1), ("b", 3)]


def test_of_many_authorities_those_count_that_the_servers_is_of(tmp_path: Path) -> None:
    """A system's file, or a cloud's, has some that have long ended: nobody was to be woken for these."""

    server, bundle = certificate(tmp_path, "server", timedelta(days=90), "mine"), tmp_path / "bundle.pem"
    well = "2 of PostgreSQL's, valid for 14 days yet"
    for held, told in (
        ([("old", -300), ("mine", 900)], well),
        ([("mine", -2), ("mine", 900)], well),
        ([("other", 900), ("mine", 3)], f"CN=mine of {bundle} ends on 2026-06-04"),
        ([("old", -300), ("of its issuer", 900)], well),
        ([("old", -300), ("new", 5)], f"CN=new of {bundle} ends on 2026-06-06"),
    ):
        bundle.write_text("".join(certificate(tmp_path, *each).read_text() for each in _days(held)))
        with serving(b"S", server) as port:
            url = f"host=127.0.0.1 port={port} sslmode=verify-full sslrootcert={bundle}"
            assert certified.database(url, NOW).detail == told


def _days(held: Sequence[tuple[str, int]]) -> Iterator[tuple[str, timedelta]]:
    return ((name, timedelta(days=days)) for name, days in held)


def test_files_of_libpqs_own_folder_are_looked_at(tmp_path: Path) -> None:
    (folder := tmp_path / "home" / ".postgresql").mkdir(parents=True)
    certificate(folder, "root", timedelta(days=3)).rename(folder / "root.crt")
    certificate(folder, "me", timedelta(days=2)).rename(folder / "postgresql.crt")
    with serving(b"N") as port:
        found = certified.database(f"host=127.0.0.1 port={port} sslmode=require", NOW).detail
    assert [f"CN=root of {folder}/root.crt" in found, f"CN=me of {folder}/postgresql.crt" in found] == [True, True]
    assert certified.database("host=127.0.0.1 port=1 sslmode=disable", NOW).ok


@pytest.mark.parametrize(
    ("was", "now"), [("a003020102", "a003020104"), ("0c0162", "1301ff")], ids=["a version", "a letter"]
)
def test_what_only_openssl_can_read_is_a_finding_and_no_error(tmp_path: Path, was: str, now: str) -> None:
    """It was an error of each scrape and of the status."""
    file = certificate(tmp_path, "b", timedelta(days=90))
    key, _, text = file.read_text().partition(ssl.PEM_HEADER)
    der = ssl.PEM_cert_to_DER_cert(ssl.PEM_HEADER + text).replace(bytes.fromhex(was), bytes.fromhex(now))
    file.write_text(key + ssl.DER_cert_to_PEM_cert(der))
    with serving(b"S", file) as port:
        shown = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-full", NOW)
    assert shown.detail.startswith(f"what 127.0.0.1:{port} shows cannot be read: ")
    named = certified.database(f"host=/run sslmode=verify-full sslrootcert={file}", NOW)
    assert named.detail.startswith(f"{file} cannot be read: ")
