"""A real worker process and endpoints that are topics of librdkafka's mock cluster."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from delivery.kafka_mock import IS_MISSING, MISSING, PRODUCE, MockCluster
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, is_idle, status_of
from worker.running import Worker, until

pytestmark = pytest.mark.skipif(IS_MISSING, reason=MISSING)


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster(1) as made:
        made.topic("orders")
        yield made


def _endpoint(connection: psycopg.Connection, cluster: MockCluster, **changes: Any) -> EndpointRow:
    spec = {"bootstrap_servers": cluster.bootstrap, "topic": "orders", **changes.pop("spec", {})}
    return add_endpoint(connection, type="KAFKA", spec=spec, **changes)


async def test_an_execution_becomes_a_record_and_its_place_the_output(
    superuser: psycopg.Connection, start: Callable[..., Worker], cluster: MockCluster
) -> None:
    """An error of the broker costs an attempt; the next one has the same key. SIGTERM ends the worker in order."""
    cluster.refuse(PRODUCE, [19])
    spec = {"key_template": "{{input.id}}", "value_template": {"order": "{{input.id}}"}, "headers": {"team": "a"}}
    (execution_id,) = add_executions(superuser, _endpoint(superuser, cluster, spec=spec), input={"id": 12})
    worker = start()
    await until(lambda: is_idle(superuser), "the end")
    (record,) = cluster.records("orders", 1)
    headers = {name: value.decode() for name, value in record.headers()}
    assert (record.key(), record.value(), headers["team"]) == (b"12", b'{"order":12}', "a")
    assert (headers["Idempotency-Key"], headers["Kronos-Attempt"]) == (str(execution_id), "2")
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == (
        "SUCCESS",
        ["FAILED", "SUCCESS"],
    )
    row = superuser.execute("select output from kronos.execution_done where cause = 'API'").fetchone()
    assert row == ({"topic": "orders", "partition": 0, "offset": 0},)
    worker.tell(signal.SIGTERM)
    assert await worker.ends() == 0
