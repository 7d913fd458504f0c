"""Two versions of a job are compared by all that a change may change, and an older one is restored whole."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from kronos import changes, errors, jobs, versions
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.versions import ChangedTerm, differences
from plain_job import AT, PLAIN

VIEW = cast(WorkspaceView, None)
LATER = datetime(2026, 11, 21, tzinfo=UTC)
EVERY = replace(PLAIN, cron=None, every="90m", anchor=AT)
LOCAL = replace(EVERY, anchor_local="2026-11-20T01:00:00", timezone="Europe/Berlin")

CHANGED: dict[str, Any] = {
    "endpoint": "other", "name": "n", "title": "T", "tags": ["t"], "on_success": {"job": "a"},
    "on_failure": {"endpoint": "a"}, "deadline_seconds": 9, "priority": 1, "cron": "0 8 * * 1", "every": "1h",
    "anchor": LATER, "timezone": "Asia/Kolkata", "starts_at": AT, "ends_at": LATER, "max_runs": 1, "dst_gap": "SKIP",
    "dst_overlap": "BOTH", "jitter_seconds": 1, "overlap": "SKIP", "calendars": ["c"], "on_blackout": "NEXT",
    "spread": "5m", "offset_seconds": 1, "catch_up": {"policy": "ALL", "window_seconds": 3600}, "input": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize("term", CHANGED)
def test_each_term_that_differs_is_named_with_both_values(term: str) -> None:
    after = replace(PLAIN, **{term: CHANGED[term]})
    assert differences(PLAIN, after) == [ChangedTerm(field=term, before=getattr(PLAIN, term), after=CHANGED[term])]
    assert differences(after, after) == []


def test_what_is_no_term_is_no_difference() -> None:
    other = replace(
        PLAIN, job_id=UUID(int=3), version=3, status="RETIRED", description="x", next_run_at=LATER, skip_next=4,
        created_at=LATER, previous_version_id=None, pg_cron={"jobid": 1}, retired_at=LATER, last_run_at=AT,
    )  # fmt: skip
    assert differences(PLAIN, other) == []


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": True}, True),
        ({"a": None}, {}, True),
        ({"a": "1"}, {"a": 1}, True),
    ],
)
def test_inputs_differ_by_what_they_mean(before: dict[str, Any], after: dict[str, Any], differs: bool) -> None:
    assert bool(differences(replace(PLAIN, input=before), replace(PLAIN, input=after))) is differs


def test_an_anchor_is_compared_as_it_was_given() -> None:
    """A local anchor means another instant in another zone, and is still the same."""
    moved = replace(LOCAL, anchor=LATER)
    assert differences(LOCAL, moved) == []
    assert [(each.before, each.after) for each in differences(LOCAL, replace(LOCAL, anchor_local=None))] == [
        ("2026-11-20T01:00:00", AT)
    ]


class Versions:
    """The versions of a job, and the change that is made to the live one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *known: Job) -> None:
        self.known = {each.version: each for each in known}
        self.changed: list[tuple[Any, ...]] = []
        monkeypatch.setattr(jobs, "versions", self._versions)
        monkeypatch.setattr(jobs, "get", self._get)
        monkeypatch.setattr(changes, "replace", self._replace)

    async def _versions(self, view: WorkspaceView, job: str, *, limit: int, before: int) -> list[Job]:
        older = [each for number, each in sorted(self.known.items(), reverse=True) if number < before]
        return older[:limit]

    async def _get(self, view: WorkspaceView, job: str) -> Job:
        return self.known[max(self.known)]

    async def _replace(self, view: WorkspaceView, job: str, made: dict[str, Any], *, if_match: object) -> Job:
        self.changed.append((job, made, if_match))
        return replace(self.known[max(self.known)], version=99)


def older(job: Job) -> Job:
    return replace(job, version=1, job_id=UUID(int=1), status="RETIRED")


@pytest.mark.parametrize(
    ("present", "wanted", "made"),
    [
        (PLAIN, replace(PLAIN, title="T", tags=["t"]), {"title": "T", "tags": ["t"]}),
        (PLAIN, replace(PLAIN, cron="0 8 * * 1"), {"cron": "0 8 * * 1"}),
        (EVERY, PLAIN, {"cron": "0 9 * * 1"}),
        (PLAIN, EVERY, {"every": "90m", "anchor": AT}),
        (PLAIN, LOCAL, {"every": "90m", "anchor": datetime(2026, 11, 20, 1), "timezone": "Europe/Berlin"}),  # noqa: DTZ001
        (EVERY, replace(EVERY, anchor=LATER), {"every": "90m", "anchor": LATER}),
        (EVERY, replace(EVERY, every="1h"), {"every": "1h", "anchor": AT}),
        (EVERY, replace(EVERY, priority=3), {"priority": 3}),
        (
            PLAIN, replace(PLAIN, catch_up={"policy": "ALL", "window_seconds": 5}),
            {"catch_up_policy": "ALL", "catch_up_window_seconds": 5},
        ),
        (replace(PLAIN, starts_at=AT, on_success={"job": "a"}), PLAIN, {"starts_at": None, "on_success": None}),
    ],
)  # fmt: skip
async def test_an_older_version_is_restored_by_a_change_of_the_live_one(
    monkeypatch: pytest.MonkeyPatch, present: Job, wanted: Job, made: dict[str, Any]
) -> None:
    """Expression, interval and anchor replace each other, so they are restored together."""
    known = Versions(monkeypatch, older(wanted), present)
    assert (await versions.roll_back(VIEW, "nightly", 1)).version == 99
    assert known.changed == [("nightly", made, [2])]


async def test_a_job_that_has_the_terms_already_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Versions(monkeypatch, older(PLAIN), PLAIN)
    assert (await versions.roll_back(VIEW, "nightly", 1), known.changed) == (PLAIN, [])


async def test_a_rollback_is_held_to_the_version_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Versions(monkeypatch, older(replace(PLAIN, title="T")), PLAIN)
    await versions.roll_back(VIEW, "nightly", 1, if_match=frozenset({2, 5}))
    assert known.changed[0][2] == [2]
    with pytest.raises(errors.PreconditionFailed) as caught:
        await versions.roll_back(VIEW, "nightly", 1, if_match=frozenset({1}))
    assert caught.value.detail == f"job {PLAIN.job_id} is at version 2, which If-Match does not name"
    assert len(known.changed) == 1


async def test_a_version_that_is_not_there_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    Versions(monkeypatch, older(PLAIN), replace(PLAIN, version=4))
    assert (await versions.get(VIEW, "nightly", 1)).version == 1
    for number in (0, 2, 3, 5):
        with pytest.raises(errors.JobNotFound) as caught:
            await versions.get(VIEW, "nightly", number)
        assert caught.value.detail == f"job 'nightly' has no version {number}, or it is no longer kept"
