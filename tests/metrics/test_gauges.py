"""Readings of the database become Prometheus gauges, each under its own name."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from kronos import config, gauges, seldom
from kronos.metrics.definition import OTHER, Measured
from kronos.server_time import CLOCK
from kronos.system import HistoryPartition, KeptHistory, Status

_STATUS = Status(
    postgresql_version="15.1",
    pg_cron_version="1.6",
    pg_cron_silent_seconds=1.5,
    internal_jobs=4,
    internal_entries=3,
    has_launcher=True,
    overdue_jobs=5,
    overdue_seconds=6.5,
    worker_sessions=7,
    cron_timezone="GMT",
    match_dom_and_dow=None,
    zones_changed_at=None,
    is_held=False,
    is_read_only=True,
    alarm_failure=None,
    waiting_endpoints=8,
    waiting_seconds=9.5,
    unserved_groups=["a", "b"],
)
_COUNTS = gauges.InstanceCounts(
    workers=10,
    claimed=11,
    dead_letters=12,
    alarms=13,
    alarms_ended=14,
    alarms_failed=15,
    running=16,
    max_running=17,
    reaped_seconds=18.5,
    mended=19,
    left_over=20,
    revision="0079",
)


def _series(found: Iterable[Measured]) -> dict[str, float]:
    """By name without the prefix, with the labels."""
    return {" ".join((each.metric.name.removeprefix("kronos_"), *each.labels)): float(each.value) for each in found}


def test_the_instance() -> None:
    assert _series(gauges._of_status(_STATUS, _COUNTS)) == {
        "schema_info 0079 15.1 1.6": 1,
        "instance_held": 0,
        "database_read_only": 1,
        "endpoints_without_worker": 8,
        "endpoints_without_worker_seconds": 9.5,
        "worker_groups_unserved": 2,
        "workers": 10,
        "jobs_overdue": 5,
        "jobs_overdue_seconds": 6.5,
        "executions_claimed": 11,
        "dead_letters": 12,
    }


def test_pg_cron_and_what_is_not_known_of_it_is_missing() -> None:
    of_alarms = {
        "pg_cron_silent_seconds": 1.5,
        "pg_cron_launcher": 1,
        "pg_cron_alarms_total": 13,
        "pg_cron_recent_alarms": 14,
        "pg_cron_recent_alarms_failed": 15,
        "pg_cron_running": 16,
        "internal_jobs": 4,
        "internal_job_entries": 3,
    }
    known = {"pg_cron_running_max": 17, "reaper_age_seconds": 18.5, "drift_mended": 19, "drift_left": 20}
    assert _series(gauges._of_pg_cron(_STATUS, _COUNTS)) == of_alarms | known
    bare = replace(_COUNTS, max_running=None, reaped_seconds=None, mended=None, left_over=None, revision=None)
    assert _series(gauges._of_pg_cron(_STATUS, bare)) == of_alarms


def test_what_ended_lately() -> None:
    ends = gauges.RecentEnds(
        became={"success": 1, "missed": 2}, lags={"recorded": [0.1, 0.2, 0.3], "claimed": None}, is_cut=True
    )
    assert _series(gauges._of_ends(ends)) == {
        "recent_ticks success": 1,
        "recent_ticks failed": 0,
        "recent_ticks cancelled": 0,
        "recent_ticks skipped": 0,
        "recent_ticks missed": 2,
        "recent_ticks expired": 0,
        "recent_ticks_cut": 1,
        "tick_lag_seconds recorded 0.5": 0.1,
        "tick_lag_seconds recorded 0.99": 0.2,
        "tick_lag_seconds recorded 1": 0.3,
    }


def test_what_waits_by_transport_and_by_workspace_of_which_only_so_many_are_named() -> None:
    queue = [
        gauges.WaitingWork(workspace=f"w{n}", transport=("http", "kafka")[n % 2], due=n, oldest_seconds=100.0 - n)
        for n in range(23)
    ]
    found = _series(gauges._of_queue(queue))
    assert {name: found[name] for name in found if "workspace" not in name} == {
        "queue_due http": sum(range(0, 23, 2)),
        "queue_oldest_seconds http": 100,
        "queue_due kafka": sum(range(1, 23, 2)),
        "queue_oldest_seconds kafka": 99,
    }
    assert (found["workspace_queue_due w19"], found["workspace_queue_oldest_seconds w19"]) == (19, 81)
    assert found[f"workspace_queue_due {OTHER}"] == 20 + 21 + 22
    assert found[f"workspace_queue_oldest_seconds {OTHER}"] == 80
    assert _series(gauges._of_queue([])) == {"queue_due http": 0, "queue_oldest_seconds http": 0}


def test_history_heartbeats_and_incidents() -> None:
    now = CLOCK.now()
    kept = KeptHistory(
        success_days=1,
        failure_days=2,
        run_details_days=3,
        audit_days=4,
        ran_at=now,
        done_at=now + timedelta(days=1),  # by another clock than this machine's
        unsealed=5,
    )
    assert _series(gauges._of_history(kept)) == {"retention_age_seconds": 0, "audit_unsealed": 5}
    beats = gauges.BeatCounts(states={"up": 1, "late": 2}, unaccounted_seconds=3.5, incidents={"error": 4})
    found = _series(gauges._of_beats(beats))
    assert {name: value for name, value in found.items() if value} == {
        "heartbeats up": 1,
        "heartbeats late": 2,
        "heartbeats_unaccounted_seconds": 3.5,
        "incidents_open error": 4,
    }
    assert len(found) == 7 + 1 + 4


async def test_how_long_the_last_read_took_and_how_old_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reads = [100.0], [0]

    async def read(_: object) -> list[Measured]:
        reads[0] += 1
        now[0] += 0.5
        return []

    monkeypatch.setattr(gauges, "_read", read)
    monkeypatch.setattr(seldom.Seldom, "begin", lambda *_: None)
    monkeypatch.setattr(seldom.Seldom, "figures", lambda _: [])
    monkeypatch.setattr(gauges, "time", SimpleNamespace(monotonic=lambda: now[0]))
    shown = gauges.Gauges(config.load(database_url="postgresql://"))
    view: Any = None  # the statements are not sent
    fresh = {"database_up": 1, "database_read_seconds": 0.5}
    assert _series(await shown.read(view, names=True)) == fresh | {"database_read_age_seconds": 0}
    now[0] += 9.5
    assert _series(await shown.read(view, names=True)) == fresh | {"database_read_age_seconds": 9.5}
    now[0] += 0.5
    assert _series(await shown.read(view, names=True)) == fresh | {"database_read_age_seconds": 0}
    assert reads == [2]


def test_partitions_of_the_history_are_counted_and_weighed() -> None:
    until = CLOCK.now() + timedelta(days=30)
    week = HistoryPartition(
        history="executions", partition="week", from_at=until, until_at=until, rows=None, bytes=1000
    )
    kept = [week, replace(week, history="attempts", bytes=1001)]
    found = _series(seldom._of_partitions(kept))
    assert (found["history_partitions"], found["history_bytes"]) == (2, 2001)
