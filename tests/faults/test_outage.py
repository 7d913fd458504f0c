"""PostgreSQL is down during ticks: each job's policy decides whether missed ticks are recorded or delivered, spread
over all jobs; nothing is doubled."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import await_condition, make_workspace, running_api
from factory import EndpointRow, add_endpoint
from faults.own_server import await_mid_minute, connected, faulty_ledgers, own_server
from faults.scene import Scene
from killing import signalled
from kronos.embedded.cluster import Cluster
from looking import starved
from sql_factory import Connection, Record, acting_as, job, make_cron_job, records, value, values

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=90)  # kronos.grace(): the first tick on time may be the one before pg_cron's first ring
WEEK = 7 * 24 * 3600
POLICIES = ("SKIP", "LATEST", "ALL")
STAGGER = 5 * SECOND
AT_ONCE = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own_server() as made:
        yield made


@pytest.fixture
def superuser(cluster: Cluster) -> Iterator[Connection]:
    with connected(cluster) as connection:
        yield connection


def overdue_job(
    connection: Connection, endpoint: EndpointRow, since: datetime, policy: str, **more: object
) -> uuid.UUID:
    """A registered job that has not been accounted for since before its tick `since`: the state after an outage."""
    columns: dict[str, Any] = {
        "next_tick_at": since,
        "ticks_from": since - SECOND,
        "created_at": since - SECOND,
        "catch_up_policy": policy,
    }
    columns |= {"catch_up_window_seconds": WEEK}
    return make_cron_job(connection, endpoint, is_registered=True, **(columns | more))


def rows_of(connection: Connection, job_id: uuid.UUID) -> list[Record]:
    return records(
        connection,
        "select status, cause, scheduled_at, run_at, tick_count from kronos.executions where job_id = %s order by "
        "scheduled_at",
        [job_id],
    )


def lasting(rows: list[Record]) -> list[Record]:
    """The rows without changes that only time makes: a PENDING one is QUEUED when its time has come."""
    return [row | {"status": "QUEUED"} if row["status"] == "PENDING" else row for row in rows]


def dispositions(rows: list[Record]) -> list[tuple[str, datetime, int]]:
    """(MISSED or the cause of the execution; the first tick; how many ticks)."""
    return [
        (row["status"] if row["status"] == "MISSED" else row["cause"], row["scheduled_at"], row["tick_count"])
        for row in rows
    ]


def ring_all(connection: Connection) -> None:
    """Run every entry's command, as pg_cron does."""
    commands = values(connection, "select command from cron.job where jobname like 'kronos:%' order by jobid")
    with acting_as(connection, "kronos_cron"):
        for command in commands:
            connection.execute(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """The result of pg_cron's first ring after an outage: the rows of each job up to `rung`, the minute that it rang
    for."""

    stopped: datetime
    rung: datetime
    every_minute: dict[str, uuid.UUID]
    hourly: dict[str, uuid.UUID]
    narrow: uuid.UUID  # delivers all missed ticks of the last 5 minutes
    once: list[uuid.UUID]
    delayed: uuid.UUID
    seen: datetime  # when all were accounted for
    starved: timedelta  # in which, until then, a process of this machine waited for a core
    rows: dict[uuid.UUID, list[Record]]


@pytest.fixture(scope="module")
def aftermath(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Jobs with ticks before, during and after an outage of PostgreSQL over the start of a minute. pg_cron itself rings
    afterwards."""
    with (
        running_api(cluster.superuser_url, tmp_path_factory.mktemp("api"), database_wait_seconds=3) as api,
        connected(cluster) as superuser,
    ):
        scene = Scene(client=api.client, workspace=make_workspace(api.client))
        endpoint = add_endpoint(superuser)
        minute = await_mid_minute(superuser)
        delayed = api.client.post(
            scene.jobs,
            json={"endpoint": "sink", "trigger": "DELAYED", "run_at": (minute + MINUTE).astimezone(UTC).isoformat()},
        )
        assert delayed.status_code == 201, delayed.text
        with superuser.transaction():
            every_minute = {
                policy: overdue_job(superuser, endpoint, minute - 9 * MINUTE, policy) for policy in POLICIES
            }
            narrow = overdue_job(superuser, endpoint, minute - 9 * MINUTE, "ALL", catch_up_window_seconds=300)
            hourly = {
                policy: overdue_job(superuser, endpoint, at - 2 * HOUR, policy, cron=f"{at.minute} * * * *")
                for policy, at in zip(POLICIES, (minute - n * MINUTE for n in (20, 21, 22)), strict=True)
            }
            once = [
                overdue_job(superuser, endpoint, at, "LATEST", cron=f"{at.minute} {at.hour} {at.day} {at.month} *")
                for at in (minute.astimezone(UTC) - n * MINUTE for n in (2, 30, 1, 15))
            ]
    before = starved()
    cluster.stop()
    await_condition(
        lambda: datetime.now(UTC) > minute + MINUTE + 3 * SECOND, "a minute to begin without PostgreSQL", seconds=70
    )
    cluster.start()

    jobs = [*every_minute.values(), narrow, *hourly.values(), *once]
    with connected(cluster) as superuser:
        is_behind = (
            "select exists (select from kronos.pointers where job_id = any (%s) and next_tick_at <= clock_timestamp())"
        )
        await_condition(
            lambda: not value(superuser, is_behind, [jobs]), "pg_cron's ring to account for all jobs", seconds=150
        )
        seen = value(superuser, "select clock_timestamp()")
        rung = next(
            row["scheduled_at"] for row in rows_of(superuser, every_minute["SKIP"]) if row["status"] != "MISSED"
        )
        rows = {each: [row for row in rows_of(superuser, each) if row["scheduled_at"] <= rung] for each in jobs}
    return Aftermath(
        stopped=minute,
        rung=rung,
        every_minute=every_minute,
        hourly=hourly,
        narrow=narrow,
        once=once,
        delayed=uuid.UUID(delayed.json()["job_id"]),
        seen=seen,
        starved=timedelta(seconds=starved() - before),
        rows=rows,
    )


def test_ticks_of_the_outage_are_recorded_or_delivered_by_policy(aftermath: Aftermath) -> None:
    first, rung = aftermath.stopped - 9 * MINUTE, aftermath.rung
    assert rung >= aftermath.stopped + MINUTE, (
        "the tick of the outage is 60.0x s old when pg_cron rings: within the grace, on time"
    )
    missed = (rung - first) // MINUTE
    told = {policy: dispositions(aftermath.rows[job_id]) for policy, job_id in aftermath.every_minute.items()}
    assert told["SKIP"] == told["LATEST"] == [("MISSED", first, missed), ("SCHEDULE", rung, 1)]
    assert told["ALL"] == [("CATCH_UP", first + n * MINUTE, 1) for n in range(missed)] + [("SCHEDULE", rung, 1)]


def test_of_hourly_jobs_none_the_latest_or_all_run(aftermath: Aftermath) -> None:
    firsts = dict(zip(POLICIES, (aftermath.stopped - 2 * HOUR - n * MINUTE for n in (20, 21, 22)), strict=True))
    told = {policy: dispositions(aftermath.rows[job_id]) for policy, job_id in aftermath.hourly.items()}
    assert told == {
        "SKIP": [("MISSED", firsts["SKIP"], 3)],
        "LATEST": [("MISSED", firsts["LATEST"], 2), ("CATCH_UP", firsts["LATEST"] + 2 * HOUR, 1)],
        "ALL": [("CATCH_UP", firsts["ALL"] + n * HOUR, 1) for n in range(3)],
    }


def test_what_is_older_than_the_window_is_recorded_and_the_rest_delivered(aftermath: Aftermath) -> None:
    first, rung = aftermath.stopped - 9 * MINUTE, aftermath.rung
    (missed, *delivered) = dispositions(aftermath.rows[aftermath.narrow])
    assert missed[:2] == ("MISSED", first)
    ticks = [first + n * MINUTE for n in range(missed[2], (rung - first) // MINUTE)]
    assert delivered == [("CATCH_UP", tick, 1) for tick in ticks] + [("SCHEDULE", rung, 1)]
    ring = min(row["run_at"] for row in aftermath.rows[aftermath.narrow] if row["cause"] == "CATCH_UP")
    assert timedelta(minutes=4) < ring - ticks[0] <= timedelta(minutes=5) + (len(delivered) + 40) * STAGGER


def test_jobs_that_were_due_once_run_once(aftermath: Aftermath, superuser: Connection) -> None:
    told = {job_id: [told[::2] for told in dispositions(aftermath.rows[job_id])] for job_id in aftermath.once}
    assert told == {job_id: [("CATCH_UP", 1)] for job_id in aftermath.once}
    (delayed,) = rows_of(superuser, aftermath.delayed)
    assert (delayed["status"], delayed["run_at"]) == ("QUEUED", aftermath.stopped + MINUTE)


def test_five_start_at_once_and_the_rest_one_by_one_the_most_overdue_first_over_all_jobs(aftermath: Aftermath) -> None:
    late = [row for rows in aftermath.rows.values() for row in rows if row["cause"] == "CATCH_UP"]
    starts = sorted((row["run_at"], row["scheduled_at"]) for row in late)
    assert len(starts) > 20
    assert [tick for _, tick in starts] == sorted(tick for _, tick in starts)
    ring = starts[0][0]
    assert aftermath.rung < ring < aftermath.rung + GRACE + aftermath.starved
    assert ring < aftermath.seen, "the first starts as it is accounted for"
    assert [run_at - ring for run_at, _ in starts] == [max(0, n - AT_ONCE + 1) * STAGGER for n in range(len(starts))]


def test_a_restart_in_a_loop_repeats_nothing(aftermath: Aftermath, cluster: Cluster) -> None:
    for _ in range(3):
        cluster.restart()
        with connected(cluster) as superuser:
            ring_all(superuser)
            for job_id, before in aftermath.rows.items():
                after = [row for row in rows_of(superuser, job_id) if row["scheduled_at"] <= aftermath.rung]
                assert lasting(after) == lasting(before)
            assert len(rows_of(superuser, aftermath.delayed)) == 1
            assert faulty_ledgers(superuser) == []
            assert (
                values(
                    superuser, "select job_id from kronos.job_details where status = 'ACTIVE' and next_run_at <= now()"
                )
                == []
            )


@contextmanager
def uncommitted_catch_up(cluster: Cluster) -> Iterator[None]:
    """A session that has caught up on everything when its server is killed."""
    with closing(psycopg.connect(cluster.superuser_url)) as connection:
        assert connection.execute("select kronos.catch_up(clock_timestamp())").fetchone() != (0,)
        yield
        with pytest.raises(psycopg.OperationalError):
            connection.execute("commit")


def test_kill_9_of_the_postmaster_in_the_middle_of_a_catch_up_loses_and_repeats_nothing(cluster: Cluster) -> None:
    with connected(cluster) as superuser:
        minute = await_mid_minute(superuser)
        endpoint = add_endpoint(superuser)
        first = minute - 6 * MINUTE
        jobs = {policy: overdue_job(superuser, endpoint, first, policy) for policy in POLICIES}
    with uncommitted_catch_up(cluster):
        assert cluster.pid is not None
        assert signalled(cluster.pid, signal.SIGKILL)
        await_condition(lambda: cluster.pid is None, "the postmaster's end")
        cluster.start()
    with connected(cluster) as superuser:
        now = value(superuser, "select clock_timestamp()")
        ring_all(superuser)
        behind = "select exists (select from kronos.pointers where job_id = any (%s) and next_tick_at <= %s)"
        await_condition(  # pg_cron's own ring may hold a job when this one comes, and then accounts for its ticks
            lambda: not value(superuser, behind, [list(jobs.values()), now]), "all ticks to be accounted for"
        )
        with superuser.transaction():  # a minute may begin and pg_cron ring: read rows and pointers of one moment
            superuser.execute("set transaction isolation level repeatable read")
            told = {policy: dispositions(rows_of(superuser, job_id)) for policy, job_id in jobs.items()}
            pointers = {policy: job(superuser, job_id)["next_tick_at"] for policy, job_id in jobs.items()}
        assert [policy for policy, pointer in pointers.items() if pointer <= now] == []
        ticks = {policy: (pointer - first) // MINUTE for policy, pointer in pointers.items()}
        assert {policy: sum(count for *_, count in each) for policy, each in told.items()} == ticks
        assert [(kind, at) for kind, at, _ in told["SKIP"]][:1] == [("MISSED", first)]
        assert {kind for kind, *_ in told["ALL"]} == {"CATCH_UP", "SCHEDULE"}
        assert faulty_ledgers(superuser, [str(each) for each in jobs.values()]) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_a_schedule_changed_right_after_an_outage_gives_no_tick_of_another_time(
    cluster: Cluster, tmp_path: Path, policy: str
) -> None:
    with connected(cluster) as superuser:
        minute = await_mid_minute(superuser)
        endpoint = add_endpoint(superuser)
        first = minute - 30 * MINUTE
        old = overdue_job(superuser, endpoint, first, policy)
        slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    cluster.restart()
    with running_api(cluster.superuser_url, tmp_path, database_wait_seconds=3) as api, connected(cluster) as superuser:
        scene = Scene(client=api.client, workspace=slug)
        changed = scene.patch(str(old), cron="*/2 * * * *")
        assert changed.status_code == 200, changed.text
        new = uuid.UUID(changed.json()["job_id"])
        ring_all(superuser)
        retired, live = job(superuser, old), job(superuser, new)
        told = dispositions(rows_of(superuser, old))
        assert told[-1][1] + (told[-1][2] - 1) * MINUTE <= retired["ticks_until"]
        assert [
            tick
            for _, tick, _ in dispositions(rows_of(superuser, new))
            if tick <= retired["ticks_until"] or tick.minute % 2
        ] == []
        assert live["ticks_from"] == retired["ticks_until"]
        assert live["next_tick_at"].minute % 2 == 0
        expected = {"SKIP": {"MISSED", "SCHEDULE"}, "LATEST": {"MISSED", "SCHEDULE"}, "ALL": {"CATCH_UP", "SCHEDULE"}}
        assert {kind for kind, *_ in told} == expected[policy]
        assert sum(count for *_, count in told) == (retired["ticks_until"] - first) // MINUTE + 1
        assert faulty_ledgers(superuser, [str(old), str(new)]) == []
