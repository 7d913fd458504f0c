"""Lists of several pages, `kronos next` and the facts of an instance, from answers of the API."""

import json
from typing import Any

import pytest

from cli.answering import Answering
from cli.commands import Kronos, printed
from cli.test_printed import OVERVIEW, an_explanation
from kronos.cli import following, wait
from kronos.cli.schedule_texts import kind_of

AT = "2026-12-01T09:00:00Z"


def a_page(*names: str, cursor: object = None) -> tuple[int, Any]:
    return 200, {"data": [{"name": name} for name in names], "next_cursor": cursor}


@pytest.mark.parametrize(("limit", "sizes"), [("7", ["7"]), ("200", ["200"]), ("201", ["200"]), ("500", ["200"])])
def test_a_page_has_as_many_rows_as_are_wanted_and_the_api_gives(
    tell: Kronos, told: Answering, limit: str, sizes: list[str]
) -> None:
    told.answers["GET configs"] = a_page("a")
    printed(tell, "config", "ls", "--limit", limit)
    assert [each.query["limit"] for each in told.sent] == sizes


def test_a_list_goes_on_until_it_is_long_enough(tell: Kronos, told: Answering) -> None:
    told.answers["GET configs"] = a_page(*map(str, range(200)), cursor="next")
    ended = tell("config", "ls", "--limit", "400", "--plain")
    assert (ended.exit_code, len(told.sent)) == (1, 2)  # the same page again
    assert "is a list whose pages do not advance" in ended.stderr
    assert [(each.query.get("cursor"), each.query["limit"]) for each in told.sent] == [(None, "200"), ("next", "200")]
    told.sent.clear()
    ended = tell("config", "ls", "--limit", "200", "--plain")
    assert (ended.exit_code, len(ended.stdout.splitlines()), len(told.sent)) == (0, 200, 1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": 5, "next_cursor": None}, "has no list of objects in data"),
        ({"data": ["a"], "next_cursor": None}, "has no list of objects in data"),
        ({"data": [], "next_cursor": 5}, "is a list whose pages do not advance"),
        ({"next_cursor": None}, "has no data"),
    ],
)
def test_what_is_no_list_is_told(tell: Kronos, told: Answering, answer: Any, said: str) -> None:
    told.answers["GET configs"] = 200, answer
    assert said in printed(tell, "config", "ls", code=1)[0]


@pytest.mark.parametrize(
    ("status", "answer", "code", "said"),
    [
        (200, [1], 1, "returned status 200, but no Kronos response: check that it is Kronos"),
        (302, {"a": 1}, 1, "returned status 302, but no Kronos response: check that it is Kronos"),
        (503, "busy", 6, "returned status 503, but no Kronos response: check that it is Kronos"),
        (504, None, 7, "returned status 504, but no Kronos response: check that it is Kronos"),
        (500, {"code": "internal_error", "detail": "a fault"}, 1, "a fault"),
        (429, {"detail": "slowly"}, 6, "slowly"),
        (200, {"nothing": 1}, 1, "has none of name, "),
    ],
)
def test_what_is_no_answer_is_told_with_a_code(
    tell: Kronos, told: Answering, status: int, answer: Any, code: int, said: str
) -> None:
    told.answers["GET jobs/j"] = status, answer
    assert said in printed(tell, "job", "get", "j", code=code)[0]


@pytest.mark.parametrize("name", ["", ".", "..", "j/status", "../endpoints/e"])
def test_a_name_that_would_lead_elsewhere_is_not_asked_for(tell: Kronos, told: Answering, name: str) -> None:
    assert f"{name!r} is neither a name nor an id" in printed(tell, "job", "get", name, code=2)[0]
    assert told.sent == []


def test_a_name_stays_one_part_of_the_address(tell: Kronos, told: Answering) -> None:
    printed(tell, "job", "get", "a%2Fb c?d")
    assert told.sent[-1].line == "GET jobs/a%2Fb c?d"  # decoded; the server's path is checked by its own tests
    assert told.sent[-1].headers["authorization"] == "Bearer kr_live_x"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0 9 * * 1", "cron"), ("*/5 8-17 * * mon", "cron"), ("@daily", "cron"), ("@Daily ", "cron"), ("0 9", "cron"),
        ("? ? * * *", "cron"), ("90m", "every"), ("1.5h", "every"), ("2 weeks", "every"), ("P1D", "every"),
        ("PT5M", "every"), ("1mo", "every"), ("every day", "sentence"), ("9 am on Mondays", "sentence"),
        ("daily", "sentence"), ("", "sentence"), ("5", "sentence"), ("1h30m", "sentence"), ("@ daily", "sentence"),
    ],
)  # fmt: skip
def test_a_schedule_is_told_by_its_form(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def a_preview(**known: Any) -> tuple[int, Any]:
    return 200, {"description": "At 02:30", "next_runs": [], "skipped": [], "lints": [], **known}


def a_run(at: str, local: str, dst: str | None = None) -> dict[str, Any]:
    return {"at": at, "local": local, "dst": dst, "rolled_from": None, "reason": None, "run_at": None}


def a_skip(at: str, local: str) -> dict[str, Any]:
    return {"at": at, "local": local, "dst": "skipped", "reason": None}


def test_the_next_runs_are_a_line_each_in_their_zone_and_in_utc(tell: Kronos, told: Answering) -> None:
    told.answers["POST /v1/schedules/preview"] = a_preview(
        next_runs=[
            a_run("2027-03-27T01:30:00Z", "2027-03-27T02:30:00+01:00"),
            a_run("2027-03-28T01:00:00Z", "2027-03-28T03:00:00+02:00", "shifted"),
            a_run("2027-10-31T00:30:00Z", "2027-10-31T02:30:00+02:00", "repeated"),
        ],
        skipped=[a_skip("2027-03-28T01:00:00Z", "2027-03-28T02:30:00+01:00")],
        lints=["it is shifted"],
    )
    assert printed(tell, "next", "30 2 * * *", "--url", told.url, "--tz", "Europe/Berlin", "-n", "3") == [
        "At 02:30",
        "Sat 2027-03-27 02:30 +01:00  2027-03-27 01:30 UTC",
        "Sun 2027-03-28 02:30 +01:00  does not exist        skipped",
        "Sun 2027-03-28 03:00 +02:00  2027-03-28 01:00 UTC  shifted",
        "Sun 2027-10-31 02:30 +02:00  2027-10-31 00:30 UTC  repeated",
        "note: it is shifted",
    ]
    assert told.sent[-1].body == {
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "count": 3,
        "dst_gap": "SHIFT",
        "dst_overlap": "FIRST",
    }


def test_seconds_are_shown_where_there_are_some(tell: Kronos, told: Answering) -> None:
    runs = [a_run("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
            a_run("2026-12-01T09:00:30Z", "2026-12-01T09:00:30+00:00", "repeated")]  # fmt: skip
    told.answers["POST /v1/schedules/preview"] = a_preview(next_runs=runs)
    assert printed(tell, "next", "30s", "--url", told.url)[1:] == [
        "Tue 2026-12-01 09:00:00 +00:00  2026-12-01 09:00:00 UTC",
        "Tue 2026-12-01 09:00:30 +00:00  2026-12-01 09:00:30 UTC  repeated",
    ]
    assert told.sent[-1].body["every"] == "30s"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["every monday at 9:00"], {"cron": "0 9 * * 1"}),
        (["every 90 minutes"], {"every": "90m"}),
        (["--every", "90m", "--anchor", "t"], {"every": "90m", "anchor": "t"}),
        (["0 9 * * *", "--dst-gap", "skip", "--dst-overlap", "both", "--after", "t"],
         {"cron": "0 9 * * *", "dst_gap": "SKIP", "dst_overlap": "BOTH", "after": "t"}),
    ],
)  # fmt: skip
def test_a_schedule_in_any_form_is_asked_for(
    tell: Kronos, told: Answering, arguments: list[str], body: dict[str, str]
) -> None:
    told.answers["POST /v1/schedules/preview"] = a_preview()
    assert printed(tell, "next", *arguments, "--url", told.url) == ["At 02:30"]
    usual = {"timezone": "UTC", "count": 10, "dst_gap": "SHIFT", "dst_overlap": "FIRST"}
    assert {name: value for name, value in told.sent[-1].body.items() if value is not None} == usual | body


def test_a_preview_that_is_none_is_told(tell: Kronos, told: Answering) -> None:
    for known in ({"next_runs": [{"at": "soon"}]}, {"skipped": [5]}, {"next_runs": [a_run("soon", AT)]}):
        told.answers["POST /v1/schedules/preview"] = a_preview(**known)
        assert "is not a preview of a schedule" in printed(tell, "next", "0 9 * * *", "--url", told.url, code=1)[0]
    told.answers["POST /v1/schedules/preview"] = 200, {"description": "x"}
    assert "has no next_runs, skipped, lints" in printed(tell, "next", "0 9 * * *", "--url", told.url, code=1)[0]
    said = printed(tell, "next", "90m", "--every", "1h", "--url", told.url, code=2)
    assert said[-1] == "! Error: EXPR and --every are both intervals: pass only one of the two"
    assert "EXPR: " in printed(tell, "next", "every now and then", "--url", told.url, code=2)[0]


def test_the_state_of_an_instance_is_one_list_of_facts(tell: Kronos, told: Answering) -> None:
    answer = {"status": {"overdue_jobs": 0, "is_held": False}, "warnings": ["no worker"], "steps": []}
    told.answers["GET /v1/system/status"] = 200, answer
    assert printed(tell, "system", "status", "--plain")[0] == 'warnings\t["no worker"]'
    assert [each.split() for each in printed(tell, "system", "status")] == [
        ["warnings", '["no', 'worker"]'],
        ["overdue_jobs", "0"],
        ["is_held", "false"],
    ]
    assert json.loads(tell("system", "status", "--json").stdout) == answer


def test_history_is_how_long_it_is_kept_and_its_partitions(tell: Kronos, told: Answering) -> None:
    partition = {"history": "h", "partition": "p", "from_at": AT, "until_at": AT, "rows": 1, "bytes": 2}
    told.answers["GET /v1/system/history"] = 200, {"retention": {"success_days": 7}, "partitions": [partition]}
    lines = printed(tell, "system", "history")
    assert (lines[0].split(), lines[1]) == (["success_days", "7"], "")
    assert printed(tell, "system", "history", "--plain") == [f"h\tp\t{AT}\t{AT}\t1\t2"]
    told.answers["GET /v1/system/history"] = 200, {"retention": {"success_days": 7}, "partitions": []}
    assert printed(tell, "system", "history")[-1] == "! there are no partitions: run `kronos migrate`"


def test_differences_that_are_not_listed_are_counted(tell: Kronos, told: Answering) -> None:
    told.answers["GET /v1/system/drift"] = 200, {"differences": 1_202, "data": [{"difference": "MISSING"}] * 2}
    assert printed(tell, "system", "drift")[-1] == "! 1,200 more differences not listed"
    told.answers["GET /v1/system/drift"] = 200, {"differences": 2, "data": [{"difference": "MISSING"}] * 2}
    assert not printed(tell, "system", "drift")[-1].startswith("!")
    told.answers["GET /v1/system/drift"] = 200, {"differences": 0, "data": []}
    assert printed(tell, "system", "drift") == ["! jobs and entries agree"]


def test_incidents_name_what_they_are_about(tell: Kronos, told: Answering) -> None:
    subjects = ({"kind": "JOB", "name": "report"}, {"kind": "ALL"}, "x")
    rows = [{"incident_id": "i", "subject": subject} for subject in subjects]
    told.answers["GET incidents"] = 200, {"data": rows, "next_cursor": None}
    assert [each.split("\t")[4] for each in printed(tell, "alert", "ls", "--plain")] == ["report", "ALL", "x"]
    assert json.loads(tell("alert", "ls", "--json").stdout) == rows


def test_a_heartbeat_is_shown_with_its_alerts(tell: Kronos, told: Answering) -> None:
    alert = {"rule": "r", "detail": "late", "opened_at": AT}
    told.answers["GET incidents"] = 200, {"data": [alert], "next_cursor": None}
    assert printed(tell, "heartbeat", "get", "h")[-3:] == [
        "",
        "ALERT  WHAT  SINCE",
        f"r      late  {AT}",
    ]
    assert told.sent[-1].query == {"limit": "10", "status": "LIVE", "heartbeat": "h"}
    told.answers["GET incidents"] = 200, {"data": [], "next_cursor": None}
    assert "" not in printed(tell, "heartbeat", "get", "h")
    for form in ("--plain", "--json"):
        told.sent.clear()
        printed(tell, "heartbeat", "get", "h", form)
        assert [each.line for each in told.sent] == ["GET heartbeats/h"]


def test_a_one_shot_that_has_run_has_no_next_run(tell: Kronos, told: Answering) -> None:
    rows = [{"name": name, "status": name, "run_at": AT} for name in ("ACTIVE", "PAUSED", "RETIRED")]
    told.answers["GET jobs"] = 200, {"data": rows, "next_cursor": None}
    assert [each.split("\t")[5] for each in printed(tell, "job", "ls", "--plain")] == [AT, AT, ""]
    assert json.loads(tell("job", "ls", "--json").stdout) == rows


def test_terms_that_say_nothing_are_left_out_for_people(tell: Kronos, told: Answering) -> None:
    job = {"name": "report", "on_blackout": "SKIP", "calendars": [], "offset_seconds": 0}
    told.answers["GET jobs/report"] = 200, job
    assert printed(tell, "job", "get", "report") == ["name  report"]
    told.answers["GET jobs/report"] = 200, {**job, "calendars": ["c"], "offset_seconds": 5}
    assert [each.split()[0] for each in printed(tell, "job", "get", "report")] == [
        "name", "offset_seconds", "calendars", "on_blackout",
    ]  # fmt: skip
    assert "on_blackout\tSKIP" in printed(tell, "job", "get", "report", "--plain")


def test_runs_that_calendars_move_show_what_they_stand_for(tell: Kronos, told: Answering) -> None:
    runs = [{"local": "l", "at": AT, "dst": None, "rolled_from": None}]
    told.answers["GET jobs/j/next-runs"] = 200, {"next_runs": runs}
    assert printed(tell, "job", "next-runs", "j")[0].split() == ["LOCAL", "UTC", "CLOCK", "CHANGE"]
    told.answers["GET jobs/j/next-runs"] = 200, {"next_runs": [*runs, {**runs[0], "rolled_from": "before"}]}
    assert printed(tell, "job", "next-runs", "j")[0].endswith("IN PLACE OF")
    told.answers["GET jobs/j/next-runs"] = 200, {"next_runs": []}
    assert printed(tell, "job", "next-runs", "j") == ["! j has no upcoming run"]


def in_turn(*statuses: str) -> list[tuple[int, Any]]:
    return [(200, {"execution_id": "x", "status": status, "attempt_count": 0}) for status in statuses]


def test_an_execution_is_looked_at_until_it_has_ended(
    tell: Kronos, told: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_FIRST_LOOK_SECONDS", 0.001)
    told.answers["GET executions/x"] = in_turn("QUEUED", "RUNNING", "RUNNING", "SUCCESS")
    told.answers["GET executions/y"] = in_turn("RUNNING", "FAILED")
    assert printed(tell, "wait", "x", "y", "x", code=1) == [
        "SUCCESS  x", "FAILED  x", "! x is QUEUED", "! y is RUNNING", "! x is RUNNING", "! y is FAILED",
        "! x is SUCCESS",
    ]  # fmt: skip
    lines = [each.line for each in told.sent if "executions" in each.line]
    assert (lines.count("GET executions/x"), lines.count("GET executions/y")) == (4, 2)


def test_a_time_that_is_over_leaves_what_has_not_ended(tell: Kronos, told: Answering) -> None:
    told.answers["GET executions/x"] = in_turn("RUNNING")
    told.answers["GET executions/y"] = in_turn("SUCCESS")
    lines = printed(tell, "wait", "x", "y", "--timeout", "0.05", code=7)
    assert lines[:2] == ["RUNNING  x", "SUCCESS  x"]
    assert lines[-1] == (
        "! the timeout of 0.05 s has expired. Not ended: x. To continue waiting: kronos wait x -w acme"
    )


def test_a_time_that_is_over_says_what_is_waited_for(tell: Kronos, told: Answering) -> None:
    reason = {"code": "waiting", "detail": "endpoint hook is disabled: it was disabled by hand"}
    told.answers["GET executions/x"] = 200, {"execution_id": "x", "status": "QUEUED", "status_reason": reason}
    lines = printed(tell, "wait", "x", "--timeout", "0.05", code=7)
    assert lines[:2] == ["QUEUED  x", "  endpoint hook is disabled: it was disabled by hand (waiting)"]


def test_an_api_that_is_away_for_a_moment_is_asked_again(
    tell: Kronos, told: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "sleep", lambda seconds: None)
    busy = (503, {"code": "overloaded", "detail": "busy"})
    told.answers["GET executions/x"] = [busy, busy, *in_turn("SUCCESS")]
    assert printed(tell, "wait", "x")[1:] == ["! busy: retrying", "! busy: retrying", "! x is SUCCESS"]
    told.answers["GET executions/x"] = 404, {"code": "not_found", "detail": "no execution"}
    assert printed(tell, "wait", "x", code=3) == ["! Error: no execution"]


def test_more_ticks_are_where_the_answer_says(tell: Kronos, told: Answering) -> None:
    tick = {"tick": AT, "disposition": "MISSED", "execution_id": None, "because": "down"}
    told.answers["GET jobs/j/ticks"] = 200, {"data": [tick], "next_from": AT}
    assert printed(tell, "job", "ticks", "j")[-1] == f"! more ticks follow: --from {AT}"
    told.answers["GET jobs/j/ticks"] = 200, {"data": [tick], "next_from": None}
    assert printed(tell, "job", "ticks", "j", "--plain") == [f"{AT}\tMISSED\t\tdown"]


@pytest.mark.parametrize(
    ("line", "arguments", "answer", "plain"),
    [
        ("GET overview", ["overview"], OVERVIEW, f"at\t{AT}"),
        ("GET jobs/j/explain", ["job", "explain", "j"], an_explanation()[1], "decision\tNOT_DUE"),
        ("GET /v1/me", ["me"], {"kind": "key", "actor": "a", "email": None, "grants": []}, "kind\tkey"),
    ],
)
def test_an_answer_is_whole_for_programs(
    tell: Kronos, told: Answering, line: str, arguments: list[str], answer: Any, plain: str
) -> None:
    told.answers[line] = 200, answer
    assert json.loads(tell(*arguments, "--json").stdout) == answer
    assert plain in printed(tell, *arguments, "--plain")
