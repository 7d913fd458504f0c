"""What --hurried does to a database (tests/hurried.py): time is always up, except where the clock stands."""

from backfill_rows import endpoint_and_job, make_backfill, ticks_of
from hurried import hurry
from moved_clock import MovedClock
from sql_factory import Connection, value, values

# They say until when the functions that they call work, or until when a row holds.
_PASSED_ON = {"evaluate_alerts", "retain", "watch_live"}
_NAMES = "select proname::text from pg_proc where pronamespace = 'kronos'::regnamespace and prosrc ~ %s order by 1"


def test_a_call_does_one_step_and_all_of_them_while_the_clock_stands(superuser: Connection) -> None:
    hurry(superuser)
    backfills = [make_backfill(superuser, endpoint_and_job(superuser)[1], ticks=3) for _ in range(2)]
    assert value(superuser, "select kronos.advance_backfills(1000)") == 3
    assert sorted(len(ticks_of(superuser, each)) for each in backfills) == [0, 3]
    third = make_backfill(superuser, endpoint_and_job(superuser)[1], ticks=3)
    MovedClock(superuser).stop()
    superuser.execute("select kronos.advance_backfills(1000)")
    assert [len(ticks_of(superuser, each)) for each in (*backfills, third)] == [3, 3, 3]


def test_each_function_that_works_until_a_time_is_hurried(superuser: Connection) -> None:
    """However the comparison is written."""
    hurry(superuser)
    hurried = values(superuser, _NAMES, [r"tests\.clock_in_a_hurry"])
    assert len(hurried) > 40
    assert set(values(superuser, _NAMES, [r"\mv_until [^;]*kronos\.clock\(\)"])) <= {*hurried, *_PASSED_ON}
    assert values(superuser, _NAMES, [r"\m[pv]_until (<|>)=? kronos\.clock|kronos\.clock\(\) (<|>)=? [pv]_until"]) == []
