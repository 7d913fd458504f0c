"""The clock that moves by sequences does what the clock that replaces functions does, and needs no new copy."""

from datetime import UTC, datetime, timedelta

import pytest

from lent import Lent
from moved_clock import MovedClock
from sql.test_clock import step_before_open_sessions
from sql_factory import Connection, acting_as, make_cron_job, value

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NOW = "select array[kronos.now() - pg_catalog.now(), kronos.clock() - pg_catalog.clock_timestamp()]"


def test_open_sessions_see_a_step_in_their_next_statement(superuser: Connection, database_url: str) -> None:
    """Without planning it again."""
    step_before_open_sessions(MovedClock(superuser), database_url)


@pytest.mark.parametrize("role", ["kronos_owner", "kronos_api", "kronos_worker", "kronos_cron"])
def test_each_role_reads_it_and_an_index_is_searched_by_it(superuser: Connection, role: str) -> None:
    MovedClock(superuser).set(datetime(2028, 2, 29, tzinfo=UTC))
    with acting_as(superuser, role):
        assert value(superuser, "select kronos.now()::date::text || kronos.clock()::date") == "2028-02-292028-02-29"
    superuser.execute("set enable_seqscan = off")
    due = "explain select from kronos.pointers where next_tick_at <= kronos.now()"
    (condition,) = [line for (line,) in superuser.execute(due) if "Index Cond" in line]
    assert "(next_tick_at <= COALESCE(" in condition


def test_it_stands_until_the_next_step(superuser: Connection) -> None:
    clock, at = MovedClock(superuser), datetime(2031, 7, 8, 9, 10, 11, 121314, tzinfo=UTC)
    clock.step(_HOUR)
    clock.stand(at)
    assert value(superuser, "select array[kronos.now(), kronos.clock()]") == [at, at]
    clock.step(_DAY)
    assert all(abs(ahead - _DAY - _HOUR) < timedelta(minutes=1) for ahead in value(superuser, _NOW))


def test_a_default_of_an_omitted_column_follows_it(superuser: Connection) -> None:
    MovedClock(superuser).set(datetime(2028, 2, 29, tzinfo=UTC))
    job_id = make_cron_job(superuser)
    made = value(superuser, "select created_at::date::text from kronos.jobs where job_id = %s", [job_id])
    assert made == "2028-02-29"


@pytest.mark.parametrize("is_standing", [False, True])
def test_the_next_test_finds_the_machines_clock_in_the_same_database(
    lent: Lent, superuser: Connection, request: pytest.FixtureRequest, is_standing: bool
) -> None:
    url, clock = lent.url, MovedClock(superuser)
    clock.set(datetime(2028, 2, 29, tzinfo=UTC))
    if is_standing:
        clock.stand(datetime(2029, 1, 1, tzinfo=UTC))
    lent.lend(request.path)
    assert lent.url == url
    assert all(abs(ahead) < timedelta(minutes=1) for ahead in value(lent.connection, _NOW))
