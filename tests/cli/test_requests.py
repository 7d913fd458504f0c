"""What each command asks of the API: the route, the query and the body that its arguments stand for."""

import json
import re
import shlex
from typing import Any

import pytest

from cli.answering import Answering
from cli.commands import Kronos

ID = "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"


def asked(tell: Kronos, told: Answering, text: str) -> tuple[str, dict[str, str], Any]:
    """Return the last request of a command."""
    ended = tell(*shlex.split(text))
    assert ended.exit_code == 0, ended.output
    assert ended.output.strip(), "it prints what was answered"
    sent = told.sent[-1]
    return sent.line, sent.query, sent.body


READS: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("alert ls", "GET incidents", {"limit": "20", "status": "LIVE"}),
        ("alert ls --all --rule r", "GET incidents", {"limit": "20", "rule": "r"}),
        ("alert ls --status OPEN --job j --limit 3", "GET incidents", {"limit": "3", "status": "OPEN", "job": "j"}),
        ("alert ls --heartbeat h", "GET incidents", {"limit": "20", "status": "LIVE", "heartbeat": "h"}),
        ("alert get i", "GET incidents/i", {}),
        ("alert-rule ls", "GET alert-rules", {"limit": "50"}),
        ("alert-rule get r", "GET alert-rules/r", {}),
        ("backfill ls report", "GET jobs/report/backfills", {"limit": "20"}),
        ("backfill get b", "GET backfills/b", {}),
        ("calendar ls --limit 7", "GET calendars", {"limit": "7"}),
        ("calendar get c", "GET calendars/c", {}),
        ("dead-letter ls", "GET dead-letters", {"limit": "20"}),
        (
            "dead-letter ls --endpoint e --job j --error-type t --search s --after a --before b",
            "GET dead-letters",
            {"limit": "20", "endpoint": "e", "job": "j", "error_type": "t", "q": "s", "after": "a", "before": "b"},
        ),
        ("dead-letter groups --job j", "GET dead-letters/groups", {"job": "j"}),
        ("endpoint ls", "GET endpoints", {"limit": "50"}),
        ("endpoint get e", "GET endpoints/e", {}),
        ("endpoint signing-keys e", "GET endpoints/e/signing-keys", {}),
        ("execution ls", "GET executions", {"limit": "20"}),
        (
            "execution ls --job j --status FAILED --after a --before b --endpoint e --search s --caused-by c",
            "GET executions",
            {"limit": "20", "job": "j", "status": "FAILED", "scheduled_after": "a", "scheduled_before": "b",
             "endpoint": "e", "q": "s", "caused_by": "c"},
        ),
        ("execution get x", "GET executions/x", {}),
        ("execution attempts x", "GET executions/x/attempts", {}),
        ("execution logs x", "GET executions/x/logs", {}),
        ("heartbeat ls --state DOWN --tag t", "GET heartbeats", {"limit": "50", "tag": "t", "state": "DOWN"}),
        ("heartbeat pings h", "GET heartbeats/h/pings", {"limit": "20"}),
        ("heartbeat pings h --log --limit 2", "GET heartbeats/h/pings", {"limit": "2", "include": "log"}),
        ("heartbeat ticks h --status MISSED", "GET heartbeats/h/ticks", {"limit": "20", "status": "MISSED"}),
        ("job ls", "GET jobs", {"limit": "50"}),
        (
            "job ls --endpoint e --trigger cron --status ACTIVE --tag t --search s --sort next-run",
            "GET jobs",
            {"limit": "50", "endpoint": "e", "trigger": "CRON", "status": "ACTIVE", "tag": "t", "q": "s",
             "sort": "next_run"},
        ),
        ("job get j", "GET jobs/j", {}),
        ("job next-runs j", "GET jobs/j/next-runs", {"count": "10"}),
        ("job next-runs j -n 3", "GET jobs/j/next-runs", {"count": "3"}),
        ("job versions j", "GET jobs/j/versions", {}),
        ("job status j", "GET jobs/j/status", {}),
        ("job ticks j", "GET jobs/j/ticks", {"limit": "100"}),
        ("job ticks j --from a --to b --limit 5", "GET jobs/j/ticks", {"limit": "5", "from": "a", "to": "b"}),
        ("job ticks j --by-day --tz UTC", "GET jobs/j/ticks/days", {"timezone": "UTC"}),
        ("job executions j --status FAILED", "GET jobs/j/executions", {"limit": "20", "status": "FAILED"}),
        ("job glance", "GET jobs:glance", {"ids": ID}),
        (f"job glance {ID}", "GET jobs:glance", {"ids": ID}),
        ("load", "GET load", {"window": "24h"}),
        ("operation ls", "GET operations", {"limit": "20"}),
        ("operation get o", "GET operations/o", {}),
        ("overview", "GET overview", {}),
        ("retention get", "GET retention", {}),
        ("secret ls", "GET secrets", {"limit": "50"}),
        ("secret get s", "GET secrets/s", {}),
        ("workspace ls --organization o", "GET /v1/workspaces", {"limit": "50", "organization": "o"}),
        ("workspace get acme2", "GET /v1/workspaces/acme2", {}),
        ("workspace usage acme2", "GET /v1/workspaces/acme2/usage", {}),
        ("workspace quotas acme2", "GET /v1/workspaces/acme2/quotas", {}),
        ("workspace mine", "GET /v1/me/workspaces", {}),
        ("me", "GET /v1/me", {}),
        ("system ready", "GET /readyz", {}),
        ("system workers", "GET /v1/system/workers", {}),
        ("system history", "GET /v1/system/history", {}),
        ("system drift", "GET /v1/system/drift", {"limit": "50"}),
        ("system load --window 7d", "GET /v1/system/load", {"window": "7d"}),
        ("audit list", "GET audit", {"limit": "50"}),
        ("audit list --instance --actor a --action x", "GET /v1/audit", {"limit": "50", "actor": "a", "action": "x"}),
        ("audit head", "GET audit/head", {}),
        ("audit head --instance", "GET /v1/audit/head", {}),
        ("audit export --after-number 7", "GET audit/export", {"cursor": "7"}),
        (
            "audit export --one-shots --after a --before b",
            "GET audit/export",
            {"cursor": "0", "object_type": "one_shot", "after": "a", "before": "b"},
        ),
)  # fmt: skip


@pytest.mark.parametrize(("text", "line", "query"), READS)
def test_what_a_command_reads(tell: Kronos, told: Answering, text: str, line: str, query: dict[str, str]) -> None:
    assert asked(tell, told, text) == (line, query, None)


@pytest.mark.parametrize("text", [text for text, _, _ in READS if not re.search("export|--|next-runs", text)])
def test_what_a_command_reads_is_printed_whole_as_json(tell: Kronos, text: str) -> None:
    found = json.loads(tell(*shlex.split(text), "--json").stdout)
    assert (found[0] if isinstance(found, list) else found).keys() >= {"job_id", "name"}


@pytest.mark.parametrize(
    ("text", "line", "body"),
    [
        ("alert ack i --note 'on it'", "POST incidents/i/acknowledge", {"note": "on it"}),
        ("alert ack i", "POST incidents/i/acknowledge", {}),
        ("alert snooze i --for 2h", "POST incidents/i/snooze", {"seconds": 7200}),
        ("alert snooze i --until u", "POST incidents/i/snooze", {"until": "u"}),
        ("alert snooze i --off", "POST incidents/i/snooze", {}),
        ("alert-rule rm r --yes", "DELETE alert-rules/r", None),
        ("backfill cancel b", "POST backfills/b/cancel", None),
        ("calendar rm c --confirm c", "DELETE calendars/c", None),
        (
            "calendar create c --tz Europe/Berlin --week mon-fri --hours 09:00-17:00 --closed 2026-12-25=Christmas "
            "--open 2026-12-27=Sale",
            "POST calendars",
            {
                "name": "c",
                "timezone": "Europe/Berlin",
                "business_days": ["mon", "tue", "wed", "thu", "fri"],
                "business_hours": {"opens": "09:00", "closes": "17:00"},
                "days": [
                    {"starts": "2026-12-25", "name": "Christmas", "open": False},
                    {"starts": "2026-12-27", "name": "Sale", "open": True},
                ],
            },
        ),
        ("calendar put c", "PUT calendars/c", {"days": []}),
        (
            "calendar next c '0 9 * * *' --also d --on-blackout next --tz UTC -n 2 --after a",
            "POST schedules/preview",
            {
                "cron": "0 9 * * *",
                "calendars": ["c", "d"],
                "count": 2,
                "on_blackout": "NEXT",
                "timezone": "UTC",
                "after": "a",
            },
        ),
        (
            "calendar next c '0 9 * * *'",
            "POST schedules/preview",
            {"cron": "0 9 * * *", "calendars": ["c"], "count": 10},
        ),
        ("dead-letter redrive --endpoint e --per-second 5", "POST dead-letters/redrive",
         {"endpoint": "e", "per_second": 5}),
        ("dead-letter redrive --endpoint-version same --dry-run", "POST dead-letters/redrive",
         {"endpoint_version": "same", "validate_only": True}),
        ("dead-letter discard --job j", "POST dead-letters/discard", {"job": "j"}),
        ("dead-letter discard --dry-run", "POST dead-letters/discard", {"validate_only": True}),
        ("dead-letter discard --confirm acme", "POST dead-letters/discard", {}),
        ("endpoint enable e", "POST endpoints/e/enable", None),
        ("endpoint disable e --note n", "POST endpoints/e/disable", {"note": "n"}),
        ("endpoint rm e --yes", "DELETE endpoints/e", None),
        (
            "endpoint render e --input '{\"a\": 1}' --job-name j --tz UTC --at t",
            "POST endpoints/e/render",
            {"input": {"a": 1}, "job_name": "j", "timezone": "UTC", "scheduled_at": "t"},
        ),
        ("endpoint test e --input null", "POST endpoints/e/test", {"input": None}),
        ("execution cancel x", "POST executions/x/cancel", None),
        ("execution retry x", "POST executions/x/retry", None),
        ("execution retry x --endpoint-version same", "POST executions/x/retry", {"endpoint_version": "same"}),
        (
            "heartbeat create h --cron '0 3 * * *' --tz UTC --grace-seconds 9 --max-run-seconds 60 --tag a --tag b",
            "POST heartbeats",
            {"name": "h", "cron": "0 3 * * *", "timezone": "UTC", "grace_seconds": 9, "max_run_seconds": 60,
             "tags": ["a", "b"]},
        ),
        ("heartbeat create h --period 600", "POST heartbeats", {"name": "h", "period_seconds": 600}),
        ("heartbeat rm h --yes", "DELETE heartbeats/h", None),
        ("heartbeat pause h --note n", "POST heartbeats/h/pause", {"note": "n"}),
        ("heartbeat resume h", "POST heartbeats/h/resume", None),
        ("heartbeat rotate h --yes", "POST heartbeats/h/rotate", None),
        ("job pause j --note n --until u", "POST jobs/j/pause", {"note": "n", "until": "u"}),
        ("job resume j", "POST jobs/j/resume", None),
        ("job skip-next j", "POST jobs/j/skip-next", {"count": 1}),
        ("job skip-next j 0", "POST jobs/j/skip-next", {"count": 0}),
        (
            "job trigger j --input '[]' --priority 3 --deadline-seconds 9",
            "POST jobs/j/trigger",
            {"input": [], "priority": 3, "deadline_seconds": 9},
        ),
        ("job rm j --yes", "DELETE jobs/j", None),
        (
            "job backfill j --from a --to b --include missed --include FAILED --max-active 2 --priority 1",
            "POST jobs/j/backfill",
            {"from": "a", "to": "b", "include": ["MISSED", "FAILED"], "max_active": 2, "priority": 1},
        ),
        ("job backfill j --from a --to b --dry-run", "POST jobs/j/backfill",
         {"from": "a", "to": "b", "validate_only": True}),
        ("job diff j --cron '0 7 * * *'", "POST jobs/j/diff", {"cron": "0 7 * * *"}),
        ("operation cancel o", "POST operations/o/cancel", None),
        ("retention edit --success-days 7", "PUT retention", {"success_days": 7, "failure_days": None}),
        (
            "workspace create w --name W --max-concurrency 5 --organization o",
            "POST /v1/workspaces",
            {"slug": "w", "name": "W", "max_concurrency": 5, "organization": "o"},
        ),
        ("workspace edit w --status suspended", "PATCH /v1/workspaces/w", {"status": "SUSPENDED"}),
        ("workspace edit w --max-concurrency 0", "PATCH /v1/workspaces/w", {"max_concurrency": None}),
        ("workspace edit w --max-concurrency 1", "PATCH /v1/workspaces/w", {"max_concurrency": 1}),
    ],
)  # fmt: skip
def test_what_a_command_changes(tell: Kronos, told: Answering, text: str, line: str, body: Any) -> None:
    assert asked(tell, told, text) == (line, {}, body)


@pytest.mark.parametrize(
    ("text", "would"),
    [
        ("alert-rule rm r", "delete the alert rule r"),
        ("calendar rm c", "delete the calendar c"),
        ("dead-letter discard", "discard all dead letters of the workspace acme"),
        ("endpoint rm e", "delete the endpoint e"),
        ("heartbeat rm h", "delete the heartbeat h"),
        ("heartbeat rotate h", "end the ping URL of h"),
        ("job rm j", "retire the job j"),
        ("key revoke abcdefabcdef", "revoke the key abcdefabcdef"),
        ("secret rm s", "delete the secret s"),
        ("workspace rm w", "delete, with everything in it, the workspace w"),
    ],
)
def test_what_cannot_be_undone_is_not_done_without_consent(
    tell: Kronos, told: Answering, text: str, would: str
) -> None:
    ended = tell(*shlex.split(text))
    assert ended.exit_code == 2
    assert f"nothing was done: this would {would}, which cannot be undone" in ended.stderr
    assert told.sent == []
    assert tell(*shlex.split(text), "--yes").exit_code == 0
    assert told.sent[-1].line.split()[0] in ("DELETE", "POST")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("alert ls", "GET incidents", "no incident: nothing breaks an alert rule"),
        ("alert-rule ls", "GET alert-rules", "kronos alert-rule create NAME --failures 3 --tell ENDPOINT"),
        ("audit list", "GET audit", "no change matches"),
        ("backfill ls j", "GET jobs/j/backfills", "kronos job backfill JOB --from"),
        ("calendar ls", "GET calendars", "kronos calendar create NAME --week mon-fri"),
        ("dead-letter ls", "GET dead-letters", "no dead letter matches"),
        ("dead-letter groups", "GET dead-letters/groups", "no dead letter matches"),
        ("endpoint ls", "GET endpoints", "kronos endpoint create hook --to https://example.com/hook"),
        ("endpoint signing-keys e", "GET endpoints/e/signing-keys", "kronos endpoint edit e --signing-secret SECRET"),
        ("execution ls", "GET executions", "kronos job trigger JOB"),
        ("execution attempts x", "GET executions/x/attempts", "there was no attempt yet"),
        ("execution logs x", "GET executions/x/logs", "nothing has happened to it yet"),
        ("heartbeat ls", "GET heartbeats", "kronos heartbeat create nightly-backup --cron '0 3 * * *'"),
        ("heartbeat pings h", "GET heartbeats/h/pings", "h has no pings yet"),
        ("heartbeat ticks h", "GET heartbeats/h/ticks", "h has no past ticks yet"),
        ("job ls", "GET jobs", "kronos job create report --endpoint hook --cron '0 9 * * 1'"),
        ("job versions j", "GET jobs/j/versions", "no version"),
        ("job ticks j", "GET jobs/j/ticks", "j has no tick in this window"),
        ("job ticks j --by-day", "GET jobs/j/ticks/days", "j has no tick in this window"),
        ("job executions j", "GET jobs/j/executions", "kronos job trigger JOB"),
        ("key list", "GET keys", "kronos key create --role operator"),
        ("operation ls", "GET operations", "kronos job bulk pause --tag TAG --dry-run"),
        ("secret ls", "GET secrets", "kronos secret set api-token < token.txt"),
        ("workspace ls", "GET /v1/workspaces", "kronos workspace create acme"),
        ("workspace mine", "GET /v1/me/workspaces", "this key belongs to no workspace"),
        ("system workers", "GET /v1/system/workers", "to count worker sessions: kronos system status"),
    ],
)
def test_a_list_without_rows_says_so_beside_the_output(
    tell: Kronos, told: Answering, text: str, line: str, said: str
) -> None:
    told.answers[line] = 200, {"data": [], "next_cursor": None}
    ended = tell(*shlex.split(text))
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert said in ended.stderr
    assert tell(*shlex.split(text), "--plain").output == ""
