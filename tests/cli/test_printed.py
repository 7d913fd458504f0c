"""What commands print for people: sentences, marks and figures, from answers of the API."""

import json
from typing import Any

import pytest

from cli.answering import Answering
from cli.commands import Kronos, printed

ID = "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"
AT = "2026-12-01T09:00:00Z"


def a_load(**known: Any) -> tuple[int, Any]:
    usual = {"from_at": AT, "until": "2026-12-01T11:01:00Z", "jobs": 1, "runs": [], "busiest": [],
             "pg_cron_per_minute": 8000, "worker_per_minute": 60_000, "left_out": 0}  # fmt: skip
    return 200, usual | known


CAPACITY = "capacity per minute: pg_cron 8,000 runs, one worker 60,000 deliveries"


def test_load_is_a_bar_per_hour_that_has_runs(tell: Kronos, told: Answering) -> None:
    runs = [0] * 242
    runs[0], runs[1], runs[59], runs[120], runs[240] = 1, 80, 40, 1_000, 1
    busiest = [{"at": "2026-12-01T11:00:00Z", "runs": 1_000}]
    told.answers["GET load"] = a_load(runs=runs, busiest=busiest, jobs=2, left_out=1_500)
    assert printed(tell, "load") == [
        "2 jobs, 1,122 runs from 2026-12-01T09:00:00Z to 2026-12-01T11:01:00Z",
        "hour  the busiest minute, and total runs",
        "+0    ### 80  121",
        "+2    ######################################## 1,000  1,000",
        "+4    # 1  1",
        "busiest minutes:",
        "  2026-12-01T11:00:00Z  1,000",
        CAPACITY,
        "! 1,500 jobs are not counted: too many different schedules, or ticks moved by calendars",
    ]
    assert printed(tell, "load", "--plain") == [
        f"2026-12-01T{time}:00Z\t{runs}"
        for time, runs in (("09:00", 1), ("09:01", 80), ("09:59", 40), ("11:00", 1000), ("13:00", 1))
    ]


def test_load_without_runs_has_no_bars(tell: Kronos, told: Answering) -> None:
    for runs in ([0] * 60, [], None):
        told.answers["GET load"] = a_load(runs=runs)
        assert printed(tell, "load") == [f"1 job, 0 runs from {AT} to 2026-12-01T11:01:00Z", CAPACITY]
    told.answers["GET load"] = a_load(runs=[1], from_at="soon")
    assert "does not say when its window begins" in printed(tell, "load", "--plain", code=1)[0]


def test_a_move_that_is_refused_says_how_many_were_moved_before(tell: Kronos, told: Answering) -> None:
    """The others would have to be found by reading each job."""
    ids = [ID, ID.replace("a10", "a11"), ID.replace("a10", "a12")]
    moves = [{"job_id": each, "version": 1, "offset_seconds": 60} for each in ids]
    told.answers["GET load/plan"] = 200, {"moves": moves, "before": 3, "after": 1}
    told.answers[f"PATCH jobs/{ids[1]}"] = 412, {"code": "precondition_failed", "detail": "job x is at version 2"}
    said = printed(tell, "load", "--apply", code=5)
    assert "job x is at version 2" in said[0]
    assert said[-1] == (
        "! 1 of 3 jobs moved before that. To plan the rest anew and move it: kronos load --apply, with the same "
        "--window"
    )
    assert [each.line for each in told.sent[-2:]] == [f"PATCH jobs/{each}" for each in ids[:2]]


def test_a_step_that_is_refused_says_what_the_steps_before_it_did(tell: Kronos, told: Answering) -> None:
    told.answers["POST jobs:bulk"] = [
        (200, {"done": 2, "refused": [], "next_cursor": "x"}),
        (403, {"code": "forbidden", "detail": "the key was revoked"}),
    ]
    said = printed(tell, "job", "bulk", "pause", "a", "b", "c", code=4)
    assert said[-1] == "! 2 jobs are paused. To continue, run the same command: nothing is done twice"


def test_one_minute_lists_its_jobs_and_how_to_spread_them(tell: Kronos, told: Answering) -> None:
    jobs = [{"job_id": ID, "name": None, "endpoint": "hook", "cron": None, "every": "90m", "timezone": "UTC"}]
    moves = [{"job": {"job_id": ID, "name": "report"}, "minutes": 3, "cron": "3 9 * * *"},
             {"job": {"job_id": ID, "name": None}, "minutes": 4, "cron": "4 9 * * *"}]  # fmt: skip
    spread = {"before": 7, "after": 3, "moves": moves}
    told.answers["GET load/minute"] = 200, {"number": 7, "jobs": jobs, "spread": spread}
    assert printed(tell, "load", "--at", AT, "--spread", "15") == [
        "JOB                                   ENDPOINT  SCHEDULE  ZONE",
        f"{ID}  hook      90m       UTC",
        "",
        "spread over 15 minutes, the busiest minute would have 3 runs, not 7:",
        "JOB                                   MINUTES LATER  ITS NEW CRON",
        "report                                3              3 9 * * *",
        f"{ID}  4              4 9 * * *",
        "move one: kronos job edit JOB --cron 'ITS NEW CRON'",
    ]
    assert told.sent[-1].query == {"window": "24h", "at": AT, "spread": "15"}
    assert printed(tell, "load", "--at", AT, "--plain") == [f"{ID}\thook\t90m\tUTC"]
    told.answers["GET load/minute"] = 200, {"number": 0, "jobs": [], "spread": None}
    assert printed(tell, "load", "--at", AT) == [f"! no job runs at {AT}"]


MOVE = {"job_id": ID, "name": "report", "version": 4, "tick": AT, "run_at_before": AT, "run_at": AT,
        "offset_seconds": 60, "spread_seconds": 300}  # fmt: skip


def test_a_plan_is_shown_or_applied_job_by_job(tell: Kronos, told: Answering) -> None:
    answer = {"moves": [MOVE], "before": 9, "after": 5, "jobs": 2, "left_out": 0}
    told.answers["GET load/plan"] = 200, answer
    lines = printed(tell, "load", "--plan")
    assert lines[1:] == [
        f"report  {AT}  {AT}  {AT}  60      300",
        "2 jobs can be moved; the busiest minute has 9 deliveries, and would have 5",
        "to apply this: kronos load --apply, with the same --window",
    ]
    assert printed(tell, "load", "--plan", "--plain") == [f"report\t{AT}\t{AT}\t{AT}\t60\t300"]
    assert printed(tell, "load", "--apply", "--window", "7d") == ["moved 1 job"]
    assert (told.sent[-1].line, told.sent[-1].body) == (f"PATCH jobs/{ID}", {"offset_seconds": 60})
    assert told.sent[-1].headers["if-match"] == '"4"'
    told.answers["GET load/plan"] = 200, {**answer, "moves": [], "jobs": 1, "left_out": 2_000}
    assert printed(tell, "load", "--plan") == [
        "1 job can be moved; the busiest minute has 9 deliveries, and would have 5",
        "! no move lowers the busiest minute",
        "! 2,000 more could be moved but were not considered: plan again after applying this",
    ]


@pytest.mark.parametrize(
    ("line", "options", "answer"),
    [
        ("GET load", [], a_load(runs=[1])[1]),
        ("GET load/minute", ["--at", AT], {"number": 0, "jobs": [], "spread": {"before": 1, "after": 1, "moves": []}}),
        ("GET load/plan", ["--plan"], {"moves": [MOVE], "before": 9, "after": 5, "left_out": 7}),
        ("GET load/plan", ["--apply"], {"moves": [], "before": 9, "after": 5}),
    ],
)
def test_the_answer_about_load_is_printed_whole_as_json(
    tell: Kronos, told: Answering, line: str, options: list[str], answer: Any
) -> None:
    told.answers[line] = 200, answer
    ended = tell("load", *options, "--json")
    assert (json.loads(ended.stdout), ended.stderr) == (answer, "")


OVERVIEW = {
    "at": AT, "minutes": [{"upcoming": 2}, {"upcoming": None}, {"upcoming": 3}], "coming_jobs": 1, "delivered": 7,
    "failed": 0, "is_delivered_cut": False, "failing": [], "late": [], "dead_letters": {"number": 4},
    "queue": {"running": 1, "waiting": 2, "waiting_since": None}, "alerts": {"live": 3, "open": 2},
    "pg_cron": {"is_ready": True, "worker_sessions": 1, "warnings": []},
}  # fmt: skip


def test_an_overview_is_a_sentence_per_fact(tell: Kronos, told: Answering) -> None:
    told.answers["GET overview"] = 200, OVERVIEW
    assert printed(tell, "overview") == [
        "last_hour     7 delivered, 0 failed",
        "next_hour     5 runs of 1 CRON job",
        "queue         1 running, 2 waiting",
        "workers       1 session",
        "dead_letters  4",
        "alerts        3 unresolved, 2 of them not acknowledged",
        "pg_cron       rings",
    ]
    failing = [{"job_name": None, "job_id": None, "endpoint": "hook", "failures": 5, "last_failed_at": AT,
                "execution_id": "x", "message": "refused"}]  # fmt: skip
    late = [{"job_name": "report", "job_id": ID, "number": 2, "since": AT, "why": "no worker"}]
    told.answers["GET overview"] = (
        200,
        {
            **OVERVIEW,
            "is_delivered_cut": True,
            "queue": {"running": 0, "waiting": 2, "waiting_since": AT},
            "pg_cron": {"is_ready": False, "worker_sessions": 0, "warnings": ["no launcher", "no worker"]},
            "failing": failing,
            "late": late,
        },
    )
    lines = printed(tell, "overview")
    assert lines[0].endswith("7 and more delivered, 0 failed")
    assert lines[2].endswith(f"0 running, 2 waiting since {AT}")
    assert lines[6].endswith("does not ring; no launcher; no worker")
    assert lines[7:9] == ["", "FAILING  FAILURES  LAST FAILED           EXECUTION  LATEST ERROR"]
    assert lines[9:] == [
        f"hook     5         {AT}  x          refused",
        "",
        "LATE    RUNS  SINCE                 WHY",
        f"report  2     {AT}  no worker",
    ]


def an_explanation(**known: Any) -> tuple[int, Any]:
    usual: dict[str, Any] = {"job_id": ID, "decision": "NOT_DUE", "because": "No tick.", "code": "c", "at": AT}
    return 200, usual | {"tick": None, "steps": [], "alerts": []} | known


def test_an_explanation_is_the_decision_and_the_steps_to_it(tell: Kronos, told: Answering) -> None:
    alerts = [{"rule": "nightly", "detail": "3 failed", "opened_at": AT, "resolved_at": None},
              {"rule": "nightly", "detail": "3 failed", "opened_at": AT, "resolved_at": "later"}]  # fmt: skip
    steps = [{"step": "schedule", "holds": True, "detail": "it matches"},
             {"step": "window", "holds": False, "detail": "over\x1b"}]  # fmt: skip
    told.answers["GET jobs/report/explain"] = an_explanation(tick=AT, steps=steps, alerts=alerts)
    told.answers[f"GET jobs/{ID}"] = 200, {"name": "report", "title": "The report"}
    assert printed(tell, "job", "explain", "report") == [
        "NOT_DUE  No tick.",
        f"code c, at {AT}, tick {AT}",
        "job The report (report)",
        "  + schedule      it matches",
        "  - window        over\\x1b",
        f"  ! alert         nightly: 3 failed, since {AT}",
        f"  ! alert         nightly: 3 failed, since {AT}, over since later",
    ]
    told.answers[f"GET jobs/{ID}"] = 200, {"name": None, "title": "The report"}
    assert printed(tell, "job", "explain", "report")[2] == "job The report"
    told.answers["GET jobs/report/explain"] = an_explanation()
    told.answers[f"GET jobs/{ID}"] = 200, {"name": "report", "title": None}
    assert printed(tell, "job", "explain", "report") == ["NOT_DUE  No tick.", f"code c, at {AT}"]
    told.answers["GET jobs/report/explain"] = an_explanation(steps=[{"step": "schedule", "holds": True}])
    assert "explains nothing" in printed(tell, "job", "explain", "report", code=1)[0]


def test_a_glance_is_a_sign_per_run(tell: Kronos, told: Answering) -> None:
    runs = ["SUCCESS", "FAILED", "EXPIRED", "MISSED", "RUNNING", "RETRYING", "SKIPPED"]
    data = [{"job_id": ID, "success_rate": 0.666, "p95_ms": 7, "overdue_since": None,
             "runs": [{"status": status} for status in runs]},
            {"job_id": "other", "success_rate": None, "p95_ms": None, "overdue_since": AT, "runs": []}]  # fmt: skip
    told.answers["GET jobs:glance"] = 200, {"data": data}
    assert printed(tell, "job", "glance", "--plain") == ["report\t67%\t7\t\t+xxm>~.", f"other\t\t\t{AT}\t"]
    told.answers["GET jobs"] = 200, {"data": [], "next_cursor": None}
    assert printed(tell, "job", "glance")[0].startswith("! no CRON job yet; create one:")
    many = [f"j-{number}" for number in range(51)]
    assert printed(tell, "job", "glance", *many, code=2)[-1] == "! Error: name at most 50 jobs"


def an_execution(status: str, **known: Any) -> tuple[int, Any]:
    usual = {"execution_id": "x", "status": status, "duration_ms": 1_234, "attempt_count": 1, "status_reason": None,
             "error": None}  # fmt: skip
    return 200, usual | known


@pytest.mark.parametrize(
    ("known", "code", "lines"),
    [
        ({"status": "SUCCESS"}, 0, ["SUCCESS  x after 1,234 ms"]),
        ({"status": "SUCCESS", "attempt_count": 2, "duration_ms": None}, 0, ["SUCCESS  x, 2 attempts"]),
        ({"status": "CANCELLED", "attempt_count": 0}, 1, ["CANCELLED  x after 1,234 ms"]),
        (
            {"status": "SKIPPED", "attempt_count": 0, "status_reason": {"code": "overlap", "detail": "still running"}},
            1,
            ["SKIPPED  x after 1,234 ms", "  still running (overlap)"],
        ),
        (
            {"status": "EXPIRED", "attempt_count": None, "status_reason": {"code": "c"}, "error": {"message": "m"}},
            1,
            ["EXPIRED  x after 1,234 ms", '  {"code":"c"}', '  {"message":"m"}'],
        ),
        (
            {"status": "MISSED", "attempt_count": 0, "status_reason": {"withheld": "You may not see it."}},
            1,
            ["MISSED  x after 1,234 ms", "  You may not see it."],
        ),
        (
            {"status": "FAILED", "attempt_count": 0, "status_reason": {"code": "a", "detail": "refused"},
             "error": {"type": "b", "message": "refused"}},
            1,
            ["FAILED  x after 1,234 ms", "  refused (a)"],
        ),
    ],
)  # fmt: skip
def test_the_end_of_an_execution_is_told_once(
    tell: Kronos, told: Answering, known: dict[str, Any], code: int, lines: list[str]
) -> None:
    told.answers["GET executions/x"] = an_execution(**known)
    found = printed(tell, "wait", "x", code=code)
    assert found == [*lines, f"! x is {known['status']}"]


@pytest.mark.parametrize(
    ("response", "line"),
    [
        ({"status": 500, "body": "disk\nfull"}, ["  attempt 2 got response 500: disk\\nfull"]),
        ({"status": None, "offset": 7}, ['  attempt 2 got response: {"status":null,"offset":7}']),
        ({"status": 500, "body": "x" * 2_001}, [f"  attempt 2 got response 500: {'x' * 2_000}…"]),
        ({"status": 500, "body": "x" * 2_000}, [f"  attempt 2 got response 500: {'x' * 2_000}"]),
        (None, []),
    ],
)  # fmt: skip
def test_a_failure_shows_the_response_to_its_last_attempt(
    tell: Kronos, told: Answering, response: Any, line: list[str]
) -> None:
    told.answers["GET executions/x"] = an_execution("FAILED", attempt_count=2)
    attempts = [{"attempt_number": 1, "response": {"body": "first"}}, {"attempt_number": 2, "response": response}]
    told.answers["GET executions/x/attempts"] = 200, {"data": attempts, "next_cursor": None}
    assert printed(tell, "wait", "x", code=1)[1:-1] == line


@pytest.mark.parametrize(
    ("detail", "line"),
    [
        ("field /cron: no such day", "error    0 0 30 2 * /cron: no such day"),
        ("/timezone: unknown", "error    0 0 30 2 * /timezone: unknown"),
        ("it is wrong", "error    0 0 30 2 *: it is wrong"),
    ],
)
def test_a_schedule_that_is_refused_is_an_error_of_its_field(
    tell: Kronos, told: Answering, detail: str, line: str
) -> None:
    errors = [{"pointer": "/cron", "detail": "x", "hint": "Use the 28th."}]
    told.answers["POST /v1/schedules/preview"] = 422, {"code": "invalid_cron", "detail": detail, "errors": errors}
    assert printed(tell, "lint", "0 0 30 2 *", code=1) == [line, "         Use the 28th."]


def test_a_surprise_is_a_warning_and_no_failure(tell: Kronos, told: Answering) -> None:
    told.answers["POST /v1/schedules/preview"] = 200, {"lints": ["twice\x1b"]}
    told.answers["POST /v1/schedules/parse"] = 200, {"preview": {"lints": []}}
    assert printed(tell, "lint", "0 2 * * *", "every monday") == ["warning  0 2 * * *: twice\\x1b"]
    assert printed(tell, "lint", "every monday") == ["! no errors or warnings"]
    assert told.sent[-1].body == {"sentence": "every monday", "count": 1}
    assert printed(tell, "lint", "90m", "--tz", "UTC", "--plain") == ["warning\t90m\t\ttwice\\x1b\t"]
    assert told.sent[-1].body == {"every": "90m", "timezone": "UTC", "count": 1}


def test_a_workspace_is_linted_schedule_by_schedule(tell: Kronos, told: Answering) -> None:
    def job(name: str | None, cron: str) -> dict[str, Any]:
        return {"job_id": ID, "name": name, "cron": cron, "timezone": "UTC"}

    jobs = [job("a", "1 1 * * *"), job("b", "2 2 * * *"), job("c", "1 1 * * *"), job(None, "3 3 * * *")]
    told.answers["GET jobs"] = 200, {"data": jobs, "next_cursor": None}
    told.answers["POST /v1/schedules/preview"] = 200, {"lints": ["L"]}
    told.answers["GET load"] = a_load(busiest=[{"at": AT, "runs": 9_000}, {"at": "then", "runs": 8_500}])
    assert printed(tell, "lint") == [
        "warning  a and 1 more: L",
        "warning  b: L",
        f"warning  {ID}: L",
        f"warning  minute {AT}: 9,000 runs are due in one minute, and pg_cron can ring for 8,000 per minute",
        f"         Spread them: `kronos load --at {AT}`.",
    ]
    assert [each.body["cron"] for each in told.sent if each.body] == ["1 1 * * *", "2 2 * * *", "3 3 * * *"]
    told.answers["GET load"] = a_load(busiest=[{"at": AT, "runs": 8_000}])
    assert len(printed(tell, "lint")) == 3


def test_what_is_started_is_shown_with_how_to_follow_it(tell: Kronos, told: Answering) -> None:
    begun = {"operation_id": "o", "kind": "REDRIVE", "status": "RUNNING", "done": 1, "failed": 0, "total": 2}
    told.answers["POST dead-letters/redrive"] = 202, begun
    follow = "! it continues on the server; to watch it: kronos operation watch o -w acme"
    assert printed(tell, "dead-letter", "redrive")[-1] == follow
    for failed, status, code in ((0, "COMPLETED", 0), (1, "COMPLETED", 1), (0, "CANCELLED", 1)):
        told.answers["GET operations/o"] = 200, {**begun, "status": status, "failed": failed}
        assert f"status        {status}" in printed(tell, "dead-letter", "redrive", "--watch", code=code)
    told.answers["POST dead-letters/redrive"] = 202, {**begun, "status": "COMPLETED"}
    assert not [line for line in printed(tell, "dead-letter", "redrive") if line.startswith("!")]


def test_a_workspace_that_is_deleted_in_the_background_is_an_operation(tell: Kronos, told: Answering) -> None:
    told.answers["DELETE /v1/workspaces/w"] = 202, {"operation_id": "o", "kind": "DELETION", "status": "RUNNING"}
    lines = printed(tell, "workspace", "rm", "w", "--yes")
    assert lines[-1] == "! it continues on the server; to watch it: kronos operation watch o -w w"
    assert told.sent[-1].query == {"confirm": "w"}
    printed(tell, "workspace", "rm", "w", "--confirm", "The Shop")
    assert told.sent[-1].query == {"confirm": "The Shop"}
    told.answers["DELETE /v1/workspaces/w"] = 204, None
    assert printed(tell, "workspace", "rm", "w", "--yes") == ["workspace w is deleted"]


@pytest.mark.parametrize(
    ("spec", "to"),
    [
        ({"url": "http://a"}, "http://a"),
        ({"bootstrap_servers": ["a:1", "b:2"], "topic": "t"}, "a:1,b:2 t"),
        ({"redis_url": "redis://a", "stream": "s"}, "redis://a s"),
        ({"smtp_url": "smtp://a", "to": ["x@y", "z@y"]}, "smtp://a x@y,z@y"),
        ({"smtp_url": "smtp://a"}, "smtp://a "),
        ({"url": 5}, ""),
        (None, ""),
    ],
)
def test_a_list_of_endpoints_shows_where_each_delivers_to(tell: Kronos, told: Answering, spec: Any, to: str) -> None:
    row = {"name": "e", "type": "T", "spec": spec, "version": 1, "updated_at": AT, "health": {"state": "OK"}}
    told.answers["GET endpoints"] = 200, {"data": [row, {**row, "health": None}], "next_cursor": None}
    assert printed(tell, "endpoint", "ls", "--plain") == [
        f"e\tT\t{to}\t1\tOK\t{AT}",
        f"e\tT\t{to}\t1\t\t{AT}",
    ]
    assert json.loads(tell("endpoint", "ls", "--json").stdout)[0] == row


def test_a_test_of_an_endpoint_ends_as_its_delivery(tell: Kronos, told: Answering) -> None:
    execution = {"execution_id": "x", "status": "FAILED", "error": {"type": "e"}}
    attempt = {"execution_id": "of the attempt", "duration_ms": 5, "response": {"status": 500}}
    told.answers["POST endpoints/e/test"] = 200, {"execution": execution, "attempt": attempt}
    assert printed(tell, "endpoint", "test", "e", code=1) == [
        "execution_id  x",
        "status        FAILED",
        "duration_ms   5",
        'response      {"status":500}',
        'error         {"type":"e"}',
    ]
    told.answers["POST endpoints/e/test"] = 200, {"execution": {**execution, "status": "SUCCESS"}, "attempt": None}
    assert printed(tell, "endpoint", "test", "e")[1] == "status        SUCCESS"
    told.answers["POST endpoints/e/test"] = 200, {"execution": "x"}
    assert "is not a delivery" in printed(tell, "endpoint", "test", "e", code=1)[0]
