"""A number and the noun after it agree: "1 run", not "1 runs". `kronos.counting` writes them in Python and, as the
filter `plural`, in pages; `kronos.counted` in SQL.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from kronos.counting import counted, plural

_ROOT = Path(__file__).parents[2]
_NOUNS = (
    "attempts|bytes|calendars|changes|characters|connections|days|deliveries|endpoints|entries|executions|fields|"
    "files|groups|heartbeats|hours|incidents|items|jobs|keys|letters|levels|lines|members|messages|minutes|nodes|"
    "objects|others|partitions|rows|rules|runs|seconds|secrets|sessions|tables|ticks|times|versions|workers|workspaces"
)
_MORE = r"(?:(?:more|of|other|dead|live|due) )?"
_PATTERNS = {
    "kronos/**/*.py": re.compile(rf"(?<!at most )(?<!more than )\{{(?![A-Z_]+\}})[^{{}}]+\}} {_MORE}(?:{_NOUNS})\b"),
    "kronos/dashboard/templates/**/*.html": re.compile(rf"\}}\}} {_MORE}(?:{_NOUNS})\b"),
    "sql/functions/**/*.sql": re.compile(rf"(?:format\(|raise warning )'[^']*(?<!more than )%s? {_MORE}(?:{_NOUNS})\b"),
}
# A number above a limit, one of more than one where the text is chosen, or none at all.
_NEVER_ONE = {
    "kronos/api/calendar_schemas.py: {len(days)} days",
    "kronos/api/doors.py: {limits.connections} connections",
    "kronos/api/fields.py: {len(text)} characters",
    "kronos/api/fields.py: {size} bytes",
    "kronos/api/requests.py: {count} secrets",
    "kronos/applies.py: {after.pg_cron_per_minute} entries",
    "kronos/applies.py: {busiest.runs} runs",
    "kronos/capacity.py: {found.history_rows:,} rows",
    "kronos/cli/apply.py: {size} bytes",
    "kronos/cli/import_file.py: {each.name} runs",
    "kronos/cli/job_bulk.py: {action} jobs",
    "kronos/cli/lint.py: {minute['runs']:,} runs",
    "kronos/cli/load.py: {answer.get('pg_cron_per_minute'):,} runs",
    "kronos/cli/load.py: {answer.get('worker_per_minute'):,} deliveries",
    "kronos/cli/support_bundle.py: {content.tell()} bytes",
    "kronos/cli/support_bundle.py: {file.stat().st_size} bytes",
    "kronos/cli/support_bundle.py: {files} files",
    "kronos/cli/wait.py: {found['attempt_count']} attempts",
    "kronos/configs.py: {size} bytes",
    "kronos/dashboard/calendar_form.py: {len(found)} lines",
    "kronos/dashboard/dead_letters.py: {len(chosen)} dead letters",
    "kronos/dashboard/load.py: {len(chosen)} jobs",
    "kronos/delivery/destinations.py: {len(name)} characters",
    "kronos/delivery/egress.py: {len(text)} characters",
    "kronos/delivery/headers.py: {size} bytes",
    "kronos/delivery/http.py: {len(body)} bytes",
    "kronos/delivery/streams.py: {message.bytes} bytes",
    "kronos/delivery/wire.py: {n} bytes",
    "kronos/doctor/server.py: {found.max_connections} connections",
    "kronos/doctor/server.py: {found.relations} tables",
    "kronos/doctor/work.py: {plural(int(beat.name), 'heartbeat has', 'heartbeats have')} ticks",
    "kronos/embedded/home.py: {len(name)} bytes",
    "kronos/encryption.py: {len(keys)} keys",
    "kronos/endpoint_checks.py: {found.users} endpoints",
    "kronos/endpoint_tests.py: {message.bytes} bytes",
    "kronos/explain/accounts.py: {count} ticks",
    "kronos/explain/accounts.py: {ticks} ticks",
    "kronos/explain/facts.py: {span / 86_400:.1f} days",
    "kronos/explain/schedule.py: {facts.dst_overlap} runs",
    "kronos/icalendars.py: {changes} times",
    "kronos/icalendars.py: {looked_through} days",
    "kronos/imports/cron_fields.py: {len(text)} characters",
    "kronos/imports/crontab.py: {len(rest):,} characters",
    "kronos/imports/google_text.py: {minutes} minutes",
    "kronos/job_operations.py: {begun.total:,} jobs",
    "kronos/mcp/bounds.py: {len(value)} characters",
    "kronos/payload_specs.py: {count.bytes} bytes",
    "kronos/payloads.py: {size} bytes",
    "kronos/quotas.py: {size} bytes",
    "kronos/sentences.py: {len(sentence)} characters",
    "kronos/dashboard/templates/charts/beats.html: }} ticks",
    "kronos/dashboard/templates/charts/heat.html: }} minutes",
    "kronos/dashboard/templates/dead_letters_deed.html: }} dead letters",
    "kronos/dashboard/templates/execution.html: }} ticks",
    "kronos/dashboard/templates/jobs.html: }} jobs",
    "kronos/dashboard/templates/jobs_bulk.html: }} jobs",
    "kronos/dashboard/templates/load.html: }} entries",
    "kronos/dashboard/templates/load.html: }} jobs",
    "kronos/dashboard/templates/load_plan.html: }} jobs",
    "kronos/dashboard/templates/overview.html: }} runs",
    "kronos/dashboard/templates/parts/condition.html: }} times",
    "kronos/dashboard/templates/parts/job_executions.html: }} ticks",
    "sql/functions/alerts/incident_detail.sql: format('it failed %s times",
    "sql/functions/alerts/incident_detail.sql: format('it was missed %s times",
    "sql/functions/changes/run_chained_job.sql: format('%s runs",
    "sql/functions/enqueue/input_fault.sql: format('%s bytes",
    "sql/functions/parsing/cron_fields.sql: format('cron text: %s characters",
    "sql/functions/words/describe_before_last.sql: format('the %s days",
}


@cache
def _found() -> set[str]:
    return {
        f"{path.relative_to(_ROOT)}: {found.group(0)}"
        for places, pattern in _PATTERNS.items()
        for path in _ROOT.glob(places)
        if "node_modules" not in path.parts and "client" not in path.parts
        for found in pattern.finditer(path.read_text(encoding="utf-8"))
    }


def test_a_noun_after_a_number_agrees_with_it() -> None:
    """Write `counted(number, "run")` instead, or add the place to the list if its number is never one."""
    assert _found() - _NEVER_ONE == set()


def test_the_list_has_no_place_that_is_gone() -> None:
    assert _NEVER_ONE - _found() == set()


@pytest.mark.parametrize(
    ("number", "nouns", "said"),
    [
        (0, ("run",), "0 runs"),
        (1, ("run",), "1 run"),
        (2, ("run",), "2 runs"),
        (1, ("delivery", "deliveries"), "1 delivery"),
        (3, ("delivery", "deliveries"), "3 deliveries"),
    ],
)
def test_python_writes_them(number: int, nouns: tuple[str, ...], said: str) -> None:
    assert counted(number, *nouns) == said
    assert plural(number, *nouns) == said.split()[1]
    assert counted(1000 * number, "run") == ("0 runs" if number == 0 else f"{number},000 runs")
