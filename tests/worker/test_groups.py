"""Endpoints that name a group are served by the workers of that group, the others by the workers without a group."""

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest

from delivery.servers import Receiver, answer
from factory import EndpointRow, add_endpoint, add_executions
from sql_factory import records, value, values
from worker.protocol import FULL_LOOK, as_worker, claim, finalize, run
from worker.running import Worker, until


def in_group(superuser: psycopg.Connection, group: str | None, url: str | None = None) -> EndpointRow:
    endpoint = add_endpoint(superuser) if url is None else add_endpoint(superuser, url=url)
    superuser.execute(
        "update kronos.endpoint_gate set worker_group = %s where endpoint_id = %s", [group, endpoint.endpoint_id]
    )
    return endpoint


@pytest.fixture
def served(database_url: str) -> Iterator[psycopg.Connection]:
    """A worker's session that serves the groups gpu and private-net."""
    with as_worker(database_url) as connection:
        connection.execute("select set_config('kronos.worker_groups', 'private-net,gpu', false)")
        yield connection


def looked(worker: psycopg.Connection) -> set[UUID]:
    return {row[0] for row in run(worker, "list_due_endpoints", FULL_LOOK)}


def test_a_worker_finds_and_claims_what_is_of_its_groups_alone(
    superuser: psycopg.Connection, worker: psycopg.Connection, served: psycopg.Connection
) -> None:
    """A worker without a group, like each of the previous release, never gets a delivery of one."""
    default, gpu, private, other = (in_group(superuser, name) for name in (None, "gpu", "private-net", "other"))
    ids = [add_executions(superuser, endpoint)[0] for endpoint in (default, gpu, private, other)]
    assert looked(worker) == {default.endpoint_id}
    assert looked(served) == {gpu.endpoint_id, private.endpoint_id}
    assert claim(worker, default, gpu, private, other)[1] == [ids[0]]
    assert set(claim(served, default, gpu, private, other)[1]) == {ids[1], ids[2]}


def test_default_is_the_name_of_those_that_name_none(superuser: psycopg.Connection, database_url: str) -> None:
    default, gpu = in_group(superuser, None), in_group(superuser, "gpu")
    for endpoint in (default, gpu):
        add_executions(superuser, endpoint)
    with as_worker(database_url) as both:
        both.execute("select set_config('kronos.worker_groups', 'default,gpu', false)")
        assert looked(both) == {default.endpoint_id, gpu.endpoint_id}
        assert len(claim(both, default, gpu)[1]) == 2


def test_a_limited_endpoint_of_a_group_counts_what_is_under_way(
    superuser: psycopg.Connection, served: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=2)
    superuser.execute("update kronos.endpoint_gate set worker_group = 'gpu'")
    add_executions(superuser, endpoint, 3)
    token, ids = claim(served, endpoint)
    assert values(superuser, "select in_flight from kronos.endpoint_gate") == [2]
    finalize(served, token, ids)
    assert values(superuser, "select in_flight from kronos.endpoint_gate") == [0]


def test_leases_of_all_groups_are_ended_by_any_worker(
    superuser: psycopg.Connection, worker: psycopg.Connection, served: psycopg.Connection
) -> None:
    endpoint = in_group(superuser, "gpu")
    add_executions(superuser, endpoint)
    claim(served, endpoint)
    superuser.execute("update kronos.execution_live set visible_at = now() - interval '1 second'")
    assert run(worker, "upkeep", {"limit": 10, "all_leases": True})[0][:2] == (1, 0)


async def test_a_worker_of_a_group_is_seen_while_it_is_there_and_delivers(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        gpu, default = in_group(superuser, "gpu", url=receiver.url), in_group(superuser, None, url=receiver.url)
        (of_gpu,), (of_default,) = (
            add_executions(superuser, endpoint, due_in_seconds=-100) for endpoint in (gpu, default)
        )
        assert served_groups(superuser) == (["gpu"], False, True)
        worker = start(worker_groups="gpu")
        await until(lambda: len(receiver.requests) == 1, "the delivery")
        await until(lambda: values(superuser, "select execution_id from kronos.execution_done") == [of_gpu], "its end")
        assert values(superuser, "select execution_id from kronos.execution_live") == [of_default]
        assert ("of the groups gpu" in worker.log, served_groups(superuser)) == (True, ([], True, False))
        worker.process.kill()
        await until(lambda: served_groups(superuser) == ([], False, True), "the session's end")


def served_groups(superuser: psycopg.Connection) -> tuple[list[str], bool, bool]:
    """The groups for which an execution has waited for a minute without a worker; whether workers serve gpu, and no
    group."""
    (row,) = records(
        superuser,
        "select unserved_groups as waiting, kronos.is_group_served('gpu') as gpu, kronos.is_group_served(null) as none "
        "from kronos.queue_health('1 minute')",
    )
    return row["waiting"], row["gpu"], row["none"]


@pytest.mark.parametrize("wrong", ["default", "Gpu", "-a", "a-", "a b", "", "x" * 64])
def test_no_gate_has_a_group_out_of_its_pattern(superuser: psycopg.Connection, wrong: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="endpoint_gate_group_shape"):
        in_group(superuser, wrong)
    assert value(superuser, "select count(*) from kronos.endpoint_gate where worker_group is not null") == 0
