"""Certificates by which PostgreSQL is trusted, and how long they hold: against a server that speaks TLS as it does."""

import socket
import ssl
import threading
from collections.abc import Iterator
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


def certificate(directory: Path, name: str, ends: timedelta) -> Path:
    """A file with one that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
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


def test_a_server_that_is_not_there_is_another_checks_to_say() -> None:
    port = held_port()
    assert certified.database(f"host=127.0.0.1,127.0.0.1 port={port} sslmode=verify-full", NOW).ok
    assert list(certified._servers({"host": "a,/run,b", "port": "1,2,3"})) == [("a", 1), ("b", 3)]
