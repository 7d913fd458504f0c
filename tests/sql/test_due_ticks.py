"""Whatever the schedule, the pointer, the clock and the policy: each tick up to now is accounted for exactly once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import cron_texts, next_tick, read
from depth import depth
from factory import EndpointRow, add_endpoint
from sql_factory import Connection, done, job, live, make_cron_job

GRACE = timedelta(seconds=90)  # kronos.grace()
_SINCE = datetime(2020, 1, 1, tzinfo=UTC)

# Half of the schedules tick more than once an hour, so that there are ticks to account for.
_CRONS = st.one_of(
    cron_texts,
    st.sampled_from(["* * * * *", "*/5 * * * *", "7-59/13 * * * *", "0,59 * * * *", "*/2 */3 * * *", "0 0 $ * *"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job, and how long its ticks were not accounted for."""

    cron: str
    since: datetime
    overdue: timedelta
    policy: str
    window: timedelta
    lifetime: timedelta | None


_CASES = st.builds(
    Case,
    cron=_CRONS,
    since=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC by timezones
    overdue=st.one_of(
        st.timedeltas(timedelta(seconds=-90), timedelta(minutes=5)), st.timedeltas(timedelta(0), timedelta(hours=26))
    ),
    policy=st.sampled_from(["SKIP", "LATEST", "ALL"]),
    window=st.sampled_from(
        [timedelta(0), timedelta(seconds=59), timedelta(minutes=10), timedelta(hours=2), timedelta(days=31)]
    ),
    lifetime=st.one_of(st.none(), st.none(), st.timedeltas(timedelta(minutes=1), timedelta(hours=26))),
)


def ticks_between(cron: str, first: datetime, last: datetime) -> list[datetime]:
    """The ticks from `first` to `last`, both included, found minute by minute."""
    reading = read(cron)
    minutes = (first + n * timedelta(minutes=1) for n in range((last - first) // timedelta(minutes=1) + 1))
    return [minute for minute in minutes if reading.has_minute(minute)]


def delivered_of(case: Case, ticks: list[datetime], now: datetime) -> list[datetime]:
    """The ticks that are delivered under each policy, as docs/ticks.md describes it."""
    on_time = [tick for tick in ticks if now - tick <= GRACE]
    missed = [tick for tick in ticks if now - tick > GRACE]
    within = [tick for tick in missed if now - tick <= case.window]
    if case.policy == "ALL":
        return within + on_time
    if case.policy == "LATEST" and not on_time:
        return [tick for tick in within if tick == missed[-1]]
    return on_time


def accounted_for_exactly_once(connection: Connection, endpoint: EndpointRow, case: Case) -> None:
    pointer = next_tick(case.cron, case.since)
    if pointer is None:
        return
    now = pointer + case.overdue
    ends_at = pointer + case.lifetime if case.lifetime is not None else None
    job_id = make_cron_job(
        connection,
        endpoint,
        cron=case.cron,
        next_tick_at=pointer,
        ends_at=ends_at,
        catch_up_policy=case.policy,
        catch_up_window_seconds=int(case.window.total_seconds()),
    )
    made = 0
    for _ in range(2):  # the second call has nothing left to do
        (count,) = connection.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, now]).fetchone() or (
            0,
        )
        made += count
    ticks = [tick for tick in ticks_between(case.cron, pointer, now) if ends_at is None or tick < ends_at]
    delivered = [execution["scheduled_at"] for execution in live(connection, job_id)]
    assert delivered == delivered_of(case, ticks, now)
    assert made == len(delivered) == job(connection, job_id)["runs"]
    given_up = [tick for tick in ticks if tick not in delivered]
    rows = done(connection, job_id)
    assert [row["tick_count"] for row in rows] == ([len(given_up)] if given_up else [])
    if rows:
        reason = rows[0]["status_reason"]
        assert (rows[0]["status"], rows[0]["scheduled_at"]) == ("MISSED", given_up[0])
        assert [datetime.fromisoformat(reason[end]) for end in ("first", "last")] == [given_up[0], given_up[-1]]
    following = next_tick(case.cron, max(now, pointer - timedelta(microseconds=1)))
    expected = following if following is None or ends_at is None or following < ends_at else None
    if now < pointer:
        expected = pointer  # nothing was due, so the pointer did not move
    assert job(connection, job_id)["next_tick_at"] == expected


@settings(
    deadline=None,
    max_examples=depth(8, deep=30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cases=st.lists(_CASES, min_size=10, max_size=10))
def test_each_tick_up_to_now_is_accounted_for_exactly_once_and_the_pointer_is_the_next(
    superuser: Connection, cases: list[Case]
) -> None:
    with superuser.transaction(force_rollback=True):
        endpoint = add_endpoint(superuser)
        for case in cases:
            accounted_for_exactly_once(superuser, endpoint, case)
