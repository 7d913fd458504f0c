"""kronos next prints what the preview of a schedule says."""

import json

import httpx
import pytest
from click.testing import CliRunner, Result

from api.test_preview import preview
from conftest import Api
from kronos.__main__ import main

_OPEN = {"rolled_from": None, "reason": None, "run_at": None}


def kronos_next(shared_api: Api, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["next", *arguments], env={"KRONOS_DATABASE_URL": shared_api.database_url})


def test_kronos_next_prints_runs_and_skipped_ticks_in_order(shared_api: Api) -> None:
    result = kronos_next(
        shared_api,
        "0,30 2,3 * * *",
        "--tz",
        "Europe/Berlin",
        "-n",
        "3",
        "--after",
        "2026-03-28T12:00:00Z",
        "--dst-gap",
        "skip",
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Every 30 minutes from 02:00 through 03:30",
        "Sun 2026-03-29 02:00         does not exist        skipped",
        "Sun 2026-03-29 02:30         does not exist        skipped",
        "Sun 2026-03-29 03:00 +02:00  2026-03-29 01:00 UTC",
        "Sun 2026-03-29 03:30 +02:00  2026-03-29 01:30 UTC",
        "Mon 2026-03-30 02:00 +02:00  2026-03-30 00:00 UTC",
        "note: 02:00 and 02:30 on 2026-03-29 do not exist in Europe/Berlin, "
        "as clocks go forward: the runs are skipped (dst_gap SKIP)",
        "note: 02:00 and 02:30 on 2026-10-25 occur twice in Europe/Berlin, "
        "as clocks go back: it runs the first time only (dst_overlap "
        "FIRST)",
        "note: 02:00 and 02:30 on 2027-03-28 do not exist in Europe/Berlin, "
        "as clocks go forward: the runs are skipped (dst_gap SKIP)",
    ]


def test_kronos_next_marks_what_clock_changes_move_and_repeat(shared_api: Api) -> None:
    spring = kronos_next(
        shared_api, "30 2 * * *", "--tz", "Europe/Berlin", "-n", "1", "--after", "2026-03-28T12:00:00Z"
    )
    autumn = kronos_next(
        shared_api,
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "-n",
        "2",
        "--after",
        "2026-10-24T12:00:00Z",
        "--dst-overlap",
        "BOTH",
    )

    assert spring.stdout.splitlines()[1] == "Sun 2026-03-29 03:00 +02:00  2026-03-29 01:00 UTC  shifted"
    assert autumn.stdout.splitlines()[1:3] == [
        "Sun 2026-10-25 02:30 +02:00  2026-10-25 00:30 UTC  repeated",
        "Sun 2026-10-25 02:30 +01:00  2026-10-25 01:30 UTC  repeated",
    ]


def test_a_time_of_the_gap_is_moved_by_its_length(api: httpx.Client, shared_api: Api) -> None:
    asked = {"timezone": "Europe/Berlin", "after": "2026-03-28T12:00:00Z", "count": 3, "dst_gap": "SHIFT_BY_GAP"}
    shown = preview(api, cron="0,30 2 * * *", **asked)
    printed = kronos_next(
        shared_api,
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "--dst-gap",
        "shift_by_gap",
        "-n",
        "1",
        "--after",
        "2026-03-28T12:00:00Z",
    )

    assert shown["next_runs"] == [
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00", "dst": "shifted", **_OPEN},
        {"at": "2026-03-29T01:30:00Z", "local": "2026-03-29T03:30:00+02:00", "dst": "shifted", **_OPEN},
        {"at": "2026-03-30T00:00:00Z", "local": "2026-03-30T02:00:00+02:00", "dst": None, **_OPEN},
    ]
    assert printed.stdout.splitlines()[1] == "Sun 2026-03-29 03:30 +02:00  2026-03-29 01:30 UTC  shifted"


def test_kronos_next_takes_an_interval(shared_api: Api) -> None:
    result = kronos_next(
        shared_api,
        "--every",
        "90m",
        "--anchor",
        "2026-11-20T09:00:00Z",
        "--tz",
        "Asia/Kolkata",
        "-n",
        "1",
        "--after",
        "2026-11-20T09:00:00Z",
    )

    assert result.stdout.splitlines() == [
        "Every 90 minutes, counted from 2026-11-20 09:00 UTC",
        "Fri 2026-11-20 16:00 +05:30  2026-11-20 10:30 UTC",
    ]


def test_kronos_next_as_json_is_the_preview(shared_api: Api, api: httpx.Client) -> None:
    result = kronos_next(
        shared_api, "*/7 9 * * 1", "--tz", "Asia/Kathmandu", "-n", "3", "--after", "2026-03-28T12:00:00Z", "--json"
    )

    shown = preview(api, cron="*/7 9 * * 1", timezone="Asia/Kathmandu", after="2026-03-28T12:00:00Z", count=3)
    assert (result.exit_code, json.loads(result.stdout)) == (0, shown)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["0 9 * *"], 'EXPR: cron text: "0 9 * *" has 4 fields, not five', "Write five fields"),
        (["0 9 * * *", "--tz", "Mars/Olympus"], '--tz: there is no time zone "Mars/Olympus"', "Europe/Berlin"),
        (
            ["0 9 * * *", "--after", "tomorrow"],
            "--after: not an RFC 3339 timestamp with an offset",
            "2026-12-01T09:00:00Z",
        ),
        (["0 9 * * *", "--every", "90m"], "--every: both every and cron are given", "Give only one of them."),
        (["--anchor", "2026-12-01T00:00:00Z", "0 9 * * *"], "--anchor: anchor requires every", "Omit it"),
        (
            ["0 0 30 2 *"],
            "EXPR: the schedule never fires: no date matches its day and month fields",
            "30th of February",
        ),
        ([], "EXPR: a schedule needs a cron expression or an interval", "five fields"),
    ],
)
def test_kronos_next_says_what_is_wrong_and_what_to_write(
    shared_api: Api, arguments: list[str], message: str, hint: str
) -> None:
    result = kronos_next(shared_api, *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first == f"Error: {message}"
    assert second.startswith("  hint: ")
    assert hint in second
