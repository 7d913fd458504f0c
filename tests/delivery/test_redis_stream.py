"""Entries of Redis streams, added to a real server that is killed, full, protected, a replica, or a cluster node."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.authority import Authority
from delivery.redis_server import BINARY, MISSING, RedisProcess
from delivery.sending import LOCAL, error_type, response, stored_request, told
from delivery.servers import Names
from depth import depth
from kronos.delivery.destinations import Message, RedisServer, RedisStream, Tls
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.outcome import Outcome
from kronos.delivery.streams import Streams
from served import served
from worker.running import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(BINARY is None, reason=MISSING),
]
FIELDS = (("team", b"sales"), ("Idempotency-Key", b"01938e2a"))
SECONDS = 20.0  # no test waits this long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """One server for all tests of the file; each test starts with an empty one in its original configuration."""
    made = RedisProcess(tmp_path_factory.mktemp("redis")).start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _fresh(server: RedisProcess) -> None:
    with server.client() as client:
        client.flushall()


def to(server: RedisProcess, **changes: Any) -> RedisStream:
    """A stream of the server; options that are not a stream's are the server's."""
    of_stream: Any = {name: changes.pop(name) for name in list(changes) if name in RedisStream.__dataclass_fields__}
    reached = RedisServer(**{"host": "127.0.0.1", "port": server.port, "db": 0, **changes})
    return RedisStream(**{"server": reached, "stream": "orders", "connect_seconds": SECONDS, **of_stream})


async def deliver(
    to: RedisStream,
    *,
    pairs: tuple[tuple[str, bytes], ...] = FIELDS,
    seconds: float = SECONDS,
    policy: EgressPolicy = LOCAL,
) -> Outcome:
    async with Streams(policy) as streams:
        return await streams.deliver(to, Message(pairs=pairs), seconds=seconds)


async def test_an_entry_has_its_fields_and_its_id_is_the_output(server: RedisProcess) -> None:
    outcome = await deliver(to(server))

    ((entry_id, fields),) = server.entries()
    assert fields == {"team": "sales", "Idempotency-Key": "01938e2a"}
    assert (outcome.status, response(outcome)) == ("SUCCESS", {"stream": "orders", "entry_id": entry_id})
    assert stored_request(outcome) == {
        "type": "REDIS_STREAM",
        "url": f"redis://127.0.0.1:{server.port}/0",
        "stream": "orders",
        "fields": ["team", "Idempotency-Key"],
        "body_bytes": 32,
    }


@pytest.mark.parametrize(("is_approximate", "kept"), [(False, 3), (True, 5)])
async def test_max_len_trims_exactly_or_by_whole_nodes(server: RedisProcess, is_approximate: bool, kept: int) -> None:
    async with Streams(LOCAL) as streams:
        for _ in range(5):
            where = to(server, max_len=3, is_approximate=is_approximate)
            await streams.deliver(where, Message(pairs=FIELDS), seconds=SECONDS)
    assert len(server.entries()) == kept


async def test_one_connection_serves_delivery_after_delivery(server: RedisProcess) -> None:
    async with Streams(LOCAL) as streams:
        for _ in range(20):
            assert (await streams.deliver(to(server), Message(pairs=FIELDS), seconds=SECONDS)).status == "SUCCESS"
        with server.client() as client:
            assert client.info("clients")["connected_clients"] == 2  # the test's own and this one
    assert len(server.entries()) == 20


async def test_a_killed_server_is_a_failure_and_one_that_is_back_is_delivered_to(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, "--appendonly", "yes", "--appendfsync", "always").start()
    try:
        async with Streams(LOCAL) as streams:

            async def once() -> Outcome:
                return await streams.deliver(to(server), Message(pairs=FIELDS), seconds=SECONDS)

            assert (await once()).status == "SUCCESS"
            server.kill()
            # Its kept connection was closed: that is noticed before it is used, and nothing was sent.
            assert told(await once()) == ("FAILED", "connect", True)
            server.start()
            assert (await once()).status == "SUCCESS"
        assert len(server.entries()) == 2
    finally:
        server.stop()


async def test_a_full_server_is_tried_again_and_its_connection_is_not_kept(server: RedisProcess) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")
        try:
            assert told(await deliver(to(server))) == ("FAILED", "broker", True)
            outcome = await deliver(to(server))
            assert "maxmemory" in outcome.error["message"]
        finally:
            client.config_set("maxmemory", "0")


async def test_who_may_not_is_refused_for_good_and_nothing_secret_is_said(server: RedisProcess) -> None:
    with server.client() as admin:
        admin.execute_command("ACL SETUSER app on >canary-secret ~allowed +xadd +select +client")
        admin.execute_command("ACL SETUSER default on >canary-default ~* +@all")
        try:
            refused = [
                await deliver(to(server)),  # NOAUTH
                await deliver(to(server), pairs=(*FIELDS, *FIELDS, *FIELDS, *FIELDS)),  # ERR unauthenticated multibulk
                await deliver(to(server, password="canary-wrong")),
                await deliver(to(server, username="app", password="canary-wrong")),
                await deliver(to(server, username="app", password="canary-secret")),  # access to another stream only
            ]
            right = await deliver(to(server, username="app", password="canary-secret", stream="allowed"))
        finally:
            admin.execute_command("ACL SETUSER default on nopass ~* +@all")
            admin.execute_command("ACL DELUSER app")
    assert [told(outcome) for outcome in refused] == [("FAILED", "auth", False)] * 5
    assert right.status == "SUCCESS"
    assert not any("canary" in repr((outcome, to(server, password="canary"))) for outcome in [*refused, right])
    assert [outcome.error["message"].split(" (")[0] for outcome in refused] == [
        "the Redis server requires a password",
        "the Redis server requires a password",
        "the Redis server rejects the user name or the password",
        "the Redis server rejects the user name or the password",
        "the user may not add to this stream",
    ]


async def test_a_key_of_another_kind_is_refused_for_good(server: RedisProcess) -> None:
    with server.client() as client:
        client.set("orders", "text")
    outcome = await deliver(to(server))
    assert (told(outcome), "another" in outcome.error["message"]) == (("FAILED", "broker", False), False)
    assert "a value that is not a stream" in outcome.error["message"]


async def test_a_replica_refuses_and_is_tried_again(server: RedisProcess) -> None:
    with server.client() as client:
        client.execute_command("REPLICAOF 127.0.0.1 1")
        try:
            assert told(await deliver(to(server))) == ("FAILED", "broker", True)
        finally:
            client.execute_command("REPLICAOF NO ONE")


class Scripted:
    """A server that answers each command as the test says, in Redis's protocol."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.received = b""
        self.connections = 0

    async def __aenter__(self) -> "Scripted":
        self._server = await asyncio.start_server(served(self._talk), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answers = list(self._answers)
        try:
            while data := await reader.read(65536):
                self.received += data
                for _ in range(data.count(b"XADD") + data.count(b"CLIENT\r\n") + data.count(b"SELECT")):
                    if b"XADD" not in data:
                        writer.write(b"+OK\r\n")
                    elif (answer := answers.pop(0) if answers else None) is None:
                        return
                    else:
                        writer.write(answer)
        except OSError:
            return
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"-MOVED 1234 10.0.0.9:6379\r\n", ("FAILED", "redirect", False)),
        (b"-ASK 1234 10.0.0.9:6379\r\n", ("FAILED", "redirect", False)),
        (b"-CROSSSLOT Keys don't hash to the same slot\r\n", ("FAILED", "redirect", False)),
        (b"-LOADING Redis is loading the dataset in memory\r\n", ("FAILED", "broker", True)),
        (b"-MASTERDOWN Link with MASTER is down\r\n", ("FAILED", "broker", True)),
        (b"-BUSY Redis is busy running a script\r\n", ("FAILED", "broker", True)),
        (b"-MISCONF Redis is configured to save RDB snapshots\r\n", ("FAILED", "broker", True)),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", ("FAILED", "broker", True)),
        (b"-CLUSTERDOWN Hash slot not served\r\n", ("FAILED", "broker", True)),
        (b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", ("FAILED", "broker", True)),
        (b"-ERR max number of clients reached\r\n", ("FAILED", "broker", True)),
        (b"-ERR unknown command 'XADD'\r\n", ("FAILED", "broker", False)),
        (b"-ERR The stream has exhausted the last possible ID\r\n", ("FAILED", "broker", False)),
        (b"-NEWKIND of an error\r\n", ("FAILED", "broker", True)),
        (b"-DENIED Redis is running in protected mode\r\n", ("FAILED", "auth", False)),
        (None, ("UNKNOWN", "closed_without_answer", True)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ("UNKNOWN", "closed_without_answer", True)),
        (b":1\r\n", ("UNKNOWN", "bad_response", True)),
        (b"+QUEUED\r\n", ("UNKNOWN", "bad_response", True)),
        (b"$2\r\nno\r\n", ("UNKNOWN", "bad_response", True)),
        (b"*3\r\n:1\r\n:2\r\n:3\r\n", ("UNKNOWN", "bad_response", True)),
        (b"$2147483647\r\n", ("UNKNOWN", "closed_without_answer", True)),
        (b"*1\r\n" * 5000, ("UNKNOWN", "closed_without_answer", True)),
        (b"*2000000000\r\n" + b":1\r\n" * 5000, ("UNKNOWN", "closed_without_answer", True)),
        (b"*2000000000\r\n" + b"$3000\r\n%b\r\n" % bytes(3000) * 6, ("UNKNOWN", "closed_without_answer", True)),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_each_answer_is_named_for_what_it_means(answer: bytes | None, expected: tuple[str, str, bool]) -> None:
    async with Scripted(answer) as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")
        outcome = await streams.deliver(where, Message(pairs=FIELDS), seconds=SECONDS)
    assert told(outcome) == expected
    assert server.received.count(b"XADD") == 1, "an entry is sent once per attempt"
    assert "10.0.0.9" not in json.dumps(outcome.error)


async def test_after_hundreds_of_timeouts_no_socket_and_no_task_is_left() -> None:
    async with Scripted(b"") as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")

        async def once() -> str:
            return (await streams.deliver(where, Message(pairs=FIELDS), seconds=0.05)).status

        await once()
        before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
        for _ in range(depth(4, deep=10)):
            statuses = await asyncio.gather(*(once() for _ in range(100)))
            assert set(statuses) <= {"UNKNOWN", "TIMED_OUT"}
        await until(
            lambda: (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())) <= before, "everything to be closed"
        )


async def test_after_hundreds_of_aborts_no_socket_and_no_task_is_left_and_each_says_what_is_known() -> None:
    async with Scripted(b"") as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")

        async def once(*, is_begun: bool) -> tuple[str, str | None]:
            ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            sending = streams.send(where, Message(pairs=FIELDS), seconds=SECONDS, on_end=ended.set_result)
            assert sending is not None
            if is_begun:
                await until(lambda: b"XADD" in server.received, "an entry")
            sending.stop("cancelled")
            outcome = await ended
            return outcome.status, error_type(outcome)

        assert await once(is_begun=True) == ("UNKNOWN", "cancelled")
        before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
        for _ in range(depth(4, deep=10)):
            ends = await asyncio.gather(*(once(is_begun=nth % 2 == 0) for nth in range(100)))
            assert set(ends) <= {("UNKNOWN", "cancelled"), ("FAILED", "cancelled")}
        await until(
            lambda: (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())) <= before, "everything to be closed"
        )


async def test_the_workers_end_is_an_outcome_and_leaves_nothing_open() -> None:
    ended: list[Outcome] = []
    async with Scripted(b"") as server, Streams(LOCAL) as streams:
        where = RedisStream(server=RedisServer(host="127.0.0.1", port=server.port, db=0), stream="s")
        streams.send(where, Message(pairs=FIELDS), seconds=SECONDS, on_end=ended.append)
        await until(lambda: b"XADD" in server.received, "the entry")
        streams.cut_off()
        streams.send(where, Message(pairs=FIELDS), seconds=SECONDS, on_end=ended.append)
        await until(lambda: len(ended) == 2, "both outcomes")
    sent, unsent = sorted(ended, key=lambda outcome: outcome.is_unsent)
    assert (told(sent), sent.is_cut_off, sent.is_unsent) == (("UNKNOWN", "worker_stopped", True), True, False)
    assert (unsent.is_cut_off, unsent.is_unsent) == (True, True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("redis-tls"), "brokers")


async def test_tls_is_agreed_with_the_endpoints_authority_and_certificate_alone(
    authority: Authority, tmp_path: Path
) -> None:
    authority.server("IP:127.0.0.1")
    stem = authority.folder / "IP-127.0.0.1"
    certificate, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
    server = RedisProcess(
        tmp_path,
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority.file)),
        *("--tls-auth-clients", "yes"),
        tls=True,
    ).start()
    ca, own = authority.file.read_text(), {
        "client_certificate": certificate.read_text(),
        "client_key": key.read_text(),
    }  # fmt: skip
    try:
        shown = await deliver(to(server, tls=Tls(ca_certificate=ca, **own)))
        untrusted = await deliver(to(server, tls=Tls()))
        anonymous = await deliver(to(server, tls=Tls(ca_certificate=ca)))
        broken = await deliver(to(server, tls=Tls(ca_certificate="no certificate")))
        other = await deliver(to(server, tls=Tls(ca_certificate=ca, **own | {"client_key": "canary"})))
    finally:
        server.stop()
    assert shown.status == "SUCCESS"
    assert told(untrusted) == ("FAILED", "tls", True)
    assert anonymous.status == "FAILED"
    assert [told(broken), told(other)] == [("FAILED", "tls", False)] * 2
    assert "canary" not in repr(other)


async def test_every_address_of_a_name_passes_the_guard(server: RedisProcess) -> None:
    only_2 = EgressPolicy.parse("127.0.0.2")
    names = Names({"redis.test": ["127.0.0.2", "127.0.0.1"]})
    async with Streams(only_2, resolver=names) as streams:
        outcome = await streams.deliver(to(server, host="redis.test"), Message(pairs=FIELDS), seconds=SECONDS)
    assert (told(outcome), server.entries()) == (("FAILED", "address_blocked", False), [])
