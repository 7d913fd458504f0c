"""The request that each tool makes: its path, its query string or body, and what keeps it from being made twice or
against another version. A dry run makes none that changes anything.
"""

import asyncio
from typing import Any

import pytest

from cli.answering import Answering
from cli.tool_calls import api, called, requests
from kronos.cli.client import Client
from kronos.model import Json

ID = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"
SINCE, UNTIL = "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"


READS: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("list_jobs", {}, "jobs", {"limit": "20"}),
    (
        "list_jobs",
        {"search": "r", "status": "ACTIVE", "trigger": "CRON", "endpoint": "e", "tag": "t", "limit": 5, "cursor": "c"},
        "jobs",
        {"q": "r", "status": "ACTIVE", "trigger": "CRON", "endpoint": "e", "tag": "t", "limit": "5", "cursor": "c"},
    ),
    ("get_job", {"job": "j"}, "jobs/j", {}),
    ("get_job_status", {"job": "j"}, "jobs/j/status", {}),
    ("explain_job", {"job": "j"}, "jobs/j/explain", {}),
    ("explain_job", {"job": "j", "at": SINCE}, "jobs/j/explain", {"at": SINCE}),
    ("list_next_runs", {"job": "j"}, "jobs/j/next-runs", {"count": "10"}),
    ("list_next_runs", {"job": "j", "count": 3}, "jobs/j/next-runs", {"count": "3"}),
    ("list_ticks", {"job": "j"}, "jobs/j/ticks", {"limit": "50"}),
    (
        "list_ticks", {"job": "j", "since": SINCE, "until": UNTIL, "limit": 7}, "jobs/j/ticks",
        {"from": SINCE, "to": UNTIL, "limit": "7"},
    ),
    (
        "list_executions",
        {
            "job": "j", "status": "FAILED", "endpoint": "e", "scheduled_after": SINCE, "scheduled_before": UNTIL,
            "cursor": "c",
        },
        "executions",
        {
            "job": "j", "status": "FAILED", "endpoint": "e", "scheduled_after": SINCE, "scheduled_before": UNTIL,
            "cursor": "c", "limit": "20",
        },
    ),
    ("get_execution", {"execution_id": ID}, f"executions/{ID}", {}),
    ("list_attempts", {"execution_id": ID, "limit": 3}, f"executions/{ID}/attempts", {"limit": "3"}),
    (
        "list_dead_letters",
        {"endpoint": "e", "job": "j", "error_type": "http_status", "search": "500", "after": SINCE, "before": UNTIL},
        "dead-letters",
        {
            "endpoint": "e", "job": "j", "error_type": "http_status", "q": "500", "after": SINCE, "before": UNTIL,
            "limit": "20",
        },
    ),
    (
        "group_dead_letters",
        {"endpoint": "e", "job": "j", "after": SINCE, "before": UNTIL}, "dead-letters/groups",
        {"endpoint": "e", "job": "j", "after": SINCE, "before": UNTIL},
    ),
    ("get_overview", {}, "overview", {}),
    ("get_load", {}, "load", {"window": "24h"}),
    ("get_load", {"window": "7d"}, "load", {"window": "7d"}),
    ("list_endpoints", {"limit": 2, "cursor": "c"}, "endpoints", {"limit": "2", "cursor": "c"}),
    ("get_endpoint", {"endpoint": "e"}, "endpoints/e", {}),
    ("get_operation", {"operation_id": ID}, f"operations/{ID}", {}),
    ("get_backfill", {"backfill_id": ID}, f"backfills/{ID}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "path", "query"), READS)
async def test_a_tool_that_reads_makes_one_get_with_its_filters(
    told: Answering, name: str, arguments: dict[str, Any], path: str, query: dict[str, str]
) -> None:
    await called(told, name, **arguments)
    assert requests(told) == [(f"GET {path}", query, None, {})]


async def test_what_belongs_to_no_workspace_is_asked_of_the_instance(told: Answering) -> None:
    await called(told, "whoami")
    await called(told, "parse_schedule", sentence="every hour", timezone="Asia/Kolkata", count=3)
    await called(told, "preview_schedule", cron="0 9 * * 1")
    await called(
        told, "preview_schedule", every="90m", anchor=SINCE, after=UNTIL, count=2, timezone="Europe/Berlin",
        dst_gap="SKIP", dst_overlap="BOTH",
    )  # fmt: skip
    zone = {"timezone": "UTC", "dst_gap": "SHIFT", "dst_overlap": "FIRST"}
    assert requests(told) == [
        ("GET /v1/me", {}, None, {}),
        (
            "POST /v1/schedules/parse", {},
            {"sentence": "every hour", "timezone": "Asia/Kolkata", "count": 3}, {},
        ),
        ("POST /v1/schedules/preview", {}, {"cron": "0 9 * * 1", "count": 10, **zone}, {}),
        (
            "POST /v1/schedules/preview", {},
            {
                "every": "90m", "anchor": SINCE, "after": UNTIL, "count": 2, "timezone": "Europe/Berlin",
                "dst_gap": "SKIP", "dst_overlap": "BOTH",
            },
            {},
        ),
    ]  # fmt: skip


KEY, VERSION = {"idempotency-key": "k"}, {"if-match": '"3"'}
JOB = {"endpoint": "sink", "trigger": "IMMEDIATE"}
FILTERS = {"endpoint": "e", "job": "j", "error_type": "t", "after": SINCE, "before": UNTIL}
WRITES: list[tuple[str, dict[str, Any], str, Json, dict[str, str]]] = [
    ("create_job", {"job": JOB}, "POST jobs", JOB, {}),
    ("create_job", {"job": JOB, "idempotency_key": "k"}, "POST jobs", JOB, KEY),
    ("edit_job", {"job": "j", "change": {"priority": 3}}, "PATCH jobs/j", {"priority": 3}, {}),
    (
        "edit_job", {"job": "j", "change": {"title": None}, "expected_version": 3}, "PATCH jobs/j",
        {"title": None}, VERSION,
    ),
    ("pause_job", {"job": "j"}, "POST jobs/j/pause", {}, {}),
    (
        "pause_job", {"job": "j", "until": UNTIL, "note": "n", "expected_version": 3}, "POST jobs/j/pause",
        {"until": UNTIL, "note": "n"}, VERSION,
    ),
    ("resume_job", {"job": "j", "expected_version": 3}, "POST jobs/j/resume", None, VERSION),
    ("skip_next_runs", {"job": "j"}, "POST jobs/j/skip-next", {"count": 1}, {}),
    (
        "skip_next_runs", {"job": "j", "count": 0, "expected_version": 3}, "POST jobs/j/skip-next",
        {"count": 0}, VERSION,
    ),
    ("trigger_job", {"job": "j"}, "POST jobs/j/trigger", {}, {}),
    (
        "trigger_job",
        {"job": "j", "input": {"a": None}, "priority": 0, "deadline_seconds": 9, "idempotency_key": "k"},
        "POST jobs/j/trigger", {"input": {"a": None}, "priority": 0, "deadline_seconds": 9}, KEY,
    ),
    ("cancel_job", {"job": "j", "expected_version": 3}, "DELETE jobs/j", None, VERSION),
    ("cancel_execution", {"execution_id": ID}, f"POST executions/{ID}/cancel", None, {}),
    (
        "retry_execution", {"execution_id": ID}, f"POST executions/{ID}/retry", {"endpoint_version": "latest"},
        {},
    ),
    (
        "retry_execution", {"execution_id": ID, "endpoint_version": "same", "idempotency_key": "k"},
        f"POST executions/{ID}/retry", {"endpoint_version": "same"}, KEY,
    ),
    ("redrive_dead_letters", {}, "POST dead-letters/redrive", {"endpoint_version": "latest"}, {}),
    (
        "redrive_dead_letters",
        {**FILTERS, "search": "500", "endpoint_version": "same", "per_second": 7, "idempotency_key": "k"},
        "POST dead-letters/redrive", {**FILTERS, "q": "500", "endpoint_version": "same", "per_second": 7}, KEY,
    ),
    (
        "backfill_job", {"job": "j", "since": SINCE, "until": UNTIL}, "POST jobs/j/backfill",
        {"from": SINCE, "to": UNTIL}, {},
    ),
    (
        "backfill_job",
        {
            "job": "j", "since": SINCE, "until": UNTIL, "include": ["MISSED"], "max_active": 2, "priority": -1,
            "idempotency_key": "k",
        },
        "POST jobs/j/backfill",
        {"from": SINCE, "to": UNTIL, "include": ["MISSED"], "max_active": 2, "priority": -1}, KEY,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "line", "body", "headers"), WRITES)
async def test_a_tool_that_writes_makes_one_request_with_its_key_and_its_version(
    told: Answering, name: str, arguments: dict[str, Any], line: str, body: Json, headers: dict[str, str]
) -> None:
    told.answers[line] = 200, {"job_id": "made"}
    answer = await called(told, name, **arguments)
    assert requests(told) == [(line, {}, body, headers)]
    assert answer == {"document": {"job_id": "made"}, "note": None}


NOTHING = "Dry run: nothing was written."
VERDICT = {"judged": {"count": 1}, "job": {"name": "j"}}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pause_job", {"until": UNTIL}),
        ("resume_job", {}),
        ("trigger_job", {"idempotency_key": "k"}),
        ("cancel_job", {"expected_version": 3}),
    ],
)
async def test_a_dry_run_of_an_action_asks_for_a_verdict_and_shows_the_job(
    told: Answering, name: str, arguments: dict[str, Any]
) -> None:
    action = name.removesuffix("_job")
    told.answers |= {"POST jobs:bulk": (200, VERDICT["judged"]), "GET jobs/j": (200, VERDICT["job"])}
    answer = await called(told, name, job="j", dry_run=True, **arguments)
    assert requests(told) == [
        ("POST jobs:bulk", {}, {"action": action, "jobs": ["j"], "validate_only": True}, {}),
        ("GET jobs/j", {}, None, {}),
    ]
    assert answer == {"document": {"would": action, **VERDICT}, "note": NOTHING}


@pytest.mark.parametrize(
    ("name", "arguments", "request_made"),
    [
        (
            "edit_job", {"job": "j", "change": {"cron": "0 9 * * 1"}, "expected_version": 3},
            ("POST jobs/j/diff", {}, {"cron": "0 9 * * 1"}, {}),
        ),
        ("cancel_execution", {"execution_id": ID}, (f"GET executions/{ID}", {}, None, {})),
        ("retry_execution", {"execution_id": ID}, (f"GET executions/{ID}", {}, None, {})),
        (
            "redrive_dead_letters", {"job": "j", "idempotency_key": "k"},
            (
                "POST dead-letters/redrive", {},
                {"job": "j", "endpoint_version": "latest", "validate_only": True}, {},
            ),
        ),
        (
            "backfill_job", {"job": "j", "since": SINCE, "until": UNTIL, "idempotency_key": "k"},
            ("POST jobs/j/backfill", {}, {"from": SINCE, "to": UNTIL, "validate_only": True}, {}),
        ),
    ],
)  # fmt: skip
async def test_a_dry_run_makes_a_request_that_writes_nothing(
    told: Answering, name: str, arguments: dict[str, Any], request_made: tuple[str, object, object, object]
) -> None:
    told.answers[request_made[0]] = 200, {"count": 3}
    answer = await called(told, name, dry_run=True, **arguments)
    assert requests(told) == [request_made]
    assert answer == {"document": {"count": 3}, "note": NOTHING}


async def test_a_change_can_be_previewed_before_it_is_made(told: Answering) -> None:
    told.answers["POST jobs/j/diff"] = 200, {"added": 1}
    assert (await called(told, "diff_job", job="j", change={"priority": 1}))["document"] == {"added": 1}
    assert requests(told) == [("POST jobs/j/diff", {}, {"priority": 1}, {})]


@pytest.mark.parametrize(("count", "asked", "shown"), [(0, "1", 0), (2, "2", 2), (100, "100", 3), (250, "100", 3)])
async def test_a_dry_run_lists_the_ticks_that_would_be_skipped(
    told: Answering, count: int, asked: str, shown: int
) -> None:
    told.answers["GET jobs/j/next-runs"] = 200, {"next_runs": ["a", "b", "c"]}
    answer = await called(told, "skip_next_runs", job="j", count=count, dry_run=True)
    assert requests(told) == [("GET jobs/j/next-runs", {"count": asked}, None, {})]
    assert answer == {"document": {"would_skip": ["a", "b", "c"][:shown], "count": count}, "note": NOTHING}


async def test_a_dry_run_of_a_new_job_shows_its_endpoint_and_previews_a_schedule(told: Answering) -> None:
    new = {"endpoint": "sink", "trigger": "CRON", "every": "90m", "timezone": "UTC", "priority": 3, "anchor": None}
    told.answers |= {
        "GET endpoints/sink": (200, {"name": "sink"}),
        "POST /v1/schedules/preview": (200, {"next_runs": []}),
    }
    answer = await called(told, "create_job", job=new, dry_run=True, idempotency_key="k")
    assert requests(told) == [
        ("GET endpoints/sink", {}, None, {}),
        ("POST /v1/schedules/preview", {}, {"every": "90m", "timezone": "UTC"}, {}),
    ]
    shown = {"would_create": new, "endpoint": {"name": "sink"}, "schedule": {"next_runs": []}}
    assert answer == {"document": shown, "note": NOTHING}
    told.sent.clear()
    answer = await called(told, "create_job", job=JOB, dry_run=True)
    assert (len(told.sent), "schedule" in answer["document"]) == (1, False)


LARGE = {"text": "x" * 3000, "more": ["y" * 3000] * 9}


@pytest.mark.parametrize(
    ("pages", "limits", "note"),
    [
        ([{"data": [{"n": 1}]}], ["5"], None),
        ([{"data": [{}], "next_cursor": "c"}], ["5"], "This response has only 1 of 5: continue with next_cursor."),
        ([{"data": [], "next_cursor": "c"}], ["5"], "This response has only 0 of 5: continue with next_cursor."),
        ([{"data": [{"n": 1}] * 5, "next_cursor": "c"}], ["5"], None),
        (
            [{"data": [LARGE] * 5}, {"data": [LARGE], "next_cursor": "c"}], ["5", "1"],
            "This response has only 1 of 5: continue with next_cursor.",
        ),
        (
            [{"data": [{"text": "x" * 9000}], "next_cursor": "c"}], ["5"],
            "This response has only 1 of 5: continue with next_cursor. "
            "Shortened, and marked with …: /0/text.",
        ),
    ],
)  # fmt: skip
async def test_a_page_says_where_it_goes_on_and_what_was_cut(
    told: Answering, pages: list[dict[str, Any]], limits: list[str], note: str | None
) -> None:
    """If the rows are too large, fewer are asked for, so that the cursor leads on after the last one shown."""
    last = pages[-1]
    told.answers["GET jobs"] = [(200, page) for page in pages]
    answer = await called(told, "list_jobs", limit=5)
    assert [each.query["limit"] for each in told.sent] == limits
    assert (len(answer["items"]), answer["next_cursor"], answer["note"]) == (
        len(last["data"]), last.get("next_cursor"), note,
    )  # fmt: skip


async def test_an_overview_has_only_the_minutes_in_which_something_happened(told: Answering) -> None:
    minutes = [{"at": SINCE, "failed": 0, "late": None}, {"at": UNTIL, "failed": 2, "late": 0}]
    told.answers["GET overview"] = [(200, {"waiting": 0, "minutes": minutes}), (200, {"waiting": 1})]
    assert (await called(told, "get_overview"))["document"] == {
        "waiting": 0, "minutes": [{"at": UNTIL, "failed": 2}],
    }  # fmt: skip
    assert (await called(told, "get_overview"))["document"] == {"waiting": 1, "minutes": []}


async def test_the_load_is_counted_by_hours_instead_of_minutes(told: Answering) -> None:
    told.answers["GET load"] = [(200, {"from_at": SINCE, "runs": [1] * 90 + [0] * 60}), (200, {})]
    assert await called(told, "get_load") == {
        "document": {"from_at": SINCE, "total": 90, "runs_by_hour": [60, 30, 0]},
        "note": "The first hour begins at from_at.",
    }
    assert (await called(told, "get_load"))["document"] == {"total": 0, "runs_by_hour": []}


async def test_an_error_of_the_api_is_the_tools_error_and_any_other_stays_what_it_is(
    told: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp.server.mcpserver.exceptions import ToolError

    from kronos.mcp.tools import Asking

    told.answers["GET jobs/j"] = 404, {"code": "job_not_found", "detail": "no job 'j'"}
    with pytest.raises(ToolError, match="no job 'j'"):
        await called(told, "get_job", job="j")
    asking = Asking(api(told))
    told.answers["GET jobs"] = [(200, []), (204, None)]
    with pytest.raises(ToolError, match="no Kronos response"):
        await asking.get("jobs")
    assert await asking.get("jobs") == {}

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Client, "call", fail)
    with pytest.raises(ZeroDivisionError):
        await asking.get("jobs")


async def test_a_call_that_is_cancelled_is_answered_by_nobody(told: Answering) -> None:
    """The thread that asked ends later, and nothing waits for it."""
    from kronos.mcp.tools import Asking

    told.answers["GET jobs"] = 200, {"data": []}
    asking = Asking(api(told))
    call = asyncio.create_task(asking.get("jobs"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asking.get("jobs") == {"data": []}
