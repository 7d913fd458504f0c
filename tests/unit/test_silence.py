"""The log line about pg_cron's silence, and that it is logged once."""

from dataclasses import replace

import pytest

from kronos.readiness import Readiness, rings, why_degraded, why_not_ready

_WELL = Readiness(
    extension_version="1.6",
    internal_jobs=4,
    internal_entries=4,
    silent_seconds=30,
    is_read_only=False,
    alarm_failure=None,
    worker_sessions=2,
    waiting_endpoints=0,
    waiting_seconds=None,
    unserved_groups=[],
)


@pytest.mark.parametrize(
    ("change", "does_ring", "said"),
    [
        ({}, True, 0),
        ({"silent_seconds": 80}, False, 1),
        ({"silent_seconds": 100}, False, 1),
        ({"has_launcher": False}, False, 1),
        ({"is_elsewhere": True}, False, 1),
        ({"is_elsewhere": True, "silent_seconds": 4000}, False, 1),
    ],
)
def test_silence_is_one_sentence(change: dict[str, object], does_ring: bool, said: int) -> None:
    found = replace(_WELL, **change)  # type: ignore[arg-type]  # of the row's own fields
    reason = why_not_ready(found)
    sentences = [*([reason] if reason else []), *why_degraded(found)]
    assert rings(found) is does_ring
    assert len(sentences) == said
    assert all("pg_cron" in each for each in sentences)
