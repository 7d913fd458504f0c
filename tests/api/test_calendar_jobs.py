"""Jobs that tick on a zone's wall clock, over HTTP: created, shown, changed to and from other schedules, previewed,
explained.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from api_answers import counts, problem_of
from conftest import Api
from kronos.__main__ import main
from sql_factory import records, value

BIWEEKLY = {
    "endpoint": "sink",
    "trigger": "CRON",
    "every": "2w",
    "anchor": "2026-03-16T09:00:00",
    "timezone": "Europe/Berlin",
}
REAL = {"endpoint": "sink", "trigger": "CRON", "every": "2w", "anchor": "2026-03-16T08:00:00Z"}
WEEKLY = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1", "timezone": "Europe/Berlin"}


def made(api: httpx.Client, workspace: str, body: dict[str, Any]) -> dict[str, Any]:
    response = api.post(f"/v1/workspaces/{workspace}/jobs", json=body)
    assert response.status_code == 201, response.text
    job: dict[str, Any] = response.json()
    return job


def terms(job: dict[str, Any]) -> tuple[Any, ...]:
    return job["cron"], job["every"], job["anchor"], job["anchor_local"]


def test_every_other_monday_at_nine_is_nine_after_the_clocks_change(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = made(api, workspace, BIWEEKLY | {"starts_at": "2098-10-01T00:00:00Z"})

    assert terms(job) == (None, "2w", "2026-03-16T08:00:00Z", "2026-03-16T09:00:00")
    assert job["description"] == "Every 2 weeks on Monday at 09:00, counted from 2026-03-16"
    assert job["pg_cron"]["schedule"] == "0 7,8 * * 1"
    one = f"/v1/workspaces/{workspace}/jobs/{job['job_id']}"
    assert api.get(one).json() == job
    assert api.get(f"{one}/versions").json()["data"] == [job]
    assert job in api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]
    runs = api.get(f"{one}/next-runs?count=4").json()["next_runs"]
    assert [run["local"][10:] for run in runs] == ["T09:00:00+02:00"] * 2 + ["T09:00:00+01:00"] * 2
    instants = [datetime.fromisoformat(run["at"]) for run in runs]
    assert {at.astimezone(ZoneInfo("Europe/Berlin")).weekday() for at in instants} == {0}
    assert [later - at for at, later in pairwise(instants)].count(timedelta(days=14)) == 2  # and one with an hour more
    assert runs[0]["at"] == job["next_run_at"]
    stored = (
        "select (schedule).every_days, (schedule).every_seconds, anchor, anchor_local from kronos.jobs where "
        "job_id = %s"
    )
    (row,) = shared_superuser.execute(stored, [job["job_id"]]).fetchall()
    assert row == (14, None, None, datetime(2026, 3, 16, 9))  # noqa: DTZ001 - a local time


def test_with_an_offset_it_counts_real_time_as_before(api: httpx.Client, workspace: str) -> None:
    job = made(api, workspace, REAL | {"timezone": "Europe/Berlin"})

    assert terms(job) == (None, "2w", "2026-03-16T08:00:00Z", None)
    assert job["description"] == "Every 14 days, counted from 2026-03-16 08:00 UTC"
    without = made(api, workspace, {name: value for name, value in REAL.items() if name != "anchor"})
    assert (without["anchor_local"], without["anchor"][16:]) == (None, ":00Z")


def test_months_without_an_anchor_are_counted_from_the_present_minute_of_the_zone(
    api: httpx.Client, workspace: str
) -> None:
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    job = made(api, workspace, {"endpoint": "sink", "trigger": "CRON", "every": "1mo", "timezone": "Asia/Kolkata"})

    anchor = datetime.fromisoformat(job["anchor_local"]).replace(tzinfo=ZoneInfo("Asia/Kolkata"))
    assert before <= anchor <= datetime.now(UTC)
    assert datetime.fromisoformat(job["anchor"]) == anchor


@pytest.mark.parametrize(
    ("first", "changes", "expected"),
    [
        (
            WEEKLY,
            {"every": "2w", "anchor": "2026-03-16T09:00:00"},
            (None, "2w", "2026-03-16T08:00:00Z", "2026-03-16T09:00:00"),
        ),
        (WEEKLY, {"every": "2w", "anchor": "2026-03-16T08:00:00Z"}, (None, "2w", "2026-03-16T08:00:00Z", None)),
        (REAL, {"cron": "0 9 * * 1"}, ("0 9 * * 1", None, None, None)),
        (REAL, {"anchor": "2026-03-16T09:00:00"}, (None, "2w", "2026-03-16T09:00:00Z", "2026-03-16T09:00:00")),
        (
            REAL,
            {"every": "1mo", "anchor": "2026-03-16T09:00:00"},
            (None, "1mo", "2026-03-16T09:00:00Z", "2026-03-16T09:00:00"),
        ),
        (REAL, {"every": "36h"}, (None, "36h", "2026-03-16T08:00:00Z", None)),
        (BIWEEKLY, {"cron": "0 9 * * 1"}, ("0 9 * * 1", None, None, None)),
        (BIWEEKLY, {"every": "1mo"}, (None, "1mo", "2026-03-16T08:00:00Z", "2026-03-16T09:00:00")),
        (BIWEEKLY, {"anchor": "2026-03-16T08:00:00Z"}, (None, "2w", "2026-03-16T08:00:00Z", None)),
        (BIWEEKLY, {"every": "36h", "anchor": "2026-03-16T08:00:00Z"}, (None, "36h", "2026-03-16T08:00:00Z", None)),
        (BIWEEKLY, {"timezone": "Asia/Kolkata"}, (None, "2w", "2026-03-16T03:30:00Z", "2026-03-16T09:00:00")),
        (BIWEEKLY, {"input": {"a": 1}}, (None, "2w", "2026-03-16T08:00:00Z", "2026-03-16T09:00:00")),
    ],
)
def test_a_patch_goes_from_one_kind_to_another(
    api: httpx.Client, workspace: str, first: dict[str, Any], changes: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    job = made(api, workspace, first)

    answer = api.patch(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}", json=changes)

    assert answer.status_code == 200, answer.text
    assert (terms(answer.json()), answer.json()["version"]) == (expected, 2)
    zone = changes.get("timezone", first.get("timezone", "UTC"))
    asked = {
        "cron": expected[0],
        "every": expected[1],
        "anchor": expected[3] or expected[2],
        "timezone": zone,
        "count": 1,
    }
    preview = api.post(
        "/v1/schedules/preview", json={name: given for name, given in asked.items() if given is not None}
    ).json()
    assert preview["next_runs"][0]["at"] == answer.json()["next_run_at"]
    assert preview["description"] == answer.json()["description"]


@pytest.mark.parametrize(
    ("body", "pointer", "hint"),
    [
        (BIWEEKLY | {"anchor": "2026-03-16T09:00:30"}, "/anchor", "Write 2026-03-16T09:00:00"),
        (BIWEEKLY | {"anchor": "2026-02-30T09:00:00"}, "/anchor", "RFC 3339"),
        (BIWEEKLY | {"anchor": "1903-01-01T09:00:00"}, "/anchor", "1970 to 2999"),
        (BIWEEKLY | {"anchor": "2026-03-16 09:00:00"}, "/anchor", "Write 2026-03-16T09:00:00 and a timezone"),
        (BIWEEKLY | {"anchor": "2026-03-16T09:00"}, "/anchor", "Write 2026-03-16T09:00:00 and a timezone"),
        (BIWEEKLY | {"anchor": "2026-03-16"}, "/anchor", "Write 2026-03-16T09:00:00 and a timezone"),
        (BIWEEKLY | {"anchor": "on monday"}, "/anchor", "RFC 3339"),
        (
            BIWEEKLY | {"timezone": None},
            "/anchor",
            "Add timezone, such as Europe/Berlin, or write an offset: 2026-03-16T09:00:00Z for UTC.",
        ),
        (BIWEEKLY | {"every": "36h"}, "/every", "give the anchor an offset"),
        (BIWEEKLY | {"every": "1mo2w"}, "/every", "weeks and days"),
        (BIWEEKLY | {"every": "11y"}, "/every", "at most 10y"),
        (
            REAL | {"every": "1mo", "timezone": "Europe/Berlin"},
            "/anchor",
            "2026-03-16T09:00:00, which is that instant in Europe/Berlin",
        ),
        (BIWEEKLY | {"timezone": "Europe/Barlin"}, "/timezone", "Europe/Berlin"),
        (WEEKLY | {"anchor": "2026-03-16T09:00:00"}, "/anchor", "give an interval"),
        (
            BIWEEKLY | {"ends_at": "2027-01-01T00:00:00Z", "starts_at": "2026-12-31T00:00:00Z"},
            "/ends_at",
            "later ends_at",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused_and_nothing_is_written(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    body: dict[str, Any],
    pointer: str,
    hint: str,
) -> None:
    before = counts(shared_superuser)
    answer = api.post(
        f"/v1/workspaces/{workspace}/jobs", json={name: given for name, given in body.items() if given is not None}
    )

    (error,) = problem_of(answer)["errors"]
    assert (answer.status_code, error["pointer"]) == (422, pointer), error
    assert hint in error["hint"]
    assert counts(shared_superuser) == before


@pytest.mark.parametrize(
    ("first", "changes", "pointer", "hint"),
    [
        (REAL, {"every": "1mo"}, "/anchor", "Write the anchor without an offset, 2026-03-16T08:00:00"),
        (BIWEEKLY, {"every": "36h"}, "/every", "give the anchor an offset"),
        (WEEKLY, {"anchor": "2026-03-16T09:00:00"}, "/anchor", "give an interval in every"),
        (WEEKLY, {"anchor": "2026-03-16T09:00:00Z"}, "/anchor", "give an interval in every"),
        (BIWEEKLY, {"cron": "0 9 * * 1", "every": "2w"}, "/every", "Give only one of them."),
        (BIWEEKLY, {"cron": "0 9 * * 1", "anchor": "2026-03-16T09:00:00"}, "/anchor", "give an interval in every"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    first: dict[str, Any],
    changes: dict[str, Any],
    pointer: str,
    hint: str,
) -> None:
    job = made(api, workspace, first)
    before = counts(shared_superuser)

    answer = api.patch(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}", json=changes)

    (error,) = problem_of(answer)["errors"]
    assert (answer.status_code, error["pointer"]) == (422, pointer), error
    assert hint in error["hint"]
    assert api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}").json() == job
    assert counts(shared_superuser) == before


def test_a_job_whose_zone_is_none_any_more_stands_in_nobodys_way(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """As when the server's time zone data no longer has a name."""
    job = made(api, workspace, BIWEEKLY)
    shared_superuser.execute(
        "update kronos.jobs set timezone = 'Mars/Olympus', schedule.timezone = 'Mars/Olympus' where job_id = %s",
        [job["job_id"]],
    )

    (listed,) = api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]
    read = api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}").json()
    assert listed == read
    assert (read["anchor"], read["anchor_local"]) == (None, "2026-03-16T09:00:00")


def test_previews_and_kronos_next_show_what_clock_changes_do(api: httpx.Client, shared_api: Api) -> None:
    asked = {
        "every": "1w",
        "anchor": "2026-03-15T02:30:00",
        "timezone": "Europe/Berlin",
        "after": "2026-03-20T00:00:00Z",
    }
    shown = api.post("/v1/schedules/preview", json=asked | {"count": 3, "dst_gap": "SKIP"}).json()
    printed = CliRunner().invoke(
        main,
        [
            "next",
            "--every",
            "2w",
            "--anchor",
            "2026-03-16T09:00:00",
            "--tz",
            "Europe/Berlin",
            "-n",
            "2",
            "--after",
            "2026-03-16T08:00:00Z",
        ],
        env={"KRONOS_DATABASE_URL": shared_api.database_url},
    )

    assert [run["local"] for run in shown["next_runs"]] == [
        "2026-03-22T02:30:00+01:00",
        "2026-04-05T02:30:00+02:00",
        "2026-04-12T02:30:00+02:00",
    ]
    assert shown["skipped"] == [
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T02:30:00", "dst": "skipped", "reason": None}
    ]
    assert shown["lints"][0] == (
        "02:30 on 2026-03-29 does not exist in Europe/Berlin, as clocks go forward: the run is skipped (dst_gap SKIP)"
    )
    assert printed.stdout.splitlines() == [
        "Every 2 weeks on Monday at 09:00, counted from 2026-03-16",
        "Mon 2026-03-30 09:00 +02:00  2026-03-30 07:00 UTC",
        "Mon 2026-04-13 09:00 +02:00  2026-04-13 07:00 UTC",
    ]


def test_a_real_interval_of_days_is_advised_how_to_keep_its_time_of_day(api: httpx.Client) -> None:
    asked = {
        "every": "2w",
        "anchor": "2026-03-16T08:00:00Z",
        "timezone": "Europe/Berlin",
        "after": "2026-03-20T00:00:00Z",
    }
    (lint,) = api.post("/v1/schedules/preview", json=asked).json()["lints"]
    assert "give the anchor without an offset, 2026-03-16T09:00:00" in lint


@pytest.mark.parametrize(
    ("at", "dst_gap", "code", "words"),
    [
        ("2024-03-25T08:00:00Z", "SHIFT", "unaccounted", ""),
        (
            "2024-03-26T08:00:00Z",
            "SHIFT",
            "no_tick_at_this_minute",
            "is not 2024-03-17T02:30:00 plus a whole number of intervals of 1d",
        ),
        ("2024-03-31T01:00:00Z", "SHIFT", "unaccounted", "dst_gap SHIFT moved a tick of that time to 2024-03-31T03:00"),
        ("2024-03-31T01:30:00Z", "SHIFT", "dst_gap_shifted", "dst_gap SHIFT moved it to 2024-03-31T01:00:00Z"),
        (
            "2024-03-31T01:30:00Z",
            "SHIFT_BY_GAP",
            "unaccounted",
            "dst_gap SHIFT_BY_GAP moved a tick of that time to 2024-03-31T03:30",
        ),
        ("2024-03-31T01:00:00Z", "SKIP", "dst_gap_skipped", "dst_gap SKIP skips it"),
        (
            "2024-10-27T00:30:00Z",
            "SHIFT",
            "unaccounted",
            "2024-10-27T02:30:00+02:00 is 2024-03-17T02:30:00 plus a whole number of",
        ),
        ("2024-10-27T01:30:00Z", "SHIFT", "dst_overlap_second_pass", "for the second time"),
    ],
)
def test_explain_knows_what_it_counts(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    at: str,
    dst_gap: str,
    code: str,
    words: str,
) -> None:
    anchor = "2024-03-25T09:00:00" if "03-25" in at else "2024-03-17T02:30:00"
    job = made(api, workspace, BIWEEKLY | {"every": "1d", "anchor": anchor, "dst_gap": dst_gap})
    shared_superuser.execute("update kronos.jobs set ticks_from = '2024-01-01' where job_id = %s", [job["job_id"]])

    answer = api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}/explain", params={"at": at}).json()

    assert answer["code"] == code, answer
    assert words in answer["because"] + " ".join(step["detail"] for step in answer["steps"])


def test_the_ledger_and_a_backfill_go_by_the_same_ticks(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    now: datetime = value(shared_superuser, "select date_trunc('minute', now())")
    local = (now - timedelta(days=40)).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    job = made(api, workspace, BIWEEKLY | {"every": "1w", "anchor": local.isoformat(), "catch_up": {"policy": "SKIP"}})
    shared_superuser.execute(
        "update tests.jobs set ticks_from = %s, created_at = %s, next_tick_at = kronos.next_tick(schedule, %s) where "
        "job_id = %s",
        [now - timedelta(days=41)] * 3 + [job["job_id"]],
    )

    shared_superuser.execute("select kronos.account_ticks(array[%s::uuid], now())", [job["job_id"]])

    ledger = records(
        shared_superuser, "select * from kronos.check_ledger(%s, now() - interval '41 days', now())", [job["job_id"]]
    )
    assert [(row["expected"], row["missed"], row["unaccounted"], row["surplus"]) for row in ledger] == [(6, 6, 0, 0)]
    window = {"from": (now - timedelta(days=41)).isoformat(), "to": now.isoformat(), "validate_only": True}
    answer = api.post(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}/backfill", json=window)
    assert answer.json()["ticks"] == 6, answer.text
