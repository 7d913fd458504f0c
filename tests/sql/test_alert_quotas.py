"""Heartbeats and alert rules with one name that an apply, which makes many, and a route, which makes one, want at the
same time: which of them waits, with and without a quota.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from alert_rows import add_rule
from beat_rows import make_beat
from factory import EndpointRow, add_endpoint
from sql_factory import Connection, await_lock, value, values

Make = Callable[[Connection, EndpointRow, str], object]


def _beat(connection: Connection, endpoint: EndpointRow, name: str) -> object:
    return make_beat(connection, endpoint.workspace_id, name=name, period_seconds=60)


def _rule(connection: Connection, endpoint: EndpointRow, name: str) -> object:
    return add_rule(connection, endpoint, name=name)


@contextmanager
def _another(superuser: Connection) -> Iterator[Connection]:
    """A session in which PostgreSQL's deadlock check comes too late: no session may be in a deadlock."""
    with psycopg.connect(
        superuser.info.dsn, password=superuser.info.password, options="-c deadlock_timeout=60s -c lock_timeout=30s"
    ) as connection:
        connection.execute("select")  # begins a transaction, which the test ends
        yield connection


@pytest.mark.parametrize("make", [_beat, _rule])
def test_who_waits_for_an_apply_has_no_name_that_it_wants(superuser: Connection, make: Make) -> None:
    """A single one whose name the apply makes later: it waits, and then finds the name taken. This used to be a
    deadlock.
    """
    endpoint = add_endpoint(superuser)
    _beat(superuser, add_endpoint(superuser), "there")
    superuser.execute(
        "update kronos.workspaces set max_heartbeats = 9, max_alert_rules = 9 where workspace_id = %s",
        [endpoint.workspace_id],
    )
    _both_want_second(superuser, endpoint, make, waits_for="advisory")


def test_so_it_is_of_the_first_heartbeats_that_there_are(superuser: Connection) -> None:
    """Each of them opens the door before it has a name."""
    _both_want_second(superuser, add_endpoint(superuser), _beat, waits_for="transactionid")


@pytest.mark.parametrize("make", [_beat, _rule])
def test_without_a_quota_nobody_takes_turns(superuser: Connection, make: Make) -> None:
    endpoint = add_endpoint(superuser)
    _beat(superuser, endpoint, "there")
    with _another(superuser) as one, _another(superuser) as other:
        make(one, endpoint, "first")
        make(other, endpoint, "second")
        held = "select count(*) from pg_locks where locktype = 'advisory' and pid = any (%s)"
        assert value(superuser, held, [[one.info.backend_pid, other.info.backend_pid]]) == 0


def test_a_heartbeat_that_another_made_meanwhile_is_changed(superuser: Connection) -> None:
    """As by a PUT that came a moment later. No caller is told to repeat the call."""
    endpoint = add_endpoint(superuser)
    _beat(superuser, endpoint, "there")
    beat = {"name": "new", "tags": ["late"], "period_seconds": 60, "grace_seconds": 5, "max_run_seconds": 5}
    zone = {"timezone": "UTC", "dst_gap": "SHIFT", "dst_overlap": "FIRST", "description": "x"}
    terms = json.dumps(beat | zone)

    def put(connection: Connection) -> object:
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        outcome = value(
            connection,
            "select outcome from kronos.put_beat(%s, sha256('late'), false, false, null, '{}')",
            [terms],
        )
        connection.commit()
        return outcome

    with _another(superuser) as making, _another(superuser) as other, ThreadPoolExecutor(1) as threads:
        _beat(making, endpoint, "new")
        waiting = threads.submit(put, other)
        await_lock(superuser, other)
        making.commit()
        assert waiting.result() == "CHANGED"
    assert values(superuser, "select tags from kronos.beats where name = 'new'") == [["late"]]


def _both_want_second(superuser: Connection, endpoint: EndpointRow, make: Make, *, waits_for: str) -> None:
    with _another(superuser) as applying, _another(superuser) as other, ThreadPoolExecutor(1) as threads:
        make(applying, endpoint, "first")
        waiting = threads.submit(make, other, endpoint, "second")
        await_lock(superuser, other, kind=waits_for)
        make(applying, endpoint, "second")
        applying.commit()
        with pytest.raises((AssertionError, psycopg.errors.UniqueViolation)):
            waiting.result()
        other.rollback()
    made = f"select count(*) from kronos.{'beats' if make is _beat else 'alert_rules'} where workspace_id = %s"
    assert value(superuser, made, [endpoint.workspace_id]) == 2
