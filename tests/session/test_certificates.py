"""A PostgreSQL whose certificate has expired, expires soon, is for another host, or is not trusted: the error of a
connection, and the reports of the doctor, in the log and to callers of the API."""

import asyncio
import logging
import os
import re
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chains import Certificate, made, written
from kronos import database, doctor, errors, readiness, session
from kronos.doctor import certified, handshakes
from kronos.doctor.finding import Finding
from kronos.embedded.cluster import Cluster
from kronos.pool import Pool
from looking import looks

HOST = "db.test"
ROOT = made("root", 900)
SOON, BETWEEN = made("between", 3, ROOT), made("between", 900, ROOT)
OTHER = made("other", 900)
# The chain that PostgreSQL sends, its own certificate first; whether a new connection works; the finding and its fix.
CASES: dict[str, tuple[list[Certificate], bool, str, str]] = {
    "all is well": ([made(HOST, 90, BETWEEN, hosts=(HOST,)), BETWEEN], True, "3 of PostgreSQL's", ""),
    "it names no host but itself": ([made(HOST, 90, ROOT, hosts=(HOST,))], True, "2 of PostgreSQL's", ""),
    "it ends in three days": (
        [made("db", 3, ROOT, hosts=(HOST,))], True, "CN=db of {place} expires on {own}", "select pg_reload_conf()"
    ),
    "one between ends in three days": (
        [made("db", 90, SOON, hosts=(HOST,)), SOON], True, "CN=between of {place} expires on {last}", "renew it"
    ),
    "it has ended": (
        [made("db", -2, ROOT, hosts=(HOST,))], False, "CN=db of {place} expired on {own}", "select pg_reload_conf()"
    ),
    "one between has ended": (
        [made("db", 90, made("between", -5, ROOT), hosts=(HOST,)), made("between", -5, ROOT)], False,
        "CN=between of {place} expired on {last}", "renew it",
    ),
    "it has not begun": (
        [made("db", 90, ROOT, hosts=(HOST,), since=9)], False,
        "CN=db of {place}, or its authority's certificate, is not valid yet", "set the clocks",
    ),
    "it is for another host": (
        [made("db", 90, ROOT, hosts=("a.test", "b.test"))], False,
        "CN=db of {place} is for a.test, b.test, not for db.test", "host name in KRONOS_DATABASE_URL",
    ),
    "it has signed itself": (
        [made(HOST, 90, hosts=(HOST,))], False, "CN=db.test of {place} is self-signed", "into {root}"
    ),
    "it is of another authority": (
        [made("db", 90, OTHER, hosts=(HOST,))], False,
        "CN=db of {place} was issued by CN=other, which is not in {root}", "add that authority's certificate there",
    ),
    "the one between is not sent": (
        [made("db", 90, BETWEEN, hosts=(HOST,))], False,
        "CN=db of {place} was issued by CN=between, which is not in {root}", "append it to PostgreSQL's ssl_cert_file",
    ),
}  # fmt: skip


class Shown:
    """A server that speaks TLS, and the certificates that it sends."""

    def __init__(self, cluster: Cluster, root: Path) -> None:
        self._cluster, self.root = cluster, root
        self.url = make_conninfo(
            cluster.superuser_url, host=HOST, hostaddr="127.0.0.1", sslmode="verify-full", sslrootcert=str(root)
        )
        self.place = f"{HOST}:{cluster.port}"

    def show(self, chain: list[Certificate]) -> None:
        """Send these from now on."""
        data, owner = self._cluster.data, (self._cluster.data / "PG_VERSION").stat()
        for name, texts in (("server.crt", [each.pem for each in chain]), ("server.key", [chain[0].key])):
            os.chown(written(data / name, *texts), owner.st_uid, owner.st_gid)
        with psycopg.connect(self._cluster.superuser_url, autocommit=True) as superuser:
            superuser.execute("alter system set ssl = on")
            superuser.execute("select pg_reload_conf()")
        asked = handshakes.TlsServer(address="127.0.0.1", port=self._cluster.port, name="", root=str(self.root))
        wanted = ssl.PEM_cert_to_DER_cert(chain[0].pem)
        for pause in looks(60):
            if (found := handshakes.shown(asked)) is not None and found.chain[0] == wanted:
                return
            time.sleep(pause)
        raise AssertionError("PostgreSQL does not show it")

    def examined(self) -> Finding:
        """The doctor's first finding."""
        return next(iter(doctor.examine(self.url, fix=False, progress=lambda done, all_of_them: None)))


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    home = Path(tempfile.mkdtemp(prefix="kronos-certificates-"))
    home.chmod(0o711)
    cluster = Cluster(home, durable=False)
    try:
        cluster.start()
        yield Shown(cluster, written(home / "root.crt", ROOT.pem))
    finally:
        cluster.destroy()
        shutil.rmtree(home)


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_with_it_is_told_with_what_to_do(shown: Shown, case: str) -> None:
    chain, is_taken, told, remedy = CASES[case]
    shown.show(chain)
    names = {"place": shown.place, "own": chain[0].ends, "last": chain[-1].ends, "root": shown.root}
    found = certified.database(shown.url)
    assert told.format(**names) in found.detail
    assert remedy.format(**names) in (found.fix or "")
    assert found.ok is (told.partition(" of PostgreSQL's")[1] != "")
    if is_taken:
        session.connect(shown.url, session.wanted(None)).close()
        return
    assert "no process can open a new connection to PostgreSQL" in (found.meaning or "")
    with pytest.raises(errors.Unconnected) as raised:
        session.connect(shown.url, session.wanted(None))
    assert raised.value.why.kind == "certificate"
    examined = shown.examined()
    assert (examined.check, examined.ok, examined.severity) == ("database", False, "critical")
    assert told.format(**names) in examined.detail
    assert remedy.format(**names) in (examined.fix or "")


@pytest.mark.parametrize(
    ("case", "inside", "outside"),
    [
        ("it has ended", "it has expired, or sslrootcert .* `kronos doctor` shows which", "cannot be trusted"),
        ("it is for another host", "is for another host: use the certificate's host name", "is for another host"),
    ],
)
async def test_the_log_says_it_once_and_callers_are_told_no_names(
    shown: Shown, caplog: pytest.LogCaptureFixture, case: str, inside: str, outside: str
) -> None:
    """/readyz answers 503 with the same words."""
    shown.show(CASES[case][0])
    caplog.set_level(logging.WARNING, "kronos.database")
    async with Pool(shown.url, size=1, wait_seconds=1) as pool:  # the wait is in vain
        async with asyncio.timeout(60):
            while pool.trouble is None:  # noqa: ASYNC110 - the pool has no event
                await asyncio.sleep(0.01)
        with pytest.raises(errors.DatabaseUnavailable) as raised:
            await readiness.get(database.InstanceView(pool))
    assert raised.value.detail == f"PostgreSQL's TLS certificate {outside}"
    (line,) = [each.getMessage() for each in caplog.records if vars(each).get("event") == "postgresql.away"]
    assert f"certificate of {shown.place}" in line
    assert re.search(inside, line), line


async def test_one_that_only_new_connections_would_meet_is_found_while_the_old_ones_work(shown: Shown) -> None:
    """Existing connections continue. A certificate that was replaced by a wrong one shows only when all processes
    restart."""
    shown.show(CASES["all is well"][0])
    async with await psycopg.AsyncConnection.connect(shown.url, autocommit=True) as connection:
        await asyncio.to_thread(shown.show, CASES["it is of another authority"][0])
        await connection.execute("select 1")
        found = await asyncio.to_thread(certified.database, shown.url)
    assert (found.ok, found.severity, "was issued by" in found.detail) == (False, "critical", True)


def test_the_operating_systems_authorities_are_named_by_a_file(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg's wheels include an OpenSSL that does not know where the operating system keeps its authorities."""
    shown.show(CASES["all is well"][0])
    url = make_conninfo(shown.url, sslrootcert="system")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(errors.Unconnected):
        session.connect(url, session.wanted(None))
    (examined,) = doctor.examine(url, fix=False, progress=lambda done, all_of_them: None)
    assert "knows no authorities for sslrootcert=system" in examined.detail
    assert "set sslrootcert=/etc/ssl/certs/ca-certificates.crt, or set SSL_CERT_FILE" in (examined.fix or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.root))
    session.connect(url, session.wanted(None)).close()
    assert certified.database(url).ok
    assert certified.refusal(url) is None


def test_a_file_with_more_authorities_and_verify_ca_are_gone_by_as_libpq_does(shown: Shown, tmp_path: Path) -> None:
    """verify-ca ignores the host's name. An expired authority in the file that signed nothing raises no alarm."""
    shown.show(CASES["it is for another host"][0])
    bundle = written(tmp_path / "bundle.pem", made("old", -300).pem, ROOT.pem, made("new", 1).pem)
    url = make_conninfo(shown.url, sslmode="verify-ca", sslrootcert=str(bundle))
    session.connect(url, session.wanted(None)).close()
    assert certified.database(url).detail == "2 of PostgreSQL's, valid for at least 14 more days"
    assert certified.refusal(url) is None
    for mode in ("prefer", "disable"):
        assert certified.database(make_conninfo(url, sslmode=mode)).ok
