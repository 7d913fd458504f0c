"""Time zone data is updated under a running system, by really replacing files: no tick is lost, none is invented."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api, await_condition, make_workspace, running_api
from factory import EndpointRow, add_endpoint
from faults.zone_server import ZoneServer, zone_server
from sql_factory import Connection, Params, Record, done, job, live, make_cron_job, records, value, values

# Neither the former nor the present rules have daylight saving time: they differ by an hour on each day of a year.
ZONE, FORMER, PRESENT = "America/Vancouver", "Pacific/Pitcairn", "America/Phoenix"
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(scope="module")
def zoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZoneServer]:
    with zone_server(tmp_path_factory.mktemp("zones")) as server:
        yield server


@pytest.fixture
def su(zoned: ZoneServer) -> Iterator[Connection]:
    """A session that has read the zone's former file."""
    zoned.replace(ZONE, by=FORMER)
    with psycopg.connect(zoned.url, autocommit=True) as connection:
        connection.execute("delete from cron.job")  # only this test reaps and fires
        connection.execute("delete from kronos.zones where timezone = %s", [ZONE])
        connection.execute("select now() at time zone %s", [ZONE])
        yield connection
        connection.execute(
            "update kronos.jobs set status = 'RETIRED' where status in ('ACTIVE', 'PAUSED') and name is null"
        )


def at_local(connection: Connection, at: datetime) -> str:
    """A daily cron text at the zone's local time of an instant."""
    text: str = value(connection, "select to_char(%s at time zone %s, 'FMMI FMHH24 * * *')", [at, ZONE])
    return text


def zone_job(connection: Connection, endpoint: EndpointRow, first: datetime, **columns: Any) -> uuid.UUID:
    """A daily job of the zone whose next tick, by the rules that `connection` has, is `first`."""
    job_id = make_cron_job(connection, endpoint, cron=at_local(connection, first), next_tick_at=first, **columns)
    connection.execute(
        "update kronos.jobs set timezone = %s, schedule = fresh.schedule, alarm = kronos.alarm(cron, fresh.schedule)"
        " from (select kronos.read_schedule(cron, null, null, %s, 'SHIFT', 'FIRST') as schedule"
        "         from kronos.jobs where job_id = %s) as fresh"
        " where job_id = %s",
        [ZONE, ZONE, job_id, job_id],
    )
    return job_id


def reap(zoned: ZoneServer) -> Record:
    """Reap as pg_cron does: in a separate session."""
    with psycopg.connect(zoned.url, autocommit=True) as connection:
        output: Record = value(connection, "select kronos.reap()")
    return output


def fresh(zoned: ZoneServer, query: str, params: Params | None = None) -> list[Record]:
    with psycopg.connect(zoned.url, autocommit=True) as connection:
        return records(connection, query, params)


def offset_of(connection: Connection) -> timedelta:
    offset: timedelta = value(connection, "select now() at time zone %s - now() at time zone 'UTC'", [ZONE])
    return offset


def test_a_session_keeps_the_rules_that_it_has_read_and_the_next_one_has_the_new(
    zoned: ZoneServer, su: Connection
) -> None:
    zoned.replace(ZONE, by=PRESENT)
    assert offset_of(su) == timedelta(hours=-8)
    with psycopg.connect(zoned.url, autocommit=True) as later:
        assert offset_of(later) == timedelta(hours=-7)


def test_pointers_alarms_and_entries_follow_the_new_rules_and_the_ledger_holds(
    zoned: ZoneServer, su: Connection
) -> None:
    """By the new rules each local time is an hour earlier."""
    minute: datetime = value(su, "select date_trunc('minute', now())")
    endpoint = add_endpoint(su)
    since: dict[str, Any] = {"ticks_from": minute - 20 * HOUR}
    ahead = zone_job(su, endpoint, minute + 3 * HOUR, **since)
    passed = zone_job(su, endpoint, minute + HOUR / 2, **since)
    skipping = zone_job(su, endpoint, minute + 3 * HOUR, skip_next=1, **since)
    paused = zone_job(su, endpoint, minute + HOUR / 2, status="PAUSED", status_reason='{"code": "paused"}', **since)
    later = zone_job(su, endpoint, minute + 2 * DAY + 3 * HOUR, starts_at=minute + 2 * DAY, **since)
    ending = zone_job(su, endpoint, minute + 3 * HOUR, ends_at=minute + 2 * HOUR + MINUTE, **since)
    su.execute(
        "update kronos.pointers set next_tick_at = 'infinity' where job_id = %s", [ending]
    )  # by the former rules it has no tick before its end
    ran = zone_job(su, endpoint, minute - 10 * MINUTE, **since)
    skipped = zone_job(su, endpoint, minute - 10 * MINUTE, skip_next=1, **since)
    su.execute("select kronos.account_ticks(%s, %s)", [[ran, skipped], minute - 10 * MINUTE])
    interval = make_cron_job(su, endpoint, next_tick_at=minute + HOUR, **since)
    su.execute(
        "update kronos.jobs set cron = null, every = '2h', anchor = %(at)s, timezone = %(zone)s,"
        " schedule = kronos.read_schedule(null, '2h', %(at)s, %(zone)s, 'SHIFT', 'FIRST'), ticks_from = %(from)s "
        "where job_id = %(job_id)s",
        {"at": minute + HOUR, "zone": ZONE, "from": minute - HOUR / 2, "job_id": interval},
    )
    assert reap(zoned)["failed"] == 0

    zoned.replace(ZONE, by=PRESENT)
    output = reap(zoned)

    assert (output["failed"], output["pointers"]) == (0, 8)
    pointers = {
        ahead: minute + 2 * HOUR,
        passed: minute - HOUR / 2,
        skipping: minute + 2 * HOUR,
        paused: minute - HOUR / 2,
        later: minute + 2 * DAY + 2 * HOUR,
        ending: minute + 2 * HOUR,
        ran: minute - 10 * MINUTE + DAY - HOUR,
        skipped: minute - 10 * MINUTE + DAY - HOUR,
        interval: minute + HOUR,
    }
    assert {job_id: job(su, job_id)["next_tick_at"] for job_id in pointers} == pointers
    assert agrees(zoned) == []

    with psycopg.connect(zoned.url, autocommit=True) as firing:
        firing.execute("select kronos.fire(%s)", [passed])
    (run,) = live(su, passed)
    assert (run["scheduled_at"], run["cause"]) == (minute - HOUR / 2, "CATCH_UP")
    assert [run["scheduled_at"] for run in live(su, ran)] == [minute - 10 * MINUTE]
    assert [(row["status"], row["scheduled_at"]) for row in done(su, skipped)] == [("SKIPPED", minute - 10 * MINUTE)]
    ledger = fresh(
        zoned,
        "select job.job_id, ledger.unaccounted, ledger.surplus from kronos.jobs as job"
        " cross join lateral kronos.check_ledger(job.job_id, now() - interval '1 day', now()) as ledger"
        " where job.timezone = %s and job.status = 'ACTIVE' and (ledger.unaccounted, ledger.surplus) <> (0, 0)",
        [ZONE],
    )
    assert ledger == []
    assert reap(zoned)["pointers"] == 0


def agrees(zoned: ZoneServer) -> list[Record]:
    """Jobs of the zone whose alarm or entry differs from the current rules."""
    return fresh(
        zoned,
        "select job.job_id, job.alarm, entry.schedule from kronos.jobs as job"
        " left join cron.job as entry on entry.jobname = 'kronos:' || job.job_id"
        " where job.timezone = %s and job.status = 'ACTIVE' and job.trigger = 'CRON'"
        "   and (job.alarm is distinct from entry.schedule or job.alarm <> kronos.alarm(job.cron, job.schedule))",
        [ZONE],
    )


def test_what_a_session_with_the_old_rules_writes_afterwards_is_put_right_too(
    zoned: ZoneServer, su: Connection
) -> None:
    reap(zoned)
    minute: datetime = value(su, "select date_trunc('minute', now())")
    zone_job(su, add_endpoint(su), minute + 5 * HOUR)
    reap(zoned)
    zoned.replace(ZONE, by=PRESENT)
    assert reap(zoned)["pointers"] == 1
    stale = zone_job(su, add_endpoint(su), minute + 3 * HOUR)
    assert reap(zoned)["pointers"] == 1
    assert job(su, stale)["next_tick_at"] == minute + 2 * HOUR
    assert agrees(zoned) == []


def test_an_api_goes_on_with_sessions_that_have_the_new_rules(
    zoned: ZoneServer, su: Connection, tmp_path: Path
) -> None:
    with running_api(zoned.url, tmp_path) as api:
        workspace = make_workspace(api.client)
        minute: datetime = value(su, "select date_trunc('minute', now())")
        made = created(api, workspace, at_local(su, minute + 3 * HOUR))
        assert next_run(api.client, workspace, made) == minute + 3 * HOUR
        ran = created(api, workspace, at_local(su, minute - 10 * MINUTE))
        since = minute - 20 * HOUR
        su.execute("update kronos.jobs set ticks_from = %s, created_at = %s where job_id = %s", [since, since, ran])
        su.execute("update kronos.pointers set next_tick_at = %s where job_id = %s", [minute - 10 * MINUTE, ran])
        su.execute("select kronos.account_ticks(array[%s::uuid], %s)", [ran, minute - 10 * MINUTE])
        assert explained(api.client, workspace, ran, minute - 2 * HOUR)["code"] != "zone_rules_changed"
        sessions = "select pid from pg_stat_activity where application_name = 'kronos-api'"
        before = set(values(su, sessions))
        reap(zoned)
        zoned.replace(ZONE, by=PRESENT)
        assert reap(zoned)["pointers"] == 2

        await_condition(lambda: not before & set(values(su, sessions)), "the API's sessions to be renewed", seconds=60)

        shown = api.client.get(f"/v1/workspaces/{workspace}/jobs/{made}").json()
        assert datetime.fromisoformat(shown["next_run_at"]) == minute + 2 * HOUR
        assert next_run(api.client, workspace, made) == minute + 2 * HOUR
        assert shown["pg_cron"]["schedule"] == job(su, uuid.UUID(made))["alarm"]

        before_it = explained(api.client, workspace, ran, minute - 2 * HOUR)
        assert (before_it["decision"], before_it["code"]) == ("NOT_DUE", "zone_rules_changed")
        assert ZONE in before_it["because"]
        to_come = explained(api.client, workspace, made, minute + 2 * HOUR)
        assert (to_come["decision"], datetime.fromisoformat(to_come["tick"])) == ("WILL_RUN", minute + 2 * HOUR)
        assert explained(api.client, workspace, made, minute + 3 * HOUR)["tick"] is None


def explained(client: httpx.Client, workspace: str, job_id: str, at: datetime) -> Record:
    told = client.get(f"/v1/workspaces/{workspace}/jobs/{job_id}/explain", params={"at": at.isoformat()})
    assert told.status_code == 200, told.text
    answer: Record = told.json()
    return answer


def created(api: Api, workspace: str, cron: str) -> str:
    made = api.client.post(
        f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": cron, "timezone": ZONE}
    )
    assert made.status_code == 201, made.text
    job_id: str = made.json()["job_id"]
    return job_id


def next_run(client: httpx.Client, workspace: str, job_id: str) -> datetime:
    runs = client.get(f"/v1/workspaces/{workspace}/jobs/{job_id}/next-runs").json()["next_runs"]
    return datetime.fromisoformat(runs[0]["at"]).astimezone(UTC)
