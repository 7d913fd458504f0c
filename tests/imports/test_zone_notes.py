"""An import repeats the API's warning about a zone that is something else than its name says, and no other lint."""

import json
import time
from pathlib import Path

import pytest

from imports.conftest import Import
from imports.test_amazon import job_of

_EST = (
    "EST has no daylight saving time, not even in summer: for clocks that change, name a city, such as America/New_York"
)
_TO = ("--endpoint", "box", "--to", "https://box.example.com/run")


def noted(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("note  ")]


def test_a_zone_that_is_not_what_its_name_says_is_noted_once_with_its_places(run: Import) -> None:
    text = "CRON_TZ=EST\n30 9 * * 1 /srv/a\n0 12 */7 * * /srv/b\nCRON_TZ=America/New_York\n0 9 * * * /srv/c\n"
    shown = run("import", "crontab", "-", *_TO, stdin=text)
    assert [line for line in noted(shown.stdout) if "EST" in line] == [f"note  line 2, line 3: {_EST}"]
    assert "3 translated" in shown.stdout


@pytest.mark.parametrize(("zone", "notes"), [("EST", [_EST]), ("Europe/Berlin", []), ("UTC", [])])
def test_the_zone_of_the_command_line_is_noted_and_the_clock_changes_of_a_nightly_job_are_not(
    run: Import, tmp_path: Path, zone: str, notes: list[str]
) -> None:
    """02:30 does not exist on a day in March in Berlin, and */7 does not divide a month: `kronos next` says both."""
    text, file = "30 2 */7 * * /srv/a\n", tmp_path / "jobs.yaml"
    of_the_source = json.loads(run("import", "crontab", "-", *_TO, "--json", stdin=text).stdout)["jobs"][0]["notes"]
    shown = run("import", "crontab", "-", *_TO, "--tz", zone, "--json", "--write", file, stdin=text)
    said = json.loads(shown.stdout)["jobs"][0]["notes"]
    assert [note for note in said if note not in of_the_source and "dst_gap" not in note] == notes
    assert all(note in file.read_text() for note in notes)


def test_the_sign_of_a_zone_is_noted_for_a_rule_of_eventbridge(run: Import) -> None:
    rule = {"Name": "a", "ScheduleExpression": "cron(0 9 * * ? *)", "ScheduleExpressionTimezone": "Etc/GMT+5"}
    shown = run("import", "eventbridge", "-", *_TO, stdin=json.dumps(rule | {"Target": {"Arn": "arn:x"}}))
    assert "note  line 1: Etc/GMT+5 is 5 hours behind UTC: the sign in its name is the opposite" in noted(shown.stdout)


@pytest.mark.parametrize("days", [-40_000, 40_000])
def test_what_has_passed_is_by_the_clock_of_the_server(run: Import, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """A laptop whose clock is behind would run past schedules at once, and one that is ahead leave out later ones."""
    wrong = time.time() + days * 86_400
    monkeypatch.setattr(time, "time", lambda: wrong)
    items = [
        {"Name": at[:4], "ScheduleExpression": f"at({at})"} for at in ("2001-01-01T00:00:00", "2099-01-01T00:00:00")
    ]
    found = json.loads(run("import", "eventbridge", "-", *_TO, "--json", stdin=json.dumps(items)).stdout)
    assert [job["job"]["name"] for job in found["jobs"]] == ["2099"]
    assert [each["text"] for each in found["refused"]] == ["2001"]


def test_the_zone_of_a_single_run_is_noted_and_validated(run: Import) -> None:
    """`Factory` is a zone of Python's, and none of Kronos's."""
    items = [
        {"Name": zone, "ScheduleExpression": "at(2099-07-01T09:00:30)", "ScheduleExpressionTimezone": zone}
        for zone in ("EST", "America/New_York", "UTC")
    ]
    found = json.loads(run("import", "eventbridge", "-", *_TO, "--json", stdin=json.dumps(items)).stdout)
    assert [_EST in job["notes"] for job in found["jobs"]] == [True, False, False]
    assert found["jobs"][0]["description"] == "Once"
    assert found["jobs"][0]["next_runs"] == ["2099-07-01T09:00:30 EST"]
    unknown = [{**items[0], "ScheduleExpressionTimezone": "Factory"}]
    found = json.loads(run("import", "eventbridge", "-", *_TO, "--json", stdin=json.dumps(unknown)).stdout)
    assert [each["reason"].partition(";")[0] for each in found["refused"]] == ['there is no time zone "Factory"']


@pytest.mark.parametrize(
    ("local", "zone", "notes"),
    [
        ("2027-03-28T02:30:00", "Europe/Berlin", ["does not exist", "it runs as soon as they have"]),
        ("2027-10-31T02:30:00", "Europe/Berlin", ["occurs twice", "it runs the first time only"]),
        ("2027-03-28T03:00:00", "Europe/Berlin", []),
        ("2027-10-31T03:00:00", "Europe/Berlin", []),
        ("2027-03-28T02:30:00", "UTC", []),
    ],
)
def test_a_single_run_at_a_time_that_clocks_skip_or_repeat_is_noted(local: str, zone: str, notes: list[str]) -> None:
    found = job_of(f"at({local})", ScheduleExpressionTimezone=zone, Target={"Arn": "a", "RetryPolicy": {}}).notes
    said = [note for note in found if note.startswith(f"{local} ")]
    assert len(said) == bool(notes)
    assert all(word in said[0] for word in notes)
