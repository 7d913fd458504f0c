"""The rows of cron.job: left out by default, otherwise jobs whose input is the SQL."""

import json
from typing import Any

import pytest

from imports import vixie
from imports.ticks import Connection, ticks
from kronos.imports import pg_cron
from kronos.imports.pg_cron import Entry, Reading
from kronos.imports.translation import Remark, Terms, Translated, UnreadableError, Untranslated


def entry(schedule: str = "0 3 * * *", **fields: Any) -> Entry:
    row = {
        "jobid": 7,
        "schedule": schedule,
        "command": "vacuum orders",
        "database": "shop",
        "username": "bob",
        "active": True,
        "jobname": "vacuum",
    }
    return Entry(**{**row, **fields})


def one(of: Entry, reading: Reading | None = None, terms: Terms | None = None) -> Translated | Untranslated | Remark:
    (found,) = pg_cron.translate([of], reading or Reading(), terms or Terms(endpoint="sql"))
    return found


def test_an_entry_is_left_unless_an_endpoint_takes_its_sql() -> None:
    left = one(entry(), terms=Terms())
    assert isinstance(left, Untranslated)
    assert left.reason == pg_cron.LEFT
    found = one(entry())
    assert isinstance(found, Translated)
    assert found.job == {
        "name": "vacuum",
        "endpoint": "sql",
        "trigger": "CRON",
        "cron": "0 3 * * *",
        "timezone": "UTC",
        "overlap": "QUEUE",
        "catch_up": {"policy": "SKIP"},
        "input": {"sql": "vacuum orders", "database": "shop", "username": "bob"},
        "tags": ["from-pg_cron"],
    }


def test_kronoss_own_entries_are_counted_and_left_out() -> None:
    ours = entry(jobname="kronos:3cf29c87-ab27-4a98-9f35-d1317eb3d174", command="select kronos.fire('…')")
    found = one(ours)
    assert isinstance(found, Remark)
    assert "1 entries belong to Kronos's own" in found.text


def test_an_entry_that_is_not_active_is_a_paused_job() -> None:
    found = one(entry(active=False))
    assert isinstance(found, Translated)
    assert found.is_paused


@pytest.mark.parametrize(
    ("schedule", "terms"),
    [
        ("30 seconds", {"every": "30s", "overlap": "SKIP"}),
        ("1 second", {"every": "1s"}),
        ("@hourly", {"cron": "0 * * * *"}),
        ("0 0 $ * *", {"cron": "0 0 $ * *"}),
        (" 0  9 * * MON ", {"cron": "0 9 * * mon"}),
    ],
)
def test_its_own_forms_of_schedules(schedule: str, terms: dict[str, str]) -> None:
    found = one(entry(schedule))
    assert isinstance(found, Translated), found
    assert terms.items() <= found.job.items()


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("@reboot", "PostgreSQL starts"),
        ("@restart", "PostgreSQL starts"),
        ("60 seconds", "five fields"),
        ("0 22-6 * * *", "backward"),
    ],
)
def test_what_is_no_time_is_refused(schedule: str, why: str) -> None:
    found = one(entry(schedule))
    assert isinstance(found, Untranslated)
    assert why in found.reason


def test_days_that_have_to_match_both_are_refused_where_the_server_asks_for_it() -> None:
    both = Reading(matches_both_days=True)
    assert isinstance(one(entry("0 0 1 * 1"), both), Untranslated)
    assert isinstance(one(entry("0 0 */2 * 1"), both), Translated)
    assert isinstance(one(entry("0 0 1 * *"), both), Translated)


def test_ticks_follow_the_clock_of_cron_timezone(shared_superuser: Connection) -> None:
    """pg_cron checks the local time of each minute: a skipped time does not run, a repeated one runs twice."""
    for schedule in ("30 2 * * *", "*/20 1-3 * * *", "0 9 1 * 1"):
        found = one(entry(schedule), Reading(timezone="Europe/Berlin"))
        assert isinstance(found, Translated)
        for begin, end in vixie.changes("Europe/Berlin"):
            expected = list(vixie.by_the_clock(vixie.read(schedule), "Europe/Berlin", begin, end))
            assert ticks(shared_superuser, found.job, begin, end) == expected


def test_rows_of_a_file_are_read_in_both_forms() -> None:
    row = {"jobid": 7, "schedule": "* * * * *", "command": "x", "database": "d", "username": "u", "nodeport": 5432}
    listed = pg_cron.entries_of(json.dumps([row, {**row, "active": False, "jobname": None}]))
    assert [each.active for each in listed] == [True, False]
    assert pg_cron.entries_of(f"{json.dumps(row)}\n{json.dumps(row)}\n") == [listed[0]] * 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "not valid JSON"),
        ("[1]", "row 1: not a row"),
        ('[{"jobid": "x"}]', "row 1: .* is missing"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a": 1}', "row 1: .* is missing"),
    ],
)
def test_a_file_that_holds_no_rows_is_answered_with_its_place(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        pg_cron.entries_of(text)
