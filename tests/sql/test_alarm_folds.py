"""A fold is set or removed while a transaction that makes or ends a job waits for its alarm's lock."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from sharing import add, end, reap, share, shared_entries, uncovered
from sql_factory import Connection, await_lock, value

_ALARM, _FOLD = "40 3 * * *", "40 * * * *"
_LOCK = "hashtext('kronos.alarms'), kronos.alarm_lock(kronos.alarm_name(%s))"


@pytest.fixture
def other(superuser: Connection) -> Iterator[Connection]:
    with psycopg.connect(
        superuser.info.dsn, password=superuser.info.password, autocommit=True
    ) as connection:  # the session that makes or ends a job
        yield connection


@contextmanager
def _held(connection: Connection, alarm: str) -> Iterator[None]:
    connection.execute(f"select pg_advisory_lock({_LOCK})".encode(), [alarm])
    try:
        yield
    finally:
        connection.execute(f"select pg_advisory_unlock({_LOCK})".encode(), [alarm])


def _fold(connection: Connection, folded: int) -> None:
    connection.execute("update kronos.alarm_setting set folded = %s, folded_at = now()", [folded])


def test_who_ends_a_job_leaves_the_others_what_rings_for_them_until_the_fold_does(
    superuser: Connection, other: Connection
) -> None:
    """The ending transaction saw the fold, but not that the fold's entry did not exist yet, and used to remove what
    rang for the other jobs.
    """
    share(superuser)
    first, _ = add(superuser, _ALARM), add(superuser, _ALARM)
    with ThreadPoolExecutor(1) as pool:
        with _held(superuser, _ALARM):
            ended = pool.submit(end, other, first)
            await_lock(superuser, other)
            _fold(superuser, 1 << 40)
        assert ended.result(60)
    assert (shared_entries(superuser), uncovered(superuser)) == ([_ALARM], [])
    reap(superuser)
    assert shared_entries(superuser) == ["40 * * * *", "40 */1 * * *"]
    assert value(superuser, "select count(*) from kronos.pg_cron_drift()") == 0


def test_who_makes_a_job_writes_what_rings_for_it_where_the_fold_was_taken_back(
    superuser: Connection, other: Connection
) -> None:
    """The transaction relied on the fold's entry, which the reaper removed while it waited, and used to write none."""
    share(superuser)
    _fold(superuser, 1 << 40)
    reap(superuser)
    with ThreadPoolExecutor(1) as pool:
        with _held(superuser, _FOLD):
            made = pool.submit(add, other, _ALARM)
            await_lock(superuser, other)
            _fold(superuser, 0)
            superuser.execute("select cron.unschedule(jobid) from cron.job where jobname like 'kronos:@%'")
        made.result(60)
    assert (shared_entries(superuser), uncovered(superuser)) == ([_ALARM], [])
    assert value(superuser, "select count(*) from kronos.pg_cron_drift()") == 0
