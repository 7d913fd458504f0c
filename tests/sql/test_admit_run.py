"""Exact admission of runs that must not overlap: what happens to a lost run, and that no run overtakes another."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from overlap_runs import MINUTE, POLICIES, Ticking, waiting
from sql_factory import account, live


@pytest.mark.parametrize(
    ("crashes", "error", "status"),
    [
        (1, "lease_expired", "QUEUED"),
        (1, "worker_stopped", "QUEUED"),
        (0, "worker_stopped", "SKIPPED"),  # nothing of it had been sent
        (1, "http_status", "SKIPPED"),
        (0, "timeout", "SKIPPED"),
        (0, None, "SKIPPED"),
    ],
)
def test_a_tick_waits_only_for_what_a_worker_lost(
    ticking: Callable[..., Ticking], crashes: int, error: str | None, status: str
) -> None:
    one = ticking("SKIP")
    one.tick()
    one.connection.execute(
        "update kronos.execution_live set crashes = %s, error = %s where job_id = %s",
        [crashes, error and Jsonb({"type": error, "message": "…"}), one.job_id],
    )
    assert one.one_tick()["status"] == status


@pytest.mark.parametrize(("later", "status"), [(0, "QUEUED"), (1, "SKIPPED")])
def test_a_lease_is_over_at_its_instant(ticking: Callable[..., Ticking], later: int, status: str) -> None:
    one = ticking("SKIP")
    one.run_one()
    one.connection.execute(
        "update kronos.execution_live set visible_at = %s where job_id = %s",
        [one.now + MINUTE + later * timedelta(microseconds=1), one.job_id],
    )
    assert one.one_tick()["status"] == status


def test_a_tick_does_not_overtake_a_run_that_nobody_has_let_go_yet(
    ticking: Callable[..., Ticking], database_url: str
) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    (first,) = live(one.connection, one.job_id)
    with psycopg.connect(database_url) as firing:
        one.now += MINUTE
        account(firing, one.job_id, now=one.now)
        assert one.end(token, first["execution_id"]) == "SUCCESS"  # it does not see the run that is being made
    (held,) = waiting(one)
    skipped = one.one_tick()
    assert skipped["status_reason"] == {
        "code": "overlap_queue_full",
        "detail": "another execution of the job is waiting",
        "waiting": str(held),
    }
    assert one.statuses() == ["SUCCESS", "QUEUED", "SKIPPED"]


def test_a_newer_run_replaces_none_of_another_job(ticking: Callable[..., Ticking]) -> None:
    one = ticking("REPLACE")
    other = ticking("REPLACE", endpoint=one.endpoint)
    one.tick()
    other.tick()
    one.tick()
    assert (one.statuses(), other.statuses()) == (["CANCELLED", "QUEUED"], ["QUEUED"])


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_run_waits_for_none_of_another_job(ticking: Callable[..., Ticking], overlap: str) -> None:
    """Even if that is newer than the last run of its own job."""
    one = ticking(overlap)
    token = one.run_one()
    (first,) = live(one.connection, one.job_id)
    ticking(overlap).tick(3)
    one.end(token, first["execution_id"])
    assert one.one_tick()["status"] == "QUEUED"
    assert not waiting(one)
