"""A plan of the load moves only jobs that may be moved, no further than they allow, and only if fewer runs are then due
at once.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from kronos.spreading import SpreadJob, SpreadPlan, planned

BEGINS = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
MINUTES = 24 * 60


def job(number: int, ticks: list[int], seconds: int, offset: int = 0, *, of: int = 1) -> SpreadJob:
    """A job whose ticks are that many minutes after the beginning."""
    hours: dict[int, int] = {}
    for tick in ticks:
        hours[tick - tick % 60] = hours.get(tick - tick % 60, 0) | 1 << tick % 60
    return SpreadJob(
        job_id=UUID(int=number),
        name=f"job-{number}",
        version=1,
        endpoint="sink",
        cron="0 9 * * *",
        every=None,
        timezone="UTC",
        spread_seconds=seconds,
        offset_seconds=offset,
        _term=hash(tuple(ticks)),
        _hours=list(hours),
        _minutes=list(hours.values()),
        _number=of,
    )


def load_of(jobs: list[tuple[list[int], int]]) -> list[int]:
    """Runs per minute, from each job's ticks and the minutes by which it is moved."""
    runs = [0] * MINUTES
    for ticks, moved in jobs:
        for tick in ticks:
            if tick + moved < MINUTES:
                runs[tick + moved] += 1
    return runs


def plan_of(jobs: list[SpreadJob], ticks: list[list[int]], others: list[list[int]] | None = None) -> SpreadPlan:
    return planned(BEGINS, load_of([(each, 0) for each in [*ticks, *(others or [])]]), jobs)


def test_jobs_of_one_minute_go_to_one_minute_each() -> None:
    plan = plan_of([job(nth, [30], 9 * 60, of=10) for nth in range(10)], [[30]] * 10)
    assert (plan.before, plan.after, plan.jobs, plan.left_out) == (10, 1, 10, 0)
    assert sorted(move.offset_seconds for move in plan.moves) == [60 * nth for nth in range(1, 10)]
    first = plan.moves[0]
    assert first.tick == BEGINS + timedelta(minutes=30) == first.run_at_before
    assert first.run_at == first.tick + timedelta(seconds=first.offset_seconds)
    assert [each.runs for each in plan.busiest_before] == [10]
    assert {each.runs for each in plan.busiest_after} == {1}


def test_who_allows_little_is_given_a_place_first() -> None:
    plan = plan_of([job(1, [30], 3600), job(2, [30], 60)], [[30]] * 2, others=[[30]])
    assert (plan.before, plan.after) == (3, 1)
    assert {move.name: move.offset_seconds for move in plan.moves} == {"job-1": 120, "job-2": 60}


def test_what_runs_alike_is_told_once() -> None:
    """The first of these jobs carries the hours of all. The plan is the same as if each carried its own."""
    ticks = [[30, 95], [30], [30, 95], [30, 95], [30]]
    jobs = [job(nth, one, 600) for nth, one in enumerate(ticks)]
    told = [
        each if ticks.index(one) == nth else replace(each, _hours=None, _minutes=None)
        for nth, (each, one) in enumerate(zip(jobs, ticks, strict=True))
    ]
    assert plan_of(told, ticks) == plan_of(jobs, ticks)
    assert len(plan_of(told, ticks).moves) == 4


def test_jobs_that_run_alike_go_where_each_would_by_itself() -> None:
    """Each goes where the busiest of its minutes is least busy, although only the place that changed is
    computed again.
    """
    choose = random.Random("alike")
    compared = 0
    for _ in range(40):
        kinds = [sorted(choose.sample(range(MINUTES), choose.randint(1, 4))) for _ in range(3)]
        ticks = [choose.choice(kinds) for _ in range(30)]
        jobs = [job(nth, one, 60 * choose.choice([3, 20])) for nth, one in enumerate(ticks)]
        others = [[each + choose.randint(0, 3)] for one in kinds for each in one if each + 3 < MINUTES]
        plan = plan_of(jobs, ticks, others)
        runs, moved = load_of([(one, 0) for one in others]), {}

        def most(nth: int, ticks: list[list[int]] = ticks, jobs: list[SpreadJob] = jobs) -> int:
            apart = min((later - before for before, later in pairwise(ticks[nth])), default=61)
            return min(jobs[nth].spread_seconds // 60, apart - 1)

        for nth in sorted(range(30), key=lambda nth: (most(nth), -len(ticks[nth]), hash(tuple(ticks[nth])), nth)):
            seen = []
            for offset in range(most(nth) + 1):
                there = [runs[tick + offset] for tick in ticks[nth] if tick + offset < MINUTES]
                seen.append((max(there, default=0), sum(there), offset))
            moved[nth] = min(seen)[2]
            for tick in ticks[nth]:
                if tick + moved[nth] < MINUTES:
                    runs[tick + moved[nth]] += 1
        if plan.moves:
            compared += 1
            assert {each.job_id.int: each.offset_seconds // 60 for each in plan.moves} == {
                nth: offset for nth, offset in moved.items() if offset
            }
    assert compared > 30


def test_what_is_due_elsewhere_is_seen() -> None:
    plan = plan_of([job(1, [30, 630], 120)], [[30, 630]], others=[[30], [31], [631], [631]])
    assert plan.moves[0].offset_seconds == 120


@pytest.mark.parametrize("seconds", [0, 30, 59])
def test_less_than_a_minute_moves_nothing(seconds: int) -> None:
    plan = plan_of([job(nth, [30], seconds) for nth in range(3)], [[30]] * 3)
    assert (plan.moves, plan.before, plan.after) == ([], 3, 3)


def test_no_run_reaches_the_jobs_next_tick() -> None:
    every_other = list(range(0, 120, 2))
    plan = plan_of([job(nth, every_other, 3600) for nth in range(4)], [every_other] * 4)
    assert {move.offset_seconds for move in plan.moves} == {60}
    assert (plan.before, plan.after) == (4, 2)


def test_a_plan_that_was_applied_is_not_planned_again() -> None:
    jobs = [job(nth, [30, 700], 600) for nth in range(8)]
    first = plan_of(jobs, [[30, 700]] * 8)
    moved = {move.job_id: move.offset_seconds for move in first.moves}
    again = plan_of([job(each.job_id.int, [30, 700], 600, moved.get(each.job_id, 0)) for each in jobs], [[30, 700]] * 8)
    assert (again.moves, again.before, again.after) == ([], first.after, first.after)


def test_jobs_that_are_too_many_are_told() -> None:
    plan = plan_of([job(1, [30], 600, of=501)], [[30]])
    assert (plan.jobs, plan.left_out) == (1, 500)


def test_nothing_that_may_be_moved_is_no_plan() -> None:
    plan = plan_of([], [], others=[[30], [30]])
    assert (plan.jobs, plan.moves, plan.before, plan.after) == (0, [], 2, 2)


def test_any_plan_keeps_its_bounds_and_says_what_it_comes_to() -> None:
    choose = random.Random("plans")
    for _ in range(60):
        ticks = [sorted(choose.sample(range(MINUTES), choose.randint(1, 6))) for _ in range(choose.randint(1, 25))]
        if choose.random() < 0.5:  # crowded
            ticks = [[each // 60 * 60 for each in one] for one in ticks]
            ticks = [sorted(set(one)) for one in ticks]
        jobs = [job(nth, one, choose.choice([0, 60, 300, 3600])) for nth, one in enumerate(ticks)]
        others = [[choose.randrange(MINUTES)] for _ in range(20)]
        plan = plan_of(jobs, ticks, others)
        moved = {move.job_id.int: move.offset_seconds // 60 for move in plan.moves}
        assert plan.after <= plan.before
        for nth, one in enumerate(ticks):
            apart = min((later - before for before, later in pairwise(one)), default=MINUTES)
            assert 0 <= moved.get(nth, 0) <= jobs[nth].spread_seconds // 60
            assert moved.get(nth, 0) < apart
        before = load_of([(one, 0) for one in [*ticks, *others]])
        after = load_of([(one, moved.get(nth, 0)) for nth, one in enumerate(ticks)] + [(one, 0) for one in others])
        assert (max(before), max(after)) == (plan.before, plan.after)
