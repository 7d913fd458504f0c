"""Every page of the dashboard, as the tests of all pages walk them. A page that is not here fails test_all_pages.

Paths are formatted with what `furnished` made: workspace, job, execution, … (tests/dashboard/furniture.py).
"""

from typing import Final

PAGES: Final = (
    "/w",
    "/w/{workspace}",
    "/w/{workspace}/executions",
    "/w/{workspace}/executions?status=FAILED&job={job}&scheduled_after=2026-01-01T00:00&scheduled_before=",
    "/w/{workspace}/executions/{execution}",
    "/w/{workspace}/executions/{waiting}",
    "/w/{workspace}/dead-letters",
    "/w/{workspace}/dead-letters/redrive?endpoint=sink&job=&error_type=http_status",
    "/w/{workspace}/dead-letters/discard?q=500",
    "/w/{workspace}/alerts",
    "/w/{workspace}/alerts?status=RESOLVED&rule=nobody",
    "/w/{workspace}/alert-rules/~new",
    "/w/{workspace}/alert-rules/{alert_rule}",
    "/w/{workspace}/operations",
    "/w/{workspace}/operations/{operation}",
    "/w/{workspace}/operations/{bulk}",
    "/w/{workspace}/load?window=24h",
    "/w/{workspace}/load?window=7d&at={busy}",
    "/system/load",
    "/w/{workspace}/jobs",
    "/w/{workspace}/jobs/~new",
    "/w/{workspace}/jobs/{job}/edit",
    "/w/{workspace}/nothing-there",
    "/w/{workspace}/keys",
    "/w/{workspace}/keys/new",
    "/w/{workspace}/audit",
    "/w/{workspace}/audit?action=job.create&object=nightly",
    "/w/{workspace}/audit?actor=nobody",
    "/system",
    "/system?part=drift",
    "/system/audit",
    "/w/{workspace}/usage",
    "/w/{workspace}/usage/edit",
    "/w/{workspace}/settings",
    "/w/{workspace}/delete",
    "/w/{workspace}/configs",
    "/w/{workspace}/configs/{config}",
    "/w/{workspace}/payload-specs",
    "/w/{workspace}/payload-specs/{payload_spec}",
    "/w/{workspace}/secrets",
    "/w/{workspace}/secrets/{secret}",
    "/w/{workspace}/heartbeats",
    "/w/{workspace}/heartbeats?state=DOWN",
    "/w/{workspace}/heartbeats/{heartbeat}",
    "/w/{workspace}/endpoints",
    "/w/{workspace}/endpoints/~new?type=KAFKA",
    "/w/{workspace}/endpoints/~new?type=EMAIL",
    "/w/{workspace}/endpoints/~new",
    "/w/{workspace}/endpoints/{endpoint}",
    "/sign-in",
    "/sign-in?next=/w/{workspace}",
    "/w/{workspace}/jobs/{job}?at=2026-11-29T03:15:00Z&compare=1",
    "/w/{workspace}/jobs/{one_shot}",
)
"""Pages that are read with GET."""

NOT_WALKED: Final = frozenset({"/static/{digest}/{name}", "/w/{w}/{rest:path}", "/system/deletions/{o}"})
"""Routes of GET that are no page of their own."""
