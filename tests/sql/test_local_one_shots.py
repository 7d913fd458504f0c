"""A one-shot at a local time keeps that time when its zone's rules change: run_at and the execution are
computed again.
"""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from factory import EndpointRow, add_endpoint
from sql_factory import Connection, acting_as, job, live, records, value, values

HOUR = timedelta(hours=1)
LOCAL = datetime(2090, 7, 1, 9)  # noqa: DTZ001 - a local time
RIGHT = datetime(2090, 7, 1, 7, tzinfo=UTC)  # in Berlin
_MAKE = """
with job as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at, run_at_local,
        timezone, dst_gap)
    select job_id, job_id, %(workspace_id)s, %(endpoint_id)s, 'DELAYED', %(run_at)s, %(local)s, %(zone)s, %(dst_gap)s
      from (select gen_random_uuid() as job_id) as made
    returning job_id
)
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at,
                                   visible_at, max_attempts, max_crashes, timeout_ms, input)
select kronos.uuid7(), %(workspace_id)s, job_id, %(endpoint_id)s, 1, 'API', %(run_at)s, %(run_at)s, %(run_at)s,
       5, 3, 5000, '{}'
  from job
returning job_id
"""
_REASK = "select moved, is_complete from kronos.reask_local_one_shots(%s)"


def one_shot(
    connection: Connection,
    endpoint: EndpointRow,
    *,
    local: datetime | None = LOCAL,
    zone: str | None = "Europe/Berlin",
    run_at: datetime = RIGHT + HOUR,
    dst_gap: str = "SHIFT",
) -> uuid.UUID:
    """A one-shot that was created under other rules of the zone: an hour off from what is right now, unless `run_at` is
    given.
    """
    made: uuid.UUID = value(
        connection,
        _MAKE,
        {
            "workspace_id": endpoint.workspace_id,
            "endpoint_id": endpoint.endpoint_id,
            "run_at": run_at,
            "local": local,
            "zone": zone,
            "dst_gap": dst_gap,
        },
    )
    return made


def times(connection: Connection, job_id: uuid.UUID) -> set[datetime]:
    """The job's run_at and its execution's times; a single one if they agree."""
    (execution,) = live(connection, job_id)
    return {job(connection, job_id)["run_at"], execution["scheduled_at"], execution["run_at"], execution["visible_at"]}


def test_it_is_moved_to_where_its_local_time_is_now(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    earlier, later = one_shot(superuser, endpoint), one_shot(superuser, endpoint, run_at=RIGHT - HOUR)
    right = one_shot(superuser, endpoint, run_at=RIGHT)
    elsewhere = one_shot(superuser, endpoint, zone="Asia/Kolkata", run_at=RIGHT)
    instant = one_shot(superuser, endpoint, local=None, zone=None, run_at=RIGHT + HOUR)
    untouched = [
        value(superuser, "select xmin from kronos.jobs where job_id = %s", [each])
        for each in (right, elsewhere, instant)
    ]

    assert records(superuser, _REASK, ["Europe/Berlin"]) == [{"moved": 2, "is_complete": True}]

    assert [times(superuser, each) for each in (earlier, later, right)] == [{RIGHT}] * 3
    assert (times(superuser, elsewhere), times(superuser, instant)) == ({RIGHT}, {RIGHT + HOUR})
    assert [
        value(superuser, "select xmin from kronos.jobs where job_id = %s", [each])
        for each in (right, elsewhere, instant)
    ] == untouched
    assert records(superuser, _REASK, ["Europe/Berlin"]) == [{"moved": 0, "is_complete": True}]


def test_one_that_falls_into_a_new_gap_goes_by_its_policy(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    local = datetime(2027, 3, 28, 2, 30)  # noqa: DTZ001 - a local time that is not there
    made = {
        dst_gap: one_shot(superuser, endpoint, local=local, dst_gap=dst_gap)
        for dst_gap in ("SHIFT", "SHIFT_BY_GAP", "SKIP")
    }

    superuser.execute(_REASK, ["Europe/Berlin"])

    gap = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert {dst_gap: times(superuser, job_id) for dst_gap, job_id in made.items()} == {
        "SHIFT": {gap},
        "SHIFT_BY_GAP": {gap + HOUR / 2},
        "SKIP": {gap},  # SKIP is not offered for one-shots; a one-shot is not lost
    }


@pytest.mark.parametrize(
    "change",
    [
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(), "
        "attempt_count = 1"
        " where job_id = %s",
        "update kronos.execution_live set attempt_count = 1,"
        " visible_at = now() + interval '1 minute' where job_id = %s",
        "update kronos.execution_live set visible_at = now() where job_id = %s",  # retried by hand
        "update kronos.jobs set status = 'RETIRED' where job_id = %s",
    ],
)
def test_one_that_has_begun_or_is_over_stays_as_it_is(superuser: Connection, change: str) -> None:
    job_id = one_shot(superuser, add_endpoint(superuser))
    superuser.execute(change.encode(), [job_id])
    before = live(superuser, job_id), job(superuser, job_id)

    assert records(superuser, _REASK, ["Europe/Berlin"]) == [{"moved": 0, "is_complete": True}]

    assert (live(superuser, job_id), job(superuser, job_id)) == before


def test_the_reapers_reading_of_a_zone_asks_again_for_its_one_shots(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    superuser.execute("update kronos.zones set read_at = now()")
    moved, held = one_shot(superuser, endpoint), one_shot(superuser, endpoint, zone="Asia/Kathmandu", run_at=RIGHT)

    assert value(superuser, "select zones from kronos.refresh_zones()") >= 2  # although no CRON job uses them

    assert times(superuser, moved) == {RIGHT}
    assert times(superuser, held) == {datetime(2090, 7, 1, 3, 15, tzinfo=UTC)}
    superuser.execute("update kronos.zones set read_at = now() - interval '2 days'")
    superuser.execute("update kronos.jobs set run_at = run_at + interval '1 hour' where job_id = %s", [moved])
    superuser.execute(
        "update kronos.execution_live set visible_at = visible_at + interval '1 hour' where job_id = %s", [moved]
    )
    superuser.execute("select kronos.refresh_zones()")
    assert times(superuser, moved) == {RIGHT}


def test_an_instant_that_has_passed_is_due_at_once_and_workers_are_notified(
    superuser: Connection, database_url: str
) -> None:
    yesterday = value(superuser, "select (now() - interval '1 day') at time zone 'Europe/Berlin'")
    job_id = one_shot(superuser, add_endpoint(superuser), local=yesterday)
    with psycopg.connect(database_url, autocommit=True) as worker:
        worker.execute("listen kronos_work")

        superuser.execute(_REASK, ["Europe/Berlin"])

        assert [notice.channel for notice in worker.notifies(timeout=60, stop_after=1)] == ["kronos_work"]
    assert value(superuser, "select visible_at < now() from kronos.execution_live where job_id = %s", [job_id])


def test_what_is_held_is_left_for_the_next_call(superuser: Connection, other: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = [one_shot(superuser, endpoint) for _ in range(5)]
    other.execute("select from kronos.execution_live where job_id = %s for update", [made[0]])

    held = records(superuser, _REASK, ["Europe/Berlin"])
    other.rollback()
    last = records(superuser, _REASK, ["Europe/Berlin"])

    assert held == [{"moved": 4, "is_complete": False}]
    assert last == [{"moved": 1, "is_complete": True}]
    assert [times(superuser, each) for each in made] == [{RIGHT}] * 5


def test_however_many_are_held_they_are_left(superuser: Connection, other: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = [one_shot(superuser, endpoint) for _ in range(4)]
    other.execute("select from kronos.execution_live where job_id = any (%s) for update", [made[:3]])
    assert records(superuser, _REASK, ["Europe/Berlin"]) == [{"moved": 1, "is_complete": False}]
    other.rollback()
    assert records(superuser, _REASK, ["Europe/Berlin"]) == [{"moved": 3, "is_complete": True}]


def test_one_that_is_held_for_long_keeps_no_other_from_its_turn(superuser: Connection, other: Connection) -> None:
    made = sorted(one_shot(superuser, add_endpoint(superuser)) for _ in range(6))
    superuser.execute(
        "insert into kronos.zones (timezone, offsets, gaps, gap_seconds) values ('Europe/Berlin', '{}', '{}', '{}')"
    )
    other.execute("select from kronos.execution_live where job_id = %s for update", [made[0]])
    for _ in range(len(made)):
        superuser.execute("select kronos.reask_local_one_shots('Europe/Berlin', 'infinity', 2)")
    assert [times(superuser, each) for each in made[1:]] == [{RIGHT}] * 5
    assert value(superuser, "select one_shots_from from kronos.zones where timezone = 'Europe/Berlin'") == made[0]


def test_what_the_clock_leaves_no_time_for_is_left_for_the_next_call(superuser: Connection) -> None:
    """Each call without time moves at most the next one of the 8 to run, and one more."""
    endpoint = add_endpoint(superuser)
    made = [one_shot(superuser, endpoint, local=LOCAL + n * HOUR, run_at=RIGHT + n * HOUR + HOUR) for n in range(8)]
    superuser.execute(
        "insert into kronos.zones (timezone, offsets, gaps, gap_seconds) values ('Europe/Berlin', '{}', '{}', '{}')"
    )
    late = "select moved, is_complete from kronos.reask_local_one_shots('Europe/Berlin', now(), 1)"

    (first,) = records(superuser, late)
    assert first["moved"] <= 2
    assert not first["is_complete"]
    assert times(superuser, made[0]) == {RIGHT}, "the next one to run"
    calls = [first, *(records(superuser, late)[0] for _ in range(7))]

    assert [call["moved"] <= 2 for call in calls] == [True] * 8
    assert [call["is_complete"] for call in calls] == [False] * 7 + [True]
    assert [times(superuser, each) for each in made] == [{RIGHT + n * HOUR} for n in range(8)]
    assert value(superuser, "select one_shots_from from kronos.zones where timezone = 'Europe/Berlin'") is None


def test_a_zone_s_one_shots_are_found_by_index(superuser: Connection, database_url: str) -> None:
    query = (
        "explain select from kronos.jobs where timezone = 'Europe/Berlin' and run_at_local is not null and status "
        "= 'ACTIVE'"
    )
    with psycopg.connect(make_conninfo(database_url, options="-c enable_seqscan=off")) as connection:
        assert "jobs_local_one_shots" in " ".join(values(connection, query))


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker", "kronos_cron"])
def test_nobody_but_the_owner_may(superuser: Connection, role: str) -> None:
    with acting_as(superuser, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        superuser.execute(_REASK, ["Europe/Berlin"])


@pytest.mark.parametrize(
    "columns",
    [
        {"trigger": "DELAYED", "run_at": RIGHT, "run_at_local": LOCAL},  # without a zone
        {"trigger": "DELAYED", "run_at": RIGHT, "timezone": "Europe/Berlin"},  # a zone without a local time
        {"trigger": "DELAYED", "run_at_local": LOCAL, "timezone": "Europe/Berlin"},  # without its instant
        {"trigger": "IMMEDIATE", "run_at_local": LOCAL, "timezone": "Europe/Berlin"},
    ],
)
def test_half_of_a_local_time_cannot_be_stored(superuser: Connection, columns: dict[str, object]) -> None:
    endpoint = add_endpoint(superuser)
    names = ", ".join(columns)
    holes = ", ".join(f"%({name})s" for name in columns)
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(
            f"""
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, {names})
            select job_id, job_id, %(workspace_id)s, %(endpoint_id)s, {holes}
                   from (select gen_random_uuid() as job_id) as made
            """.encode(),
            columns | {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id},
        )
