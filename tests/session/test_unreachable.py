"""The cause of a failed connection is reported by each command and in the log, with a remedy; without passwords, and to
callers without names."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

import forked
from held_ports import held_port
from kronos import database, errors, readiness, reading, session, unreachable
from kronos.__main__ import main
from kronos.cli.exits import Exit
from kronos.doctor import certified, examine
from kronos.embedded.cluster import Cluster
from kronos.pool import Connection, Pool
from kronos.unreachable import Unreachable
from session.pooler import PROGRAM, pgbouncer
from session.standby import standby_of
from worker.running import until

SECRET = "s3kret-of-the-test"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with logins for each way in which a login can fail, and without TLS."""
    home = Path(tempfile.mkdtemp(prefix="kronos-causes-"))
    home.chmod(0o711)
    made = Cluster(home, durable=False)
    made.start()
    try:
        with psycopg.connect(made.superuser_url, autocommit=True) as superuser:
            for name, options in {
                "app": "login",
                "sleeper": "nologin",
                "single": "login connection limit 0",
                "kept_out": "login",
                "certified": "login",
            }.items():
                superuser.execute(f"create role {name} {options} password '{SECRET}'")
            superuser.execute("create database closed")
            superuser.execute("revoke connect on database closed from public")
        hba = made.data / "pg_hba.conf"
        hba.write_text(
            f"host all kept_out all reject\nhost all ghost all trust\nhost all sleeper all trust\n{hba.read_text()}"
        )
        with psycopg.connect(made.superuser_url, autocommit=True) as superuser:
            superuser.execute("select pg_reload_conf()")
        yield made
    finally:
        made.destroy()
        shutil.rmtree(home)


def of(cluster: Cluster, **changed: str | int) -> str:
    return make_conninfo(cluster.superuser_url, **{"user": "app", "password": SECRET, **changed})


def cause(url: str) -> Unreachable:
    """Return why `url` does not work: the same from both drivers, without secrets, and for callers without names."""
    with pytest.raises(errors.Unconnected) as raised:
        session.connect(url, session.wanted(None))
    why = raised.value.why
    assert SECRET not in why.inside + why.outside + str(raised.value)
    assert not any(name in why.outside for name in ("127.0.0.1", "app", "sleeper", "kronos,", "nowhere"))
    assert "\n" not in why.inside
    return why


CAUSES: dict[str, tuple[dict[str, str | int], str, str]] = {
    "wrong password": ({"password": "wr0ng-" + SECRET}, "password", "127.0.0.1:{port} does not accept the password of "
        "user app: correct"),
    "no password": ({"password": "", "passfile": "/dev/null"}, "no_password", "requires a password for user app, but "
        "there is none"),
    "no such database": ({"dbname": "nowhere"}, "no_database", "127.0.0.1:{port} has no database nowhere"),
    "no such user": ({"user": "ghost"}, "no_role", "does not know user ghost"),
    "no login": ({"user": "sleeper"}, "not_allowed", "does not let user sleeper into database kronos: alter role "
                                                     "sleeper login"),
    "no connect": ({"dbname": "closed"}, "not_allowed", "grant connect on database closed to app"),
    "pg_hba rejects": ({"user": "kept_out"}, "pg_hba", "pg_hba.conf of 127.0.0.1:{port} does not let user kept_out"),
    "limit of a role": ({"user": "single"}, "full", "no free connection for user single.* Its message: .*too many "
                                                    "connections for role"),
    "TLS is off": ({"sslmode": "require"}, "no_tls", "has TLS switched off, but sslmode requires it"),
    "name": ({"host": "nosuchhost.invalid"}, "name", "cannot be resolved here: nosuchhost.invalid"),
    "name like a "
    "cause": ({"host": "alert-password-authentication-failed-tls.invalid"}, "name", "cannot be resolved here: "
        "alert-pass"),
    "socket": ({"host": "/nowhere"}, "no_socket", "no PostgreSQL listens on the socket of port {port} in /nowhere"),
    "requirement": ({"require_auth": "none"}, "setting", "a parameter of KRONOS_DATABASE_URL.*Its message: .*method "
                                                         "requirement"),
    "channel binding": ({"channel_binding": "require"}, "setting", "Its message: .*channel binding"),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES)
def test_the_cause_is_reported(cluster: Cluster, case: str) -> None:

    changed, kind, inside = CAUSES[case]
    why = cause(of(cluster, **changed))
    assert why.kind == kind, why
    assert re.search(inside.format(port=cluster.port), why.inside), why


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A port at which a server sends this answer, or never answers."""

    with closing(socket.create_server(("127.0.0.1", 0))) as serving:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = serving.accept()
                except OSError:
                    return
                accepted.recv(1024)
                if answer is None:
                    held.append(accepted)
                    continue
                accepted.sendall(answer)
                accepted.close()

        held: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield serving.getsockname()[1]
        finally:
            for each in held:
                each.close()


def test_a_server_that_is_none_or_silent_or_not_there_is_reported() -> None:
    url = f"postgresql://app:{SECRET}@127.0.0.1:{{}}/app"
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert cause(url.format(port)).kind == "not_postgresql"
    with listening(b"") as port:
        assert cause(url.format(port)).kind == "broken_off"
    with listening(None) as port:
        assert cause(url.format(port)).kind == "unreachable"
    refused = cause(url.format(held_port()))
    assert refused.kind == "refused"
    assert "is PostgreSQL running there, on this port" in refused.inside


@pytest.mark.parametrize(
    "text", ["could not write init file", 'could not extend file "base/5/16454": No space left on device']
)
def test_a_full_disk_that_lets_no_session_begin_is_reported(text: str) -> None:
    """PostgreSQL says the first without its reason. The remedy is room, not another KRONOS_DATABASE_URL."""
    fields = b"SFATAL\0VFATAL\0C53100\0M" + text.encode() + b"\0\0"
    with listening(b"E" + (4 + len(fields)).to_bytes(4, "big") + fields) as port:
        url = f"postgresql://app:{SECRET}@127.0.0.1:{port}/app?sslmode=disable"
        why = cause(url)
        (found,) = examine(url, fix=False, progress=lambda _, __: None)
    assert why.kind == "disk_full"
    assert "its disk is full" in why.outside
    assert "the disk of its data is full, or fails. Free space there" in why.inside
    assert (found.check, found.ok, found.detail) == ("database", False, why.inside)
    assert (found.fix or "").startswith("free space there")


@pytest.mark.parametrize(
    ("variable", "value", "kind"), [("PGHOST", "db..internal", "name"), ("PGPORT", "five", "setting")]
)
async def test_a_host_or_port_of_the_environment_that_is_none_is_reported(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kind: str
) -> None:
    """Psycopg resolves names in Python, which raises an error for these that is not a psycopg.Error."""
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv(variable, value)
    url = f"postgresql:///app?user=app&password={SECRET}"

    async def nothing(_: Connection) -> None:
        """Never called."""

    assert cause(url).kind == kind
    with pytest.raises(errors.Unconnected) as raised:
        await session.open_connection(url, session.wanted(None), context=reading.context(), seconds=5, also=nothing)
    assert raised.value.why.kind == kind
    async with Pool(url, size=1, wait_seconds=0.2) as pool:  # the wait is in vain
        await until(lambda: pool.trouble is not None, "the first connection to fail")
        with pytest.raises(errors.Unconnected) as refused:
            await readiness.get(database.InstanceView(pool))
    assert refused.value.why.kind == kind


def test_tls_that_cannot_be_trusted_is_reported(cluster: Cluster) -> None:
    made = [
        "openssl",
        "req",
        "-new",
        "-x509",
        "-days",
        "2",
        "-nodes",
        "-subj",
        "/CN=elsewhere",
        "-keyout",
        "server.key",
        "-out",
        "server.crt",
    ]
    subprocess.run(made, cwd=cluster.data, check=True, capture_output=True)
    root = cluster.data.parent / "root.crt"
    shutil.copy(cluster.data / "server.crt", root)
    root.chmod(0o644)
    for name in ("server.key", "server.crt"):
        os.chmod(cluster.data / name, 0o600)
        shutil.chown(cluster.data / name, *[(cluster.data / "PG_VERSION").stat().st_uid] * 2)
    with psycopg.connect(cluster.superuser_url, autocommit=True) as superuser:
        superuser.execute("alter system set ssl_ca_file = 'server.crt'")
        superuser.execute("alter system set ssl = on")
        hba = cluster.data / "pg_hba.conf"
        hba.write_text(f"hostssl all certified all cert\n{hba.read_text()}")
        superuser.execute("select pg_reload_conf()")
    try:
        session.connect(
            make_conninfo(cluster.superuser_url, sslmode="verify-ca", sslrootcert=str(root)), session.wanted(None)
        ).close()
        by_its_name = make_conninfo(
            cluster.superuser_url, host="elsewhere", hostaddr="127.0.0.1", sslmode="verify-full", sslrootcert=str(root)
        )
        with session.connect(by_its_name, session.wanted(None)) as connection:
            found = connection.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
            assert found == (True, "TLSv1.3")
        wrong_name = cause(of(cluster, sslmode="verify-full", sslrootcert=str(root)))
        assert (wrong_name.kind, "elsewhere" in wrong_name.inside) == ("certificate", True), wrong_name
        assert cause(of(cluster, sslmode="verify-full", sslrootcert="system")).kind == "certificate"
        shown = certified.database(of(cluster, sslmode="verify-ca", sslrootcert=str(root)))
        assert (shown.ok, shown.detail.count("CN=elsewhere")) == (False, 2), shown  # of the file and of the server
        absent = cause(of(cluster, sslmode="verify-full", sslrootcert="/nowhere/root.crt"))
        assert (absent.kind, "/nowhere/root.crt" in absent.inside) == ("certificate", True), absent
        assert cause(of(cluster, user="certified", sslmode="require")).kind == "client_certificate"
        assert (
            cause(
                of(cluster, sslmode="require", ssl_min_protocol_version="TLSv1", ssl_max_protocol_version="TLSv1.1")
            ).kind
            == "tls"
        )
        assert (
            cause(
                of(cluster, sslmode="require", ssl_min_protocol_version="TLSv1.3", ssl_max_protocol_version="TLSv1.2")
            ).kind
            == "setting"
        )
    finally:
        with psycopg.connect(cluster.superuser_url, autocommit=True) as superuser:
            superuser.execute("alter system reset ssl")
            superuser.execute("select pg_reload_conf()")


def test_of_several_servers_the_most_telling_cause_is_reported(cluster: Cluster) -> None:
    """`localhost` has two addresses, and one of them often refuses connections."""
    ports = f"{held_port()},{cluster.port}"
    why = cause(of(cluster, host="127.0.0.1,127.0.0.1", port=ports, password="wrong"))
    assert why.kind == "password"
    assert f"127.0.0.1:{cluster.port}" in why.inside


def test_a_standby_and_a_server_that_starts_are_reported(cluster: Cluster) -> None:
    with standby_of(cluster, hot_standby="off") as url:
        starting = cause(make_conninfo(url, user="app", password=SECRET))
        assert (starting.kind, "Kronos retries" in starting.inside) == ("starting", True), starting
    with standby_of(cluster) as url:
        port = psycopg.conninfo.conninfo_to_dict(url)["port"]
        both = make_conninfo(url, host="127.0.0.1,127.0.0.1", port=f"{port},{port}", user="app", password=SECRET)
        assert cause(both).kind == "read_only"


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")
@pytest.mark.parametrize(
    ("changed", "options", "kind"),
    [
        ({"password": "wrong"}, {}, "password"),
        ({"dbname": "nowhere"}, {}, "no_database"),
        ({"user": "nobody"}, {}, "password"),
        ({"options": "-c work_mem=1MB"}, {"ignore_startup_parameters": "extra_float_digits"}, "pooler"),
        ({}, {"max_client_conn": "0"}, "full"),
    ],
)
def test_what_a_pooler_refuses_is_reported(
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
    changed: dict[str, str],
    options: dict[str, str],
    kind: str,
) -> None:
    directory = Path(tempfile.mkdtemp(prefix="kronos-pooler-"))
    try:
        with pgbouncer(directory, cluster.superuser_url, mode="session", user="app", password=SECRET, **options) as url:
            why = cause(make_conninfo(url, **changed))
        assert why.kind == kind, why
    finally:
        shutil.rmtree(directory)


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")
def test_a_pooler_whose_server_is_away_is_reported(cluster: Cluster) -> None:
    directory = Path(tempfile.mkdtemp(prefix="kronos-pooler-"))
    away = make_conninfo(cluster.superuser_url, port=held_port())
    try:
        with pgbouncer(directory, away, mode="session", user="app", password=SECRET, server_login_retry="0.1") as url:
            assert cause(url).kind in ("pooler", "unreachable")
    finally:
        shutil.rmtree(directory)


# ── every command
# ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = (
    ("migrate",),
    ("migrate", "--dry-run"),
    ("doctor",),
    ("doctor", "--json"),
    ("next", "0 9 * * *"),
    ("retention", "run"),
    ("retention", "run", "--dry-run"),
)


def said_by(url: str, *arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False)
    assert result.exit_code in (Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.UNAVAILABLE), result.output
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    return result.output


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_says_the_cause(cluster: Cluster, arguments: tuple[str, ...]) -> None:
    assert "does not accept the password of user app" in said_by(of(cluster, password="x" + SECRET), *arguments)
    assert "has no database nowhere" in said_by(of(cluster, dbname="nowhere"), *arguments)


@pytest.mark.parametrize("arguments", [*COMMANDS, ("serve",), ("worker",)], ids=" ".join)
def test_every_command_says_what_is_wrong_with_the_url(arguments: tuple[str, ...]) -> None:
    assert "has a % that is not part of a valid %XX" in said_by(f"postgresql://app:{SECRET}%zz@db/app", *arguments)
    assert "begins with mysql://" in said_by(f"mysql://app:{SECRET}@db/app", *arguments)
    assert "is empty" in said_by("", *arguments)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_log_of_a_process_says_the_cause(cluster: Cluster, command: str) -> None:
    environment = {**os.environ, "KRONOS_DATABASE_URL": of(cluster, password="x" + SECRET), "KRONOS_PORT": "0"}
    with forked.speaking(command, environment) as (_, lines):
        said = ""
        for line in lines:
            said += line
            if "WARNING kronos.worker" in line or "WARNING kronos.database" in line:
                break
    assert said.count("does not accept the password of user app: correct it in KRONOS_DATABASE_URL") == 2, said
    assert SECRET not in said


async def test_a_request_is_answered_with_the_cause_without_names(cluster: Cluster) -> None:
    async with Pool(of(cluster, dbname="nowhere"), size=1) as pool:
        with pytest.raises(errors.DatabaseUnavailable) as raised:
            await readiness.get(database.InstanceView(pool))
    assert raised.value.detail == "the database that Kronos is configured to use does not exist"


async def test_the_other_driver_says_the_same(cluster: Cluster) -> None:
    """API and workers connect without blocking; psycopg then resolves the host names."""

    async def asked_of(_: psycopg.AsyncConnection) -> None:
        raise AssertionError("no connection can be made")

    for changed, kind in (
        ({"password": "x"}, "password"),
        ({"host": "nosuchhost.invalid"}, "name"),
        ({"port": held_port()}, "refused"),
    ):
        told = session.conninfo(of(cluster, **changed))
        with pytest.raises(errors.Unconnected) as raised:
            await session.open_connection(
                told, session.wanted(None), context=reading.context(), seconds=10, also=asked_of
            )
        assert raised.value.why.kind == kind


def test_what_a_stranger_wrote_is_no_sequence_that_a_terminal_obeys() -> None:
    """libpq quotes the name in a certificate unchanged."""
    said = 'connection failed: server certificate for "a\x1b[2J\u202eb" does not match host name "db"'
    why = unreachable.why(psycopg.OperationalError(said), "host=db user=app")
    assert (why.kind, why.inside.isprintable()) == ("certificate", True)
    assert 'server certificate for "a\\u001b[2J\\u202eb"' in why.inside
