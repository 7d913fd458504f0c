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
    assert found.text == "1 entry belongs to Kronos's own jobs"
    remark, other = pg_cron.translate([ours, entry(), ours], Reading(), Terms(endpoint="sql"))
    assert isinstance(remark, Remark)
    assert remark.text == "2 entries belong to Kronos's own jobs"
    assert isinstance(other, Translated)


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
        ('\n{"a": 1}\n{"a": }\n', "line 3: not valid JSON"),
        ('[{"a": 1},\n{"a": }]', "line 2: not valid JSON"),
        (f"[{'9' * 5000}]", "line 1: not valid JSON rows"),
    ],
)
def test_a_file_that_holds_no_rows_is_answered_with_its_place(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        pg_cron.entries_of(text)


QUEUE = "pg_cron queues all runs that overlap; QUEUE lets one wait and skips the others"
OPEN = "the SQL seems to contain a password, which anyone who sees payloads can read: keep it in the database"


@pytest.mark.parametrize(
    ("of", "notes"),
    [
        (entry(), [QUEUE]),
        (entry(active=False), [QUEUE, "the entry is not active: the job is created paused"]),
        (entry(command="alter role bob password 'x'"), [QUEUE, OPEN]),
        (
            entry("5 seconds"),
            ["pg_cron counts the seconds from its start, Kronos from the job's creation; the interval is the same"],
        ),
    ],
)
def test_each_difference_is_noted_and_nothing_else(of: Entry, notes: list[str]) -> None:
    found = one(of)
    assert isinstance(found, Translated)
    assert list(found.notes) == notes


@pytest.mark.parametrize(
    ("jobname", "command", "name"),
    [
        ("vacuum", "select 1", "vacuum"),
        (None, "vacuum analyze public.orders now", "vacuum-analyze-public.orders"),
        ("!!", "delete from a where b = 'c d'", "delete-from-a"),
        ("", "select 'delete' from a -- of b\nwhere c", "select-from-a"),
        (None, "1 + 1", "pg_cron-7"),
        (None, f"{'a' * 30} {'b' * 30} c", f"{'a' * 30}-{'b' * 17}"),
    ],
)
def test_an_entry_without_a_name_is_named_by_the_first_words_of_its_sql(
    jobname: str | None, command: str, name: str
) -> None:
    found = one(entry(jobname=jobname, command=command))
    assert isinstance(found, Translated)
    assert found.name == name
    assert found.text == f"0 3 * * * {jobname or ''}".rstrip()


def test_an_endpoint_that_is_made_tries_once_as_pg_cron_does() -> None:
    found = one(entry(), terms=Terms(endpoint="sql", url="https://sql.example.com/run"))
    assert isinstance(found, Translated)
    assert found.endpoint == {
        "name": "sql",
        "type": "HTTP",
        "spec": {"url": "https://sql.example.com/run", "timeout_ms": 900_000, "connect_timeout_ms": 5_000},
        "retry_policy": {"max_attempts": 1, "retry_unknown": False},
    }
    unmade = one(entry())
    assert isinstance(unmade, Translated)
    assert unmade.endpoint is None


def test_a_day_field_with_a_star_first_does_not_have_to_match_both() -> None:
    both = Reading(matches_both_days=True)
    assert isinstance(one(entry("0 0 1 * */2"), both), Translated)
    assert isinstance(one(entry("0 0 1-9 * 1,2"), both), Untranslated)
    assert isinstance(one(entry("0 0 1 * 1")), Translated)
    four = one(entry("0 0 1 *"), both)
    assert isinstance(four, Untranslated)
    assert "five fields" in four.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [("jobid", "7"), ("schedule", 5), ("command", None), ("database", 1), ("active", "true"), ("jobname", 3)],
)
def test_a_column_of_another_type_is_named_with_its_row(name: str, value: object) -> None:
    row = {"jobid": 7, "schedule": "* * * * *", "command": "x", "database": "d", "username": "u"}
    with pytest.raises(UnreadableError, match=f"^row 2: {name} is missing or has the wrong type$"):
        pg_cron.entries_of(json.dumps([row, {**row, name: value}]))
