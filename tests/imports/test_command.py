"""kronos import: shown first, then written for apply or created over the API; a repetition creates nothing new."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from imports.conftest import Import
from kronos.cli import import_offer
from kronos.cli.client import Client, LostError

CRONTAB = """\
# the web box
MAILTO=ops@example.com
*/5 1-3 * * * /usr/bin/php artisan schedule:run
0 9 1 * mon cd /srv && ./report.sh
@reboot /usr/bin/agent
0 0 30 2 * never
"""
BOX = ("--endpoint", "box", "--to", "https://box.example.com/run", "--tz", "Europe/Berlin")


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    file = tmp_path / "crontab"
    file.write_text(CRONTAB)
    return file


def jobs_of(api: httpx.Client, workspace: str) -> dict[str, Any]:
    rows = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "LIVE"}).json()["data"]
    return {row["name"]: row for row in rows}


def test_an_import_is_shown_and_changes_nothing(run: Import, crontab: Path, api: httpx.Client, workspace: str) -> None:
    shown = run("import", "crontab", crontab, *BOX)
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["SOURCE", "JOB", "SCHEDULE", "ZONE", "IN", "WORDS", "NEXT", "RUNS", "IS"]
    assert "php-artisan-schedule-run" in lines[1]
    assert "Every 5 minutes from 01:00 through 03:55" in lines[1]
    assert "At 09:00 on day 1 of the month and also on Monday" in lines[2]
    assert any(line.startswith("left  line 5  @reboot") for line in lines)
    assert any(line.startswith("left  line 6") and "30th of February" in line for line in lines)
    assert any(line.startswith("also  line 2  MAILTO") for line in lines)
    assert lines[-1] == "2 translated, 2 of them new; 2 left"
    assert "--create creates them" in shown.stderr
    assert jobs_of(api, workspace) == {}


def test_an_import_is_made_once(run: Import, crontab: Path, api: httpx.Client, workspace: str) -> None:
    made = run("import", "crontab", crontab, *BOX, "--create", stdin="y\n")
    assert made.exit_code == 0, made.output
    assert "created 2 jobs and 1 endpoint" in made.stderr
    jobs = jobs_of(api, workspace)
    assert jobs["report.sh"]["input"] == {"command": "cd /srv && ./report.sh"}
    assert jobs["php-artisan-schedule-run"]["dst_gap"] == "SKIP"
    endpoint = api.get(f"/v1/workspaces/{workspace}/endpoints/box").json()
    assert endpoint["retry_policy"]["max_attempts"] == 1

    again = run("import", "crontab", crontab, *BOX, "--create")
    assert (again.exit_code, "nothing new" in again.stderr) == (0, True)
    other = run("import", "crontab", crontab, "--endpoint", "box", "--create", "--yes")
    assert "exists with a different" in other.stdout
    after = jobs_of(api, workspace)
    minute_passes = {"next_run_at": None}
    assert {name: row | minute_passes for name, row in after.items()} == {
        name: row | minute_passes for name, row in jobs.items()
    }


def test_who_says_no_gets_nothing(run: Import, crontab: Path, api: httpx.Client, workspace: str) -> None:
    assert run("import", "crontab", crontab, *BOX, "--create", stdin="n\n").exit_code == 130
    assert run("import", "crontab", crontab, *BOX, "--create", "--yes", "--strict").exit_code == 1
    piped = run("import", "crontab", "-", *BOX, "--create", stdin=CRONTAB)
    assert (piped.exit_code, "--yes" in piped.stderr) == (2, True)
    assert jobs_of(api, workspace) == {}


def test_what_is_written_is_read_back_as_the_same_jobs(run: Import, crontab: Path, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    written = run("import", "crontab", crontab, *BOX, "--write", file)
    assert written.exit_code == 0, written.output
    document = yaml.safe_load(file.read_text())
    shown = json.loads(run("import", "crontab", crontab, *BOX, "--json").stdout)
    assert document["jobs"] == [
        {name: value for name, value in each["job"].items() if name != "trigger"} for each in shown["jobs"]
    ]
    assert document["endpoints"] == [shown["jobs"][0]["endpoint"]]
    assert "# line 4: 0 9 1 * mon cd /srv && ./report.sh" in file.read_text()
    assert [each["source"] for each in shown["refused"]] == ["line 5", "line 6"]
    again = run("import", "crontab", crontab, *BOX, "--write", file)
    assert (again.exit_code, "exists: pass another file" in again.stderr) == (1, True)


CRONJOBS = """\
kind: CronJob
metadata: {name: sync}
spec:
  schedule: "* * * * *"
  suspend: true
  jobTemplate: {spec: {template: {spec: {containers: [{name: main, image: x}]}}}}
"""


def test_what_is_suspended_is_paused_without_a_tick(
    run: Import, api: httpx.Client, workspace: str, tmp_path: Path
) -> None:
    arguments = ("import", "k8s-cronjob", "-", "--to", "https://cluster.example.com/run")
    made = run(*arguments, "--create", "--yes", stdin=CRONJOBS)
    assert made.exit_code == 0, made.output
    job = jobs_of(api, workspace)["sync"]
    assert (job["status"], job["starts_at"], job["next_run_at"]) == ("PAUSED", None, None)
    assert api.get(f"/v1/workspaces/{workspace}/executions").json()["data"] == []
    assert "nothing new" in run(*arguments, "--create", "--yes", stdin=CRONJOBS).stderr
    # a file cannot hold a paused job: it starts in the year 2999 instead
    run(*arguments, "--write", tmp_path / "jobs.yaml", stdin=CRONJOBS)
    (written,) = yaml.safe_load((tmp_path / "jobs.yaml").read_text())["jobs"]
    assert written["starts_at"] == "2999-01-01T00:00:00Z"


def test_an_import_that_was_cut_off_goes_on(
    run: Import, api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("import", "k8s-cronjob", "-", "--to", "https://cluster.example.com/run", "--create", "--yes")
    with monkeypatch.context() as patch:
        patch.setattr("kronos.cli.import_offer._pause", lambda api, entry: None)
        run(*arguments, stdin=CRONJOBS)
    job = jobs_of(api, workspace)["sync"]
    assert (job["status"], job["starts_at"]) == ("ACTIVE", "2999-01-01T00:00:00Z")
    assert run(*arguments, stdin=CRONJOBS).exit_code == 0
    job = jobs_of(api, workspace)["sync"]
    assert (job["status"], job["starts_at"]) == ("PAUSED", None)


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(
    run: Import, crontab: Path, api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = Client.call

    def interrupted(self: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        if path[-1] == "jobs:batch" and method == "POST" and len(jobs_of(api, workspace)) == 1:
            raise KeyboardInterrupt
        return called(self, method, path, **more)

    monkeypatch.setattr(import_offer, "_BATCH", 1)
    monkeypatch.setattr(Client, "call", interrupted)
    stopped = run("import", "crontab", crontab, *BOX, "--create", "--yes")
    assert (stopped.exit_code, "the same command again" in stopped.stderr) == (130, True), stopped.output
    monkeypatch.setattr(Client, "call", called)
    assert run("import", "crontab", crontab, *BOX, "--create", "--yes").exit_code == 0
    assert len(jobs_of(api, workspace)) == 2


def test_an_error_says_what_was_created_before_and_the_same_command_goes_on(
    run: Import, crontab: Path, api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, batches = Client.call, 0

    def lost(self: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        nonlocal batches
        batches += path[-1] == "jobs:batch"
        if batches == 2:
            raise LostError("the API went away")
        return called(self, method, path, **more)

    monkeypatch.setattr(import_offer, "_BATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", lost)
        stopped = run("import", "crontab", crontab, *BOX, "--create", "--yes")
    assert (stopped.exit_code, len(jobs_of(api, workspace))) == (6, 1)
    assert (
        "the API went away\ncreated 1 job and 1 endpoint before that. To continue, run the same command again: nothing "
        "is created twice"
    ) in stopped.stderr
    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", lost)
        batches = 1
        again = run("import", "crontab", crontab, *BOX, "--create", "--yes")
    assert ("went away" in again.stderr, "before that" in again.stderr) == (True, False), (
        "nothing was created by this one"
    )
    assert run("import", "crontab", crontab, *BOX, "--create", "--yes").exit_code == 0
    assert len(jobs_of(api, workspace)) == 2


def test_an_error_after_a_job_was_created_but_not_paused_counts_it(
    run: Import, api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = Client.call

    def lost(self: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        if path[-1] == "pause":
            raise LostError("the API went away")
        return called(self, method, path, **more)

    arguments = ("import", "k8s-cronjob", "-", "--to", "https://cluster.example.com/run", "--create", "--yes")
    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", lost)
        stopped = run(*arguments, stdin=CRONJOBS)
    assert f"created {len(jobs_of(api, workspace))} job" in stopped.stderr
    assert run(*arguments, stdin=CRONJOBS).exit_code == 0
    assert jobs_of(api, workspace)["sync"]["status"] == "PAUSED"


def test_all_of_them_are_made_paused_where_that_is_asked(
    run: Import, crontab: Path, api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run("import", "crontab", crontab, *BOX, "--create", "--yes", "--paused")
    assert made.exit_code == 0, made.output
    jobs = jobs_of(api, workspace)
    assert {(each["status"], each["starts_at"], each["next_run_at"]) for each in jobs.values()} == {
        ("PAUSED", None, None)
    }
    monkeypatch.setattr("kronos.cli.import_offer._FEW", 0)  # names are looked up in one list, too
    assert "nothing new" in run("import", "crontab", crontab, *BOX, "--create", "--paused").stderr
    one_time = json.dumps({"Name": "a", "ScheduleExpression": "at(2090-01-01T00:00:00)", "Target": {"Arn": "arn:x"}})
    left = run("import", "eventbridge", "-", "--endpoint", "box", "--paused", stdin=one_time)
    assert "a one-time job cannot be paused" in left.stdout
    wrong = run("import", "pg_cron", "--endpoint", "box", "--create", "--unschedule", "--paused")
    assert (wrong.exit_code, "would be lost" in wrong.stderr) == (2, True)


def test_the_file_of_what_is_paused_says_the_window_that_it_had(run: Import, tmp_path: Path) -> None:
    item = {"Name": "a", "State": "DISABLED", "ScheduleExpression": "cron(0 9 1 1 ? 2050)", "Target": {"Arn": "arn:x"}}
    file = tmp_path / "jobs.yaml"
    to = ("--to", "https://example.com/run")
    run("import", "eventbridge", "-", *to, "--write", file, stdin=json.dumps(item))
    assert "replace starts_at by: starts_at: 2050-01-01T00:00:00Z, ends_at: 2051-01-01T00:00:00Z" in file.read_text()
    planned = run("plan", "-f", file)
    assert planned.exit_code == 0, planned.output


def test_a_name_that_another_job_has_is_told_before_anything_is_made(
    run: Import, crontab: Path, api: httpx.Client, workspace: str
) -> None:
    run("import", "crontab", crontab, *BOX, "--create", "--yes")
    assert api.patch(f"/v1/workspaces/{workspace}/jobs/report.sh", json={"tags": [], "cron": "1 1 * * *"}).is_success
    shown = json.loads(run("import", "crontab", crontab, *BOX, "--json").stdout)
    assert [each["state"] for each in shown["jobs"]] == ["there", "differs"]
    assert api.delete(f"/v1/workspaces/{workspace}/jobs/report.sh").is_success
    shown = json.loads(run("import", "crontab", crontab, *BOX, "--json").stdout)
    assert [each["state"] for each in shown["jobs"]] == ["there", "new"]


def test_a_text_that_cannot_be_stored_stops_its_own_job_alone(run: Import, api: httpx.Client, workspace: str) -> None:
    def item(name: str, text: str) -> dict[str, Any]:
        return {"Name": name, "ScheduleExpression": "rate(1 day)", "Target": {"Arn": "arn:x", "Input": text}}

    text = json.dumps([item("bad", r'["\u0000"]'), item("good", r'["\\u0000"]')])
    made = run("import", "eventbridge", "-", "--to", "https://example.com/run", "--create", "--yes", stdin=text)
    assert made.exit_code == 0, made.output
    assert "U+0000" in made.stdout
    assert set(jobs_of(api, workspace)) == {"good"}


def test_an_api_that_goes_away_is_no_reason_to_leave_an_entry(
    run: Import, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Client.call

    def answer(client: Client, method: str, path: Sequence[str], **more: Any) -> Any:
        if path[-1] == "preview":
            raise LostError("the API went away")
        return call(client, method, path, **more)

    monkeypatch.setattr(Client, "call", answer)
    lost = run("import", "crontab", crontab, *BOX, "--create", "--yes")
    assert (lost.exit_code, lost.stdout) == (6, "")
    assert "the API went away" in lost.stderr


def test_an_endpoint_that_cannot_be_made_stops_its_own_jobs_alone(
    run: Import, api: httpx.Client, workspace: str
) -> None:
    def item(name: str, **target: Any) -> dict[str, Any]:
        return {"name": name, "schedule": "0 9 * * 1", "httpTarget": {"uri": "https://example.com/x", **target}}

    text = json.dumps([item("good"), item("bad", headers={"Authorization": "Bearer hunter2"})])
    made = run("import", "cloud-scheduler", "-", "--create", "--yes", stdin=text)
    assert made.exit_code == 1
    assert "created 1 job and 1 endpoint" in made.stderr
    assert "secret.bad-authorization" in made.stderr
    assert "hunter2" not in made.output
    assert set(jobs_of(api, workspace)) == {"good"}
    value = {"value": "Bearer hunter2"}
    assert api.put(f"/v1/workspaces/{workspace}/secrets/bad-authorization", json=value).status_code in (200, 201)
    assert run("import", "cloud-scheduler", "-", "--create", "--yes", stdin=text).exit_code == 0
    assert set(jobs_of(api, workspace)) == {"good", "bad"}


def test_one_time_and_windowed_schedules_are_made(run: Import, api: httpx.Client, workspace: str) -> None:
    schedules = [
        {"Name": "once", "ScheduleExpression": "at(2998-07-01T09:00:00)", "ScheduleExpressionTimezone": "Asia/Tokyo"},
        {"Name": "window", "ScheduleExpression": "cron(30 23 L * ? 2090-2098)", "State": "DISABLED"},
        {"Name": "rate", "ScheduleExpression": "rate(5 minutes)", "CreationDate": "2026-01-01T10:03:31+00:00"},
    ]
    text = "\n".join(map(json.dumps, schedules))
    arguments = ("--endpoint", "relay", "--to", "https://relay.example.com", "--create", "--yes")
    made = run("import", "eventbridge", "-", *arguments, stdin=text)
    assert made.exit_code == 0, made.output
    jobs = jobs_of(api, workspace)
    assert jobs["once"]["run_at"] == "2998-07-01T00:00:00Z"
    window = jobs["window"]
    assert (window["status"], window["starts_at"], window["ends_at"]) == (
        "PAUSED",
        "2090-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    )
    assert jobs["rate"]["anchor"] == "2026-01-01T10:03:00Z"
    assert "nothing new" in run("import", "eventbridge", "-", *arguments, stdin=text).stderr


@pytest.mark.parametrize(
    ("source", "stdin", "why"),
    [
        ("crontab", b"a\0b", "line 1: NUL bytes are not allowed"),
        ("k8s-cronjob", b"a: [", "not valid YAML"),
        ("eventbridge", b"[", "line 1"),
        ("cloud-scheduler", b"x", "line 1: not valid JSON"),
        ("pg_cron", b"{}", "row 1"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_with_its_line(run: Import, source: str, stdin: bytes, why: str) -> None:
    refused = run("import", source, "-", stdin=stdin)
    assert (refused.exit_code, why in refused.stderr) == (1, True), refused.stderr


def test_a_crontab_of_the_system_is_known_by_its_place(
    run: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anacrontab").write_text("7 25 cron.weekly run-parts /etc/cron.weekly\n")
    refused = run("import", "crontab", tmp_path / "anacrontab", *BOX)
    assert (refused.exit_code, "anacrontab" in refused.stderr) == (1, True)
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setattr("kronos.cli.imports._SYSTEM_PLACES", (f"{tmp_path}/",))
        Path("php").write_text("0 0 * * * php /bin/a\n")
        shown = json.loads(run("import", "crontab", "php", *BOX, "--json").stdout)
        assert shown["jobs"][0]["job"]["input"] == {"command": "/bin/a", "user": "php"}
    line = "0 0 * * * root /bin/a\n"
    shown = json.loads(run("import", "crontab", "-", *BOX, "--system", "--json", stdin=line).stdout)
    assert shown["jobs"][0]["job"]["input"] == {"command": "/bin/a", "user": "root"}


def test_entries_of_pg_cron_are_taken_over_from_a_database_alone(run: Import) -> None:
    refused = run("import", "pg_cron", "-", "--unschedule", "--create", stdin="[]")
    assert (refused.exit_code, "--unschedule needs --create" in refused.stderr) == (2, True)
    assert run("import", "pg_cron", "--unschedule").exit_code == 2


def test_a_wrong_zone_is_the_options_error_not_that_of_each_entry(run: Import, crontab: Path) -> None:
    ended = run("import", "crontab", crontab, "--endpoint", "box", "--tz", "Berlin")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert '--tz: there is no time zone "Berlin"\nhint: Write Europe/Berlin instead.' in ended.stderr
    unset = run("import", "crontab", crontab, "--endpoint", "box", "--tz", "")
    assert (unset.exit_code, unset.stdout) == (2, "")
    assert "Error: --tz: string should have at least 1 character\n" in unset.stderr


@pytest.mark.parametrize("source", ["crontab", "k8s-cronjob", "eventbridge", "cloud-scheduler", "pg_cron"])
def test_an_empty_source_is_an_error(run: Import, source: str) -> None:
    """A pipe whose first command failed is empty."""
    ended = run("import", source, "-", "--endpoint", "box", "--create", "--yes", stdin="\n")
    assert (ended.exit_code, ended.stderr) == (1, "Error: <stdin> is empty: did the command that wrote it fail?\n")


def test_a_source_without_entries_is_said_to_have_none(run: Import) -> None:
    ended = run("import", "crontab", "-", "--endpoint", "box", stdin="# nothing yet\n")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "also  <stdin>  contains no entry to import",
        "0 translated, 0 of them new; 0 left",
    ]


def test_a_missing_endpoint_is_said_before_anything_is_created(run: Import, crontab: Path) -> None:
    said = "also  endpoint box  does not exist, so its jobs cannot be created: create it, or pass --to URL"
    assert said in run("import", "crontab", crontab, "--endpoint", "box").stdout.splitlines()
    assert "does not exist" not in run("import", "crontab", crontab, *BOX, "--create", "--yes").stdout
    assert "does not exist" not in run("import", "crontab", crontab, "--endpoint", "box").stdout


def test_existing_jobs_with_other_terms_are_counted(run: Import, crontab: Path) -> None:
    run("import", "crontab", crontab, *BOX, "--create", "--yes")
    again = run("import", "crontab", crontab, "--endpoint", "box", "--tz", "Asia/Kolkata", "--create", "--yes")
    said = "nothing new: all jobs exist, 2 of them with other terms, which were left unchanged\n"
    assert (again.exit_code, again.stderr) == (0, said)


def test_a_written_file_comes_with_the_commands_that_use_it(run: Import, crontab: Path, tmp_path: Path) -> None:
    file = tmp_path / "of web.yaml"
    said = run("import", "crontab", crontab, *BOX, "--write", file).stderr
    assert said == (f"written to '{file}': review it, then run kronos plan -f '{file}' and kronos apply -f '{file}'\n")
