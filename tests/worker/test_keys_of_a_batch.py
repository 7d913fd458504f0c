"""A batch of successes frees its concurrency keys in one call, after locking the gates; for other ends the trigger
does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint, add_executions
from kronos.delivery import template
from sql_factory import await_lock, value, values
from worker.protocol import claim, finalize_params, run

_SETTING = "select coalesce(current_setting('kronos.frees_keys', true), '')"


def _keyed(connection: psycopg.Connection, most: int = 1) -> EndpointRow:
    endpoint = add_endpoint(connection)
    key = "{{input.customer}}"
    connection.execute(
        "update kronos.endpoint_gate set key_template = %s, key_parts = %s, key_max = %s where endpoint_id = %s",
        [key, Jsonb(template.key_parts(key)), most, endpoint.endpoint_id],
    )
    return endpoint


def _add(connection: psycopg.Connection, endpoint: EndpointRow, count: int, customer: str) -> list[UUID]:
    return add_executions(connection, endpoint, count, input={"customer": customer})


def _parked(connection: psycopg.Connection) -> list[UUID]:
    return values(
        connection, "select execution_id from kronos.execution_live where parked_at is not null order by parked_at"
    )


def _succeed(connection: psycopg.Connection, token: UUID, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """Run the statement for limited endpoints; return what it left to the others."""
    return run(connection, "finalize_limited_successes", finalize_params(token, ids, "SUCCESS", False, timedelta()))


def test_a_batch_frees_the_keys_of_all_that_it_ends(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    """Two keyed endpoints, one of which allows two of a key at once, and one that is limited and has no keys."""
    single, double, limited = _keyed(superuser), _keyed(superuser, most=2), add_endpoint(superuser, max_in_flight=9)
    of_a, of_b = _add(superuser, single, 2, "a"), _add(superuser, single, 3, "b")
    of_two = _add(superuser, double, 5, "a")
    others = add_executions(superuser, limited, 2)
    token, ids = claim(worker, single, double, limited, quota=20)
    assert set(ids) == {of_a[0], of_b[0], *of_two[:2], *others}
    assert _succeed(worker, token, ids) == []
    assert set(_parked(superuser)) == {of_b[2], of_two[4]}, "for each key, as many are released as there is room for"
    token, ids = claim(worker, single, double, limited, quota=20)
    assert set(ids) == {of_a[1], of_b[1], *of_two[2:4]}
    assert _succeed(worker, token, ids) == []
    assert _parked(superuser) == []


@pytest.mark.parametrize("has_key", [True, False], ids=["after keys", "after a batch without keys"])
def test_what_else_ends_in_the_transaction_frees_its_key_as_ever(
    superuser: psycopg.Connection, worker: psycopg.Connection, has_key: bool
) -> None:
    """The trigger is off for one statement, and not for the statements after it."""
    endpoint, limited = _keyed(superuser), add_endpoint(superuser, max_in_flight=9)
    of_a, of_b = _add(superuser, endpoint, 2, "a"), _add(superuser, endpoint, 2, "b")
    (other,) = add_executions(superuser, limited, 1)
    token, ids = claim(worker, endpoint, limited, quota=20)
    assert (set(ids), len(_parked(superuser))) == ({of_a[0], of_b[0], other}, 2)
    with worker.transaction():
        assert _succeed(worker, token, [of_a[0] if has_key else other]) == []
        assert value(worker, _SETTING) == ""
        params = finalize_params(token, [of_b[0]], "FAILED", False, timedelta())
        assert run(worker, "finalize_executions", params) == [(of_b[0], "FAILED")]
    assert _parked(superuser) == ([] if has_key else [of_a[1]])


def test_a_batch_that_ends_nothing_frees_nothing(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = _keyed(superuser)
    first, second = _add(superuser, endpoint, 2, "a")
    token, ids = claim(worker, endpoint)
    assert ids == [first]
    wrong = UUID(int=token.int ^ 1)
    assert _succeed(worker, wrong, [first]) == [(first,)]
    assert _parked(superuser) == [second]
    assert value(worker, _SETTING) == ""


def test_what_is_parked_while_a_batch_waits_for_the_gate_is_let_go_by_it(
    superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str
) -> None:
    """A claim holds the gate, sees the key in use and parks the next execution. The batch that frees the key comes
    after it, with an older snapshot. If it did not read the current state, the parked execution would wait for the
    sweep."""
    endpoint = _keyed(superuser)
    first, second = _add(superuser, endpoint, 2, "a")
    superuser.execute(
        "update kronos.execution_live set visible_at = now() + interval '1 hour' where execution_id = %s", [second]
    )
    token, ids = claim(worker, endpoint)
    assert ids == [first]
    superuser.execute("update kronos.execution_live set visible_at = now() where execution_id = %s", [second])
    with psycopg.connect(database_url) as claimer, ThreadPoolExecutor(1) as thread:
        claimer.execute("set role kronos_worker")
        assert claim(claimer, endpoint)[1] == [], "it holds the gate now"
        ending = thread.submit(_succeed, worker, token, [first])
        await_lock(superuser, worker)
        claimer.commit()
        assert ending.result() == []
    assert _parked(superuser) == []
    assert claim(worker, endpoint)[1] == [second]
