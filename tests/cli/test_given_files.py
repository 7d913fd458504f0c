"""What commands read from files and standard input, and what they write to files: without an API behind them."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from cli.answering import Answering
from cli.commands import Kronos

ID = "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "given"


def asked(told: Answering) -> list[Any]:
    """Return the bodies that were sent."""
    return [each.body for each in told.sent if each.body is not None]


def refused(tell: Kronos, *arguments: str, stdin: str | None = None) -> str:
    ended = tell(*arguments, stdin=stdin)
    assert ended.exit_code == 2, ended.output
    return ended.stderr.rpartition("Error: ")[2].strip()


def test_each_line_of_a_file_is_a_schedule_except_for_comments(tell: Kronos, told: Answering, file: Path) -> None:
    file.write_text("# ours\n\n  0 9 * * 1  \n90m\n")
    assert tell("lint", "-f", str(file), "--tz", "UTC").exit_code == 0
    assert asked(told) == [
        {"cron": "0 9 * * 1", "timezone": "UTC", "count": 1},
        {"every": "90m", "timezone": "UTC", "count": 1},
    ]
    assert told.sent[0].line == "GET /v1/me"  # a key that is rejected is no fault of a schedule


@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"jobs": [{}]}}'])
def test_a_job_of_a_file_is_checked_by_the_apis_own_model(tell: Kronos, told: Answering, file: Path, form: str) -> None:
    job = {"name": "report", "endpoint": "hook", "trigger": "CRON", "cron": "0 9 * * 1", "priority": 99}
    file.write_text(form.format(json.dumps(job)) if form != "{}" else json.dumps(job))
    ended = tell("lint", "-f", str(file), "--plain")
    assert (ended.exit_code, len(ended.stdout.splitlines())) == (1, 1)
    assert ended.stdout.startswith("error\treport\t/priority\t")
    assert asked(told) == [{"cron": "0 9 * * 1", "count": 1}]  # its schedule is well


def test_a_schedule_that_is_no_text_is_told_once(tell: Kronos, told: Answering, file: Path) -> None:
    jobs = [{"endpoint": "hook", "trigger": "CRON", "cron": 5}, {"endpoint": "hook", "trigger": "IMMEDIATE"}]
    file.write_text(json.dumps(jobs))
    ended = tell("lint", "-f", str(file), "--json")
    (found,) = json.loads(ended.stdout)
    assert (ended.exit_code, found["of"], found["severity"], found["pointer"]) == (1, "job 1", "error", "/cron")
    assert asked(told) == []


def test_a_job_that_exists_is_not_held_to_what_a_new_one_is(tell: Kronos, told: Answering, file: Path) -> None:
    every = {"job_id": ID, "every": "2d", "anchor": "2026-12-01T08:00:00Z", "timezone": "Europe/Berlin"}
    file.write_text(json.dumps([every | {"anchor_local": "2026-12-01T09:00:00"}, every, {"job_id": ID, "cron": None}]))
    ended = tell("lint", "-f", str(file))
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert [each["anchor"] for each in asked(told)] == ["2026-12-01T09:00:00", "2026-12-01T08:00:00Z"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"jobs": 5}', "contains no jobs: write a job, a list of jobs, or an object with a list `jobs`"),
        ("[{}, 5]", "contains no jobs: write a job, a list of jobs, or an object with a list `jobs`"),
        ('{"a": 1, "a": 2}', "is not valid JSON: "),
        ("[", "is not valid JSON: "),
    ],
)
def test_a_file_without_jobs_is_refused(tell: Kronos, file: Path, text: str, said: str) -> None:
    file.write_text(text)
    assert refused(tell, "lint", "-f", str(file)).startswith(f"{file} {said}")


def test_one_source_of_schedules_is_enough(tell: Kronos, told: Answering, file: Path) -> None:
    file.write_text("90m\n")
    assert refused(tell, "lint", "90m", "-f", str(file)).startswith("schedules and --file are both given")
    file.write_bytes(b"\xff")
    assert "cannot be read" in refused(tell, "lint", "-f", str(file))
    assert tell("lint", "-f", "-", stdin="90m\n").exit_code == 0
    assert asked(told) == [{"every": "90m", "count": 1}]


def test_the_value_of_a_secret_comes_from_a_file_or_standard_input(tell: Kronos, told: Answering, file: Path) -> None:
    file.write_text("correct horse\n")
    for options, stdin in ((["--file", str(file)], "x"), (["--file", "-"], "correct horse\n"), ([], "correct horse\n")):
        assert "version" in tell("secret", "set", "token", *options, stdin=stdin).stdout
        assert told.sent[-1].body == {"value": "correct horse"}
        assert "if-none-match" not in told.sent[-1].headers


def test_a_secret_that_is_too_large_is_sent_whole_enough_to_be_refused(
    tell: Kronos, told: Answering, file: Path
) -> None:
    file.write_text("x" * 70_000)
    for options, stdin in ((["--file", str(file)], None), ([], "x" * 70_000)):
        tell("secret", "create", "token", *options, stdin=stdin)
        assert 65_536 < len(told.sent[-1].body["value"]) < 70_000


def test_a_value_that_is_none_is_refused_without_being_shown(tell: Kronos, told: Answering, file: Path) -> None:
    assert "a secret's value cannot be an argument" in refused(tell, "secret", "set", "token", "hunter2")
    assert "hunter2" not in tell("secret", "set", "token", "hunter2").output
    assert refused(tell, "secret", "create", "token", stdin="\n") == "standard input is empty"
    file.write_bytes(b"\xff\xfe")
    assert refused(tell, "secret", "set", "t", "--file", str(file)).startswith(f"{file} is not UTF-8: encode the value")
    missing = str(file.with_name("missing"))
    said = f"cannot read a value from {missing}: No such file or directory"
    assert refused(tell, "secret", "set", "t", "--file", missing) == said
    assert asked(told) == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["job", "trigger", "j", "--input"], "input"),
        (["endpoint", "render", "e", "--input"], "input"),
    ],
)
def test_an_input_comes_from_the_command_line_a_file_or_standard_input(
    tell: Kronos, told: Answering, file: Path, arguments: list[str], field: str
) -> None:
    file.write_text('{"a": "é"}')
    for text in ('{"a": "é"}', f"@{file}", "-"):
        assert tell(*arguments, text, stdin=file.read_text()).exit_code == 0
        assert told.sent[-1].body == {field: {"a": "é"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("@missing", "the file 'missing' cannot be read: No such file or directory"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000, "nested"),
        ("", "not valid JSON"),
    ],
)
def test_an_input_that_is_none_is_refused(tell: Kronos, told: Answering, text: str, said: str) -> None:
    assert said in refused(tell, "job", "trigger", "j", "--input", text)
    assert told.sent == []


def test_standard_input_is_read_once(tell: Kronos, told: Answering) -> None:
    said = refused(tell, "endpoint", "create", "e", "--to", "http://a", "--spec", "-", "--body", "-", stdin="{}")
    assert "standard input can be read only once: pass one of the two as a file" in said
    assert told.sent == []


def test_a_new_key_is_written_to_a_file_of_its_own_and_not_shown(tell: Kronos, told: Answering, file: Path) -> None:
    key = "kr_live_0123456789ab_abcdefghijklmnopqrstuvwxyz012345"
    told.answers["POST keys"] = 201, {"public_id": "0123456789ab", "role": "admin", "key": key}
    ended = tell("key", "create", "--role", "admin", "--out", str(file))
    assert (ended.exit_code, file.read_text().strip()) == (0, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"in {file}" in ended.stdout
    assert "abcdefghij" not in ended.output
    again = tell("key", "create", "--role", "admin", "--out", str(file))
    assert (again.exit_code, f"{file} exists: a key never overwrites a file" in again.stderr) == (5, True)
    assert len(asked(told)) == 1  # no key was created that would be lost
    other = refused(tell, "key", "rotate", "abcdefabcdef", "--out", str(file / "below"))
    assert f"{file} is not a folder that you can write to; no key was created" in other
    assert key in tell("key", "create", "--role", "admin").stdout


def test_a_key_that_may_not_list_workspaces_is_told_what_it_may_list(tell: Kronos, told: Answering) -> None:
    told.answers["GET /v1/workspaces"] = 403, {"code": "forbidden", "detail": "not this key"}
    ended = tell("workspace", "ls")
    assert ended.exit_code == 4
    assert ended.stderr == (
        "Error: not this key\nhint: List the workspaces that this key may see: `kronos workspace mine`.\n"
    )
    told.answers["GET /v1/me"] = 401, {"code": "unauthorized", "detail": "an unknown key"}
    assert tell("workspace", "ls").stderr == "Error: an unknown key\n"
    told.answers["GET /v1/workspaces"] = 404, {"code": "not_found", "detail": "no organization"}
    assert (tell("workspace", "ls").exit_code, tell("workspace", "ls").stderr) == (3, "Error: no organization\n")


def test_what_would_be_deleted_is_counted(tell: Kronos, told: Answering) -> None:
    contents = {"workspace": "w", "is_empty": False, "counted_up_to": 1000, "contents": {"jobs": 3}}
    told.answers["DELETE /v1/workspaces/w"] = 200, contents
    ended = tell("workspace", "rm", "w", "--dry-run", "--plain")
    assert ended.stdout == 'workspace\tw\nis_empty\tfalse\ncounted_up_to\t1000\ncontents\t{"jobs":3}\n'
    assert told.sent[-1].query == {"validate_only": "true"}


@pytest.mark.parametrize(
    ("status", "code", "exit"),
    [
        (400, "bad", 2), (401, "unauthorized", 4), (403, "forbidden", 4), (404, "job_not_found", 3), (409, "c", 5),
        (412, "c", 5), (413, "c", 2), (422, "c", 2), (428, "c", 5), (418, "c", 1),
        (404, None, 1), (409, None, 1),
    ],
)  # fmt: skip
def test_an_exit_code_tells_what_kind_of_refusal_it_was(
    tell: Kronos, told: Answering, status: int, code: str | None, exit: int
) -> None:
    """The 404 of another server does not mean that the job does not exist."""
    errors = [{"pointer": "/a", "detail": "A", "hint": "Do a."}, {"pointer": "", "detail": "B", "hint": "Do a."}]
    told.answers["GET jobs/j"] = status, {"detail": "it is so", "errors": errors} | ({"code": code} if code else {})
    ended = tell("job", "get", "j")
    assert ended.exit_code == exit
    assert ended.stderr == "Error: it is so\n/a: A\nbody: B\nhint: Do a.\n"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("123456789012345678901234567890", "a number in it has more than 64 bits"),
        ("1e400", "a number in it is too large"),
    ],
)
def test_a_number_that_cannot_be_stored_stops_its_own_entry_alone(
    tell: Kronos, told: Answering, number: str, reason: str
) -> None:
    def item(name: str, value: str) -> str:
        target = f'{{"Arn": "arn:x", "SqsParameters": {{"n": {value}}}}}'
        return f'{{"Name": "{name}", "ScheduleExpression": "rate(1 day)", "Target": {target}}}'

    told.answers["GET jobs"] = 200, {"data": [], "next_cursor": None}
    run = {"at": "2026-12-01T09:00:00Z", "local": "2026-12-01T09:00:00+00:00", "dst": None}
    preview = {"description": "Every day", "next_runs": [run], "lints": [], "skipped": []}
    told.answers["POST /v1/schedules/preview"] = 200, preview
    text = f"[{item('bad', number)}, {item('good', '7')}]"
    ended = tell("import", "eventbridge", "-", "--endpoint", "relay", stdin=text)
    assert ended.exit_code == 0, ended.output
    (left,) = [line for line in ended.stdout.splitlines() if line.startswith("left")]
    assert left.endswith(reason)
    assert ended.stdout.splitlines()[-1] == "1 translated, 1 of them new; 1 left"
