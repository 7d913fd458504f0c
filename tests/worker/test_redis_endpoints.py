"""A real worker process and endpoints that are streams of real Redis servers."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from delivery.redis_server import BINARY, MISSING, RedisProcess
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, is_idle, status_of
from held_ports import held_port
from worker.running import Worker, until

pytestmark = pytest.mark.skipif(BINARY is None, reason=MISSING)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    made = RedisProcess(tmp_path_factory.mktemp("redis")).start()
    yield made
    made.stop()


def _endpoint(connection: psycopg.Connection, redis: RedisProcess, **changes: Any) -> EndpointRow:
    spec = {"redis_url": redis.url, "stream": "orders", **changes.pop("spec", {})}
    return add_endpoint(connection, type="REDIS_STREAM", spec=spec, **changes)


async def test_an_execution_becomes_an_entry_and_the_entrys_id_its_output(
    superuser: psycopg.Connection, start: Callable[..., Worker], redis: RedisProcess
) -> None:
    fields = {"id": "{{input.id}}", "order": "{{input}}", "text": "no {{input.id}}"}
    endpoint = _endpoint(superuser, redis, spec={"stream": "made", "fields_template": fields})
    plain = _endpoint(superuser, redis, spec={"stream": "plain"})
    (execution_id,) = add_executions(superuser, endpoint, input={"id": 12})
    add_executions(superuser, plain, input={"a": [1]})
    start()
    await until(lambda: is_idle(superuser), "the end")
    ((entry_id, entry),) = redis.entries("made")
    assert entry.pop("traceparent").startswith(f"00-{str(execution_id).replace('-', '')}-")
    scheduled, job_id = entry.pop("Kronos-Scheduled-At"), entry.pop("Kronos-Job-Id")
    assert scheduled.endswith("Z")
    assert job_id
    assert entry == {
        "id": "12",
        "order": '{"id":12}',
        "text": "no 12",
        "Idempotency-Key": str(execution_id),
        "Kronos-Execution-Id": str(execution_id),
        "Kronos-Attempt": "1",
    }
    row = superuser.execute(
        "select output from kronos.execution_done where execution_id = %s", [execution_id]
    ).fetchone()
    assert row == ({"stream": "made", "entry_id": entry_id},)
    assert redis.entries("plain")[0][1]["input"] == '{"a":[1]}'


async def test_a_server_that_comes_back_gets_what_waited_under_the_same_key(
    superuser: psycopg.Connection, start: Callable[..., Worker], tmp_path: Path
) -> None:
    redis = RedisProcess(tmp_path)
    endpoint = _endpoint(superuser, redis, max_attempts=100, retry_policy={"initial_delay_ms": 50, "max_delay_ms": 50})
    (execution_id,) = add_executions(superuser, endpoint)
    worker = start()
    await until(lambda: len(attempts_of(superuser, execution_id)) > 1, "attempts in vain")
    try:
        redis.start()
        await until(lambda: is_idle(superuser), "the end")
        ((_, entry),) = redis.entries()
    finally:
        redis.stop()
    assert (status_of(superuser, execution_id), entry["Idempotency-Key"]) == ("SUCCESS", str(execution_id))
    assert attempts_of(superuser, execution_id)[-1] == "SUCCESS"
    worker.tell(signal.SIGTERM)
    assert await worker.ends() == 0


async def test_a_clusters_redirect_is_refused_clearly_and_not_followed(
    superuser: psycopg.Connection, start: Callable[..., Worker], tmp_path: Path
) -> None:
    """Two nodes that know each other; the first redirects each stream to the second."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    options = ("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--cluster-port")
    here = RedisProcess(tmp_path / "a", *options, str(held_port()))
    there = RedisProcess(tmp_path / "b", *options, str(bus := held_port()))
    try:
        here.start()
        there.start()
        with here.client() as one, there.client() as other:
            other.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            one.execute_command(f"CLUSTER MEET 127.0.0.1 {there.port} {bus}")
            await until(lambda: "'ok'" in str(one.execute_command("CLUSTER INFO")), "the cluster to be ready")
            before = other.info("stats")["total_connections_received"]
            (execution_id,) = add_executions(superuser, _endpoint(superuser, here))
            start()
            await until(lambda: is_idle(superuser), "the end")
            assert other.info("stats")["total_connections_received"] == before
    finally:
        here.stop()
        there.stop()
    error = superuser.execute("select error ->> 'type', error ->> 'message' from kronos.attempt").fetchone()
    assert error is not None
    assert (status_of(superuser, execution_id), error[0]) == ("FAILED", "redirect")
    assert "Redis Cluster" in error[1]


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"fields_template": {"a": "{{input.missing}}"}}, "template"),
        ({"redis_url": "redis://10.0.0.1:6379/0"}, "address_blocked"),
        ({"redis_url": "redis://u:canary@127.0.0.1/0"}, "bad_url"),
        ({"redis_url": "memcached://127.0.0.1/0"}, "bad_url"),
        ({"stream": ""}, "template"),
    ],
)
async def test_what_cannot_be_sent_fails_at_once_and_is_recorded(
    superuser: psycopg.Connection, start: Callable[..., Worker], redis: RedisProcess, spec: dict[str, Any], kind: str
) -> None:
    (execution_id,) = add_executions(superuser, _endpoint(superuser, redis, spec=spec))
    start()
    await until(lambda: is_idle(superuser), "the end")
    row = superuser.execute("select error ->> 'type', error ->> 'message' from kronos.attempt").fetchone()
    assert row is not None
    assert (status_of(superuser, execution_id), row[0]) == ("FAILED", kind), row
    letter = superuser.execute("select execution_id, error_type from kronos.dead_letters").fetchone()
    assert letter == (execution_id, kind)
    assert "canary" not in row[1]
