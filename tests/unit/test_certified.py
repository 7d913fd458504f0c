"""The certificates that PostgreSQL is trusted by, and how long they are valid, against a server that speaks TLS as
PostgreSQL does.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chains import NOW, Certificate, made, written
from held_ports import held_port
from kronos.doctor import certified, handshakes


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the machine's own ~/.postgresql."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def certificate(directory: Path, name: str, days: int, by: Certificate | None = None) -> Path:
    """Write a certificate and its key to a file."""
    one = made(name, days, by)
    return written(directory / f"{name}.pem", one.key, one.pem)


@contextmanager
def serving(answer: bytes, file: Path | None = None) -> Iterator[int]:
    """Act as PostgreSQL until the TLS handshake is done. Yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                plain, _ = listener.accept()
                with plain:
                    if plain.recv(8) != handshakes._SSL_REQUEST:
                        return  # the client that ends this thread
                    plain.sendall(answer)
                    if file is not None:
                        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                        context.load_cert_chain(file)
                        with contextlib.suppress(ssl.SSLError), context.wrap_socket(plain, server_side=True) as tls:
                            tls.recv(1)

        thread = threading.Thread(target=serve)
        listener.settimeout(60)  # if no client connects
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with socket.create_connection(listener.getsockname()) as leaving:
                leaving.sendall(b"good bye")
            thread.join()


@pytest.mark.parametrize(("days", "is_well"), [(13, False), (-3, False), (15, True)])
def test_the_servers_own_is_looked_at_where_it_is_verified(tmp_path: Path, days: int, is_well: bool) -> None:
    root, server = made("root", 900), made("server", days, made("root", 900))
    file, trusted = written(tmp_path / "server.pem", server.key, server.pem), written(tmp_path / "root.pem", root.pem)
    with serving(b"S", file) as port:
        url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=verify-ca&sslrootcert={trusted}"
        found = certified.database(url, NOW)
    assert found.ok is is_well
    told = f"CN=server of 127.0.0.1:{port} {'expires' if days > 0 else 'expired'} on {server.ends}"
    assert found.detail == ("2 of PostgreSQL's, valid for at least 14 more days" if is_well else told)


@pytest.mark.parametrize("option", ["sslrootcert", "sslcert"])
def test_files_that_the_url_names_are_looked_at(tmp_path: Path, option: str) -> None:
    file, ends = certificate(tmp_path, "mine", 2), made("mine", 2).ends
    with serving(b"N") as port:
        found = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-ca {option}={file}", NOW)
    assert (found.ok, found.detail) == (False, f"CN=mine of {file} expires on {ends}")
    assert found.severity == "critical"
    with serving(b"N") as port:
        gone = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-ca {option}={tmp_path}/none.pem", NOW)
    assert (gone.ok, "none.pem cannot be read" in gone.detail) == (False, True)
    assert gone.fix == "write certificates in PEM to that file"


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
    monkeypatch.setenv("PGSSLROOTCERT", str(certificate(tmp_path, "root", 1)))
    found = certified.database("host=/run/postgresql", NOW)
    assert (found.ok, found.detail.startswith("CN=root of ")) == (False, True)


def test_servers_that_do_not_answer_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six such servers used to take longer than a scrape waits, so the doctor's findings never became metrics."""
    asked: list[str] = []

    def silent(address: tuple[str, int], **_: object) -> None:
        asked.append(address[0])
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    monkeypatch.setattr(time, "monotonic", lambda: float(len(asked)))  # a second per server
    assert certified.database("host=a,b,c,d,e,f sslmode=verify-full", NOW).ok
    assert asked == ["a", "b"]


def test_a_server_that_is_not_there_is_another_checks_to_say() -> None:
    port = held_port()
    assert certified.database(f"host=127.0.0.1,127.0.0.1 port={port} sslmode=verify-full", NOW).ok
    assert list(certified._servers({"host": "a,/run,b", "port": "1,2,3"})) == [("a", 1, "a"), ("b", 3, "b")]
    by_address: dict[str, str | int | None] = {"host": "a,", "hostaddr": "10.0.0.1,10.0.0.2", "port": "7"}
    assert list(certified._servers(by_address)) == [("10.0.0.1", 7, "a"), ("10.0.0.2", 7, "10.0.0.2")]


def test_of_many_authorities_of_a_server_that_is_away_the_one_that_ends_last_counts(tmp_path: Path) -> None:
    """A bundle of the system or a cloud contains authorities that expired long ago. These must not alert anyone."""
    bundle, well = tmp_path / "bundle.pem", "1 of PostgreSQL's, valid for at least 14 more days"
    for held, told in (
        ([("old", -300), ("mine", 900)], well),
        ([("mine", -2), ("mine", 900)], well),
        ([("old", -300), ("new", 5)], f"CN=new of {bundle} expires on {made('new', 5).ends}"),
    ):
        written(bundle, *(made(name, days).pem for name, days in held))
        assert certified.database(f"host=/run sslmode=verify-full sslrootcert={bundle}", NOW).detail == told


def test_of_those_who_are_not_trusted_what_was_sent_and_whose_it_is_are_looked_at(tmp_path: Path) -> None:
    """A renewed server certificate is useless if its authority's certificate expires the day after."""
    mine = made("mine", 3)
    server = made("server", 2, mine)
    file = written(tmp_path / "server.pem", server.key, server.pem)
    bundle = written(tmp_path / "bundle.pem", mine.pem, made("other", 900).pem)
    with serving(b"S", file) as port:
        url = f"host=127.0.0.1 port={port} sslmode=verify-full sslrootcert={bundle}"
        found = certified.database(url, NOW)
    place = f"127.0.0.1:{port}"
    assert found.detail.split(", CN") == [
        f"CN=server of {place} is for server, not for 127.0.0.1",
        f"=server of {place} expires on {server.ends}",
        f"=mine of {bundle} expires on {mine.ends}",
    ]
    assert found.fix == (
        f"use the certificate's host name in KRONOS_DATABASE_URL; hostaddr may hold the address; {handshakes.RENEW}"
    )


def test_a_name_that_a_stranger_wrote_is_no_sequence_that_a_terminal_obeys(tmp_path: Path) -> None:
    own = made("\x1b[2J" + "a" * 40, 90, hosts=("b\x1b]0;c\x07",))
    root = written(tmp_path / "root.pem", made("root", 900).pem)
    with serving(b"S", written(tmp_path / "own.pem", own.key, own.pem)) as port:
        found = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-full sslrootcert={root}", NOW)
    assert "\\u001b[2Jaaaa" in found.detail
    assert (found.detail + (found.fix or "")).isprintable()
    assert handshakes.as_read("x" * 500) == "x" * 120 + "…"
    assert handshakes._names(own.held) == ["b\\u001b]0;c\\u0007"]


@pytest.mark.parametrize("names", ["30048202ff61", "3007820161a3020500", "3009820161a504a1020c00", "30058703616263"])
def test_names_that_nobody_can_read_are_a_finding_and_no_error(tmp_path: Path, names: str) -> None:
    """Such as an X.400 or EDI address, which OpenSSL skips."""
    root = made("root", 90)
    server = made("server", 90, root, hosts=("unread",), raw=bytes.fromhex(names))
    file = written(tmp_path / "server.pem", server.key, server.pem)
    with serving(b"S", file) as port:
        url = f"host=127.0.0.1 port={port} sslmode=verify-full sslrootcert={written(tmp_path / 'root.pem', root.pem)}"
        found = certified.database(url, NOW)
    assert found.detail == f"CN=server of 127.0.0.1:{port} is for names that cannot be read, not for 127.0.0.1"


def test_a_long_chain_that_has_ended_is_one_sentence(tmp_path: Path) -> None:
    """The server at that address may send 100 kB of certificates."""
    root = made("root", 90)
    server, *more = [made(f"n{nth}", -nth, root, hosts=("db",)) for nth in range(1, 60)]
    file = written(tmp_path / "server.pem", server.key, server.pem, *(each.pem for each in more))
    with serving(b"S", file) as port:
        trust = f"sslmode=verify-full sslrootcert={written(tmp_path / 'root.pem', root.pem)}"
        url = f"host=db hostaddr=127.0.0.1 port={port} {trust}"
        said, _ = certified.refusal(url) or ("", "")
        found = certified.database(url, NOW).detail
    assert said.startswith(f"CN=n1 of db:{port} expired on {server.ends}, CN=n2 of ")
    assert said.endswith(", and 54 more")
    assert len(said) < len(found) < 1000


@pytest.mark.parametrize("host", ["db..internal", ".internal", "d" * 64])
def test_a_host_that_is_no_name_is_another_checks_to_say(tmp_path: Path, host: str) -> None:
    root = written(tmp_path / "root.pem", made("root", 90).pem)
    assert certified.database(f"host={host} sslmode=verify-full sslrootcert={root}", NOW).ok


def test_files_of_libpqs_own_folder_are_looked_at(tmp_path: Path) -> None:
    (folder := tmp_path / "home" / ".postgresql").mkdir(parents=True)
    certificate(folder, "root", 3).rename(folder / "root.crt")
    certificate(folder, "me", 2).rename(folder / "postgresql.crt")
    with serving(b"N") as port:
        found = certified.database(f"host=127.0.0.1 port={port} sslmode=require", NOW).detail
    assert [f"CN=root of {folder}/root.crt" in found, f"CN=me of {folder}/postgresql.crt" in found] == [True, True]
    assert certified.database("host=127.0.0.1 port=1 sslmode=disable", NOW).ok


@pytest.mark.parametrize(
    ("was", "now"), [("a003020102", "a003020104"), ("0c0162", "1301ff")], ids=["a version", "a letter"]
)
def test_what_only_openssl_can_read_is_a_finding_and_no_error(tmp_path: Path, was: str, now: str) -> None:
    """This used to be an error of every scrape and of the status."""
    file = certificate(tmp_path, "b", 90)
    key, _, text = file.read_text().partition(ssl.PEM_HEADER)
    der = ssl.PEM_cert_to_DER_cert(ssl.PEM_HEADER + text).replace(bytes.fromhex(was), bytes.fromhex(now))
    file.write_text(key + ssl.DER_cert_to_PEM_cert(der))
    with serving(b"S", file) as port:
        shown = certified.database(f"host=127.0.0.1 port={port} sslmode=verify-full", NOW)
    assert shown.detail.startswith(f"the certificate of 127.0.0.1:{port} cannot be read: ")
    named = certified.database(f"host=/run sslmode=verify-full sslrootcert={file}", NOW)
    assert named.detail.startswith(f"{file} cannot be read: ")
