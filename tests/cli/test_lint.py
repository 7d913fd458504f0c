"""kronos lint, and kronos next when it asks the API: errors in schedules and jobs, and behavior that may surprise."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from cli.commands import Kronos
from conftest import Api
from kronos.__main__ import main
from kronos.cli import lint
from kronos.cli.schedule_texts import kind_of


def found(kronos: Kronos, *arguments: str, stdin: str | None = None) -> tuple[int, list[Any]]:
    ended = kronos("lint", *arguments, "--json", stdin=stdin)
    return ended.exit_code, json.loads(ended.stdout)


def test_a_sound_schedule_is_0_and_nothing_is_said(kronos: Kronos) -> None:
    ended = kronos("lint", "0 9 * * 1", "90m", "every weekday at 9:30")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "no errors or warnings\n")


def test_what_may_surprise_is_a_warning_and_0(kronos: Kronos) -> None:
    code, lints = found(kronos, "30 2 * * *", "--tz", "Europe/Berlin")
    assert (code, {each["severity"] for each in lints}) == (0, {"warning"})
    assert any("does not exist in Europe/Berlin" in each["message"] for each in lints)


@pytest.mark.parametrize(
    ("schedule", "pointer", "message"),
    [
        ("61 * * * *", "", '"61" is not between 0 and 59'),
        ("0 0 31 2 *", "", ""),
        ("blue moon", "/sentence", "was not understood"),
        ("90x", "", ""),
    ],
)
def test_what_is_no_schedule_is_an_error_and_1(kronos: Kronos, schedule: str, pointer: str, message: str) -> None:
    code, (lint_,) = found(kronos, schedule)
    assert (code, lint_["of"], lint_["severity"]) == (1, schedule, "error")
    assert message in lint_["message"]
    assert lint_["hint"]
    if pointer:
        assert lint_["pointer"] == pointer


def test_people_read_a_line_for_each_with_its_hint(kronos: Kronos) -> None:
    ended = kronos("lint", "61 * * * *")
    first, hint = ended.stdout.splitlines()
    assert first.startswith("error    61 * * * *: ")
    assert hint == "         Write a number from 0 to 59."


def test_a_file_has_a_schedule_a_line(kronos: Kronos, tmp_path: Path) -> None:
    (tmp_path / "schedules").write_text("# of the old box\n0 9 * * 1\n\n61 * * * *\n")
    code, lints = found(kronos, "-f", str(tmp_path / "schedules"))
    assert (code, [each["of"] for each in lints]) == (1, ["61 * * * *"])


def test_jobs_are_judged_as_they_would_be_made(kronos: Kronos) -> None:
    jobs = [
        {"name": "good", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1"},
        {"name": "typo", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1", "tmezone": "UTC"},
        {"endpoint": "sink", "trigger": "CRON", "cron": "61 9 * * 1"},
        {"name": "gap", "endpoint": "sink", "trigger": "CRON", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
        {"name": "now", "endpoint": "sink", "trigger": "IMMEDIATE"},
    ]
    for text in (json.dumps(jobs), json.dumps({"jobs": jobs})):
        code, lints = found(kronos, "-f", "-", stdin=text)
        assert code == 1
        assert {(each["of"], each["severity"]) for each in lints} == {
            ("typo", "error"),
            ("job 3", "error"),
            ("gap", "warning"),
        }
    (typo,) = [each for each in lints if each["of"] == "typo"]
    assert typo["pointer"] == "/tmezone"


def test_what_a_list_of_jobs_prints_can_be_piped_into_it(kronos: Kronos) -> None:
    kronos("job", "create", "gap", "--endpoint", "sink", "--cron", "30 2 * * *", "--tz", "Europe/Berlin")
    code, lints = found(kronos, "-f", "-", stdin=kronos("job", "ls", "--json").stdout)
    assert (code, {each["of"] for each in lints}) == (0, {"gap"})


def test_of_a_workspace_each_schedule_is_asked_once(kronos: Kronos, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gap", "same", "anchored"):
        schedule = (
            ("--every", "1d", "--anchor", "2026-03-28T02:30:00") if name == "anchored" else ("--cron", "30 2 * * *")
        )
        kronos("job", "create", name, "--endpoint", "sink", *schedule, "--tz", "Europe/Berlin")
    judged, asked = lint._judged, []

    def counting(api: Any, one: Any) -> Any:
        asked.append(one)
        return judged(api, one)

    monkeypatch.setattr(lint, "_judged", counting)
    code, lints = found(kronos)
    assert (code, len(asked)) == (0, 2)
    assert {each["of"] for each in lints} == {"anchored", "same and 1 more"}


def test_a_minute_with_more_runs_than_pg_cron_can_ring_for_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crowded:
        def get(self, *path: str, fields: tuple[str, ...]) -> dict[str, object]:
            return {"busiest": [{"at": "2026-12-01T09:00:00Z", "runs": 9_000}], "pg_cron_per_minute": 8_000}

        def rows_of(self, document: dict[str, Any], field: str) -> Any:
            return document[field]

    (only,) = lint._of_load(Crowded())  # type: ignore[arg-type]
    assert (only.severity, only.message) == (
        "warning",
        "9,000 runs are due in one minute, and pg_cron can ring for 8,000 per minute",
    )


def test_what_cannot_be_linted_is_a_usage_error_and_what_cannot_be_asked_no_lint(
    kronos: Kronos, tmp_path: Path
) -> None:
    (tmp_path / "jobs.json").write_text('{"jobs": 7}')
    (tmp_path / "broken.json").write_text("[{")
    for arguments in (
        ("0 9 * * 1", "-f", "-"),
        ("-f", str(tmp_path / "jobs.json")),
        ("-f", str(tmp_path / "broken.json")),
        ("-f", str(tmp_path / "nothing")),
    ):
        assert kronos("lint", *arguments).exit_code == 2, arguments
    away = kronos("lint", "0 9 * * 1", "--url", "http://127.0.0.1:1")
    assert (away.exit_code != 0, away.stdout, "cannot be reached" in away.stderr) == (True, "", True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0 9 * * 1", "cron"),
        ("*/5 * * * *", "cron"),
        ("0 9 * * MON-FRI", "cron"),
        ("0 9 * *", "cron"),
        ("@daily", "cron"),
        ("90m", "every"),
        ("2 w", "every"),
        ("1mo", "every"),
        ("PT90M", "every"),
        ("9 am on the monday", "sentence"),
        ("9:30 on weekdays", "sentence"),
        ("every 15 minutes", "sentence"),
        ("daily", "sentence"),
    ],
)
def test_a_schedule_may_be_written_in_three_ways(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_next_asks_the_api_and_reads_sentences_and_intervals(shared_api: Api, api: httpx.Client) -> None:
    known = {"KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key}

    def following(*arguments: str, **environment: str) -> list[str]:
        ended = CliRunner().invoke(main, ["next", *arguments], env=environment, catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return ended.stdout.splitlines()

    after = ("--after", "2026-03-28T12:00:00Z", "-n", "2", "--tz", "Europe/Berlin")
    written = following("30 9 * * 1-5", *after, KRONOS_DATABASE_URL=shared_api.database_url)
    assert written == following("30 9 * * 1-5", *after, **known)
    assert written == following("every weekday at 9:30", *after, **known)
    assert written == following("every weekday at 9:30", *after, KRONOS_DATABASE_URL=shared_api.database_url)
    anchor = ("--anchor", "2026-03-28T00:00:00Z")
    assert following("90m", *anchor, *after, **known) == following("--every", "90m", *anchor, *after, **known)
    gap = following("30 2 * * *", *after, "--dst-gap", "SKIP", **known)
    assert any("skipped" in line for line in gap)
    refused = CliRunner().invoke(main, ["next", "blue moon"], env=known)
    assert (refused.exit_code, "was not understood" in refused.stderr) == (2, True)
    assert CliRunner().invoke(main, ["next", "90m", "--every", "1h"], env=known).exit_code == 2
