"""Two transactions hold the last executions of a day and want each other's: which one waits, and which one
gives way.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from api.quota_day import Day
from conftest import Api, await_condition
from sql_factory import Connection, value

_ASK = "select kronos.count_executions(%s, 1)"
_SLOW = "-c deadlock_timeout=60s"  # PostgreSQL's own deadlock check would come too late
_GIVES_WAY = "hold the last executions of the workspace's day"


@dataclass(frozen=True, slots=True)
class LastTwo:
    """Two transactions that each hold one of the last two executions of a day; `low` holds the lower shard."""

    it: Day
    low: psycopg.Connection
    high: psycopg.Connection
    threads: ThreadPoolExecutor
    superuser: Connection

    def asks(self, who: psycopg.Connection) -> Future[Any]:
        """Count one more execution. Returns once the call waits for a lock, or is done."""
        asked = self.threads.submit(who.execute, _ASK, [self.it.id])
        self.waits(who, asked, seconds=0)
        return asked

    def waits(self, who: psycopg.Connection, asked: Future[Any], *, seconds: float) -> None:
        """Wait until the call has waited that many seconds for a lock, or is done."""
        waiting = (
            "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
            " and clock_timestamp() - query_start > make_interval(secs => %s)"
        )
        pid = who.info.backend_pid
        await_condition(lambda: asked.done() or value(self.superuser, waiting, [pid, seconds]), "the call to wait")


@contextmanager
def _two(own_api: Api, superuser: Connection) -> Iterator[LastTwo]:
    it = Day(own_api, superuser, 2)
    with (
        psycopg.connect(own_api.database_url, options=_SLOW) as one,
        psycopg.connect(own_api.database_url, options=_SLOW) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        for each in (one, other):
            each.execute(_ASK, [it.id])
        low, high = sorted(
            (one, other), key=lambda each: int(value(each, "select current_setting('kronos.quota_shard')"))
        )
        yield LastTwo(it, low, high, threads, superuser)


@pytest.mark.parametrize("is_in_order", [True, False])
def test_of_two_that_hold_the_last_of_a_day_and_want_the_others_the_one_against_the_order_gives_way(
    own_api: Api, superuser: Connection, is_in_order: bool
) -> None:
    """Whichever waits first, PostgreSQL finds no deadlock."""
    with _two(own_api, superuser) as two:
        order = (two.low, two.high) if is_in_order else (two.high, two.low)
        asked = {each: two.asks(each) for each in order}
        with pytest.raises(psycopg.errors.DeadlockDetected, match=_GIVES_WAY):
            asked[two.high].result(60)
        two.high.rollback()
        asked[two.low].result(60)
        assert value(two.low, "show lock_timeout") == "0"
        two.low.commit()
    assert two.it.used == 2


def test_who_is_waited_for_by_nobody_waits_against_the_order_as_long_as_it_takes(
    own_api: Api, superuser: Connection
) -> None:
    with _two(own_api, superuser) as two:
        asked = two.asks(two.high)
        two.waits(two.high, asked, seconds=1.7)  # three times as long as it would wait for a lock against the order
        assert not asked.done()
        two.low.rollback()
        asked.result(60)
        two.high.commit()
    assert two.it.used == 2


@pytest.mark.parametrize("patience", ["200ms", "700ms"])
def test_an_applications_own_lock_timeout_holds_against_the_order(
    own_api: Api, superuser: Connection, patience: str
) -> None:
    with _two(own_api, superuser) as two:
        two.high.execute(f"set local lock_timeout = '{patience}'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            two.asks(two.high).result(60)
        two.high.rollback()
        two.low.commit()
    assert two.it.used == 1


def test_sessions_that_ask_again_and_again_use_up_the_day_and_find_no_deadlock(
    own_api: Api, superuser: Connection
) -> None:
    """Each transaction counts three executions, one by one. If it has to give way, it starts again, as the message
    says.
    """
    it = Day(own_api, superuser, 60)

    def make(_: int) -> int:
        made = 0
        with psycopg.connect(own_api.database_url, options=_SLOW) as session:
            while True:
                try:
                    for _ in range(3):
                        session.execute(_ASK, [it.id])
                    session.commit()
                    made += 3
                except psycopg.errors.DeadlockDetected as gave_way:
                    if _GIVES_WAY not in str(gave_way):
                        raise
                    session.rollback()
                except psycopg.Error as refusal:
                    if refusal.sqlstate != "KR040":
                        raise
                    session.rollback()
                    return made

    with ThreadPoolExecutor(32) as threads:
        made = sum(threads.map(make, range(32)))
    assert it.used == made
    assert made in range(3, 61, 3)
