"""Results are stored in batches, whatever is locked, lost or given back meanwhile: none is forgotten, none stored
twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from kronos.worker import finalizer as finalizers
from kronos.worker.attempt import Leased
from kronos.worker.finalizer import Finalizer
from kronos.worker.results import Judged, Left, Locked, Result, Verdict
from stopped_clock import StoppedClock
from worker.running import until
from worker.scripted import Answer, Params, execution, leased, link, lost, result

Ended = tuple[str, str | None, Verdict]


class Ends:
    """What the loop hears of: a batch at a time."""

    def __init__(self) -> None:
        self.batches: list[list[Ended]] = []

    def __call__(self, batch: Sequence[tuple[Leased, Result | None, Verdict]]) -> None:
        self.batches.append(
            [(each.claim.execution_id, None if one is None else one.status, verdict) for each, one, verdict in batch]
        )

    @property
    def of_all(self) -> list[Ended]:
        return [each for batch in self.batches for each in batch]


@asynccontextmanager
async def storing(to: Any) -> AsyncIterator[tuple[Finalizer, Ends]]:
    """A finalizer that stores until the block ends, and then what is left."""
    ends = Ends()
    made = Finalizer(to, "w", ends)
    running = asyncio.create_task(made.run())
    try:
        yield made, ends
        made.close()
        async with asyncio.timeout(60):
            await running
    finally:
        running.cancel()


def put(to: Finalizer, *numbers: int, **changes: Any) -> None:
    for number in numbers:
        to.put(leased(number), result(number, **changes))


def ids(params: Params, name: str = "execution_ids") -> list[str]:
    """The executions of a statement, which are passed as an array's literal or as a list."""
    found = params[name]
    return found.strip("{}").split(",") if isinstance(found, str) else list(found)


async def test_results_that_come_together_are_stored_by_one_statement() -> None:
    to = link()
    async with storing(to) as (finalizer, ends):
        put(finalizer, 1, 2, 3)
        await until(lambda: ends.batches, "the results")
        assert to.names == ["finalize_successes"]
        assert [set(batch) for batch in ends.batches] == [
            {(execution(number), "SUCCESS", "SUCCESS") for number in (1, 2, 3)}
        ]


async def test_it_waits_for_results_and_stores_one_that_comes_after_another() -> None:
    to = link()
    async with storing(to) as (finalizer, ends):
        for number in (1, 2):
            await asyncio.sleep(0)  # it is waiting
            put(finalizer, number)
            await until(lambda number=number: len(ends.batches) == number, "the result")  # type: ignore[misc]
    assert to.names == ["finalize_successes"] * 2


async def test_a_statement_stores_at_most_two_hundred_results_and_gives_back_as_many_claims() -> None:
    to = link()
    async with storing(to) as (finalizer, ends):
        put(finalizer, *range(450))
        for number in range(450, 900):
            finalizer.give_back(leased(number))
    assert [len(ids(params)) for params in to.params("finalize_successes")] == [200, 200, 50]
    assert [len(ids(params)) for params in to.params("release_executions")] == [200, 200, 50]
    assert len({execution_id for execution_id, _, _ in ends.of_all}) == len(ends.of_all) == 900


async def test_while_deliveries_are_under_way_a_result_waits_a_moment_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finalizers, "_GATHERING_SECONDS", 0.0)  # the rest of this round of the event loop
    to = link()
    async with storing(to) as (finalizer, ends):
        finalizer.under_way.add(leased(9))
        put(finalizer, 1)
        asyncio.get_running_loop().call_soon(put, finalizer, 2)
        await until(lambda: len(ends.of_all) == 2, "both results")
    assert len(to.names) == 1


async def test_a_full_batch_and_the_last_results_wait_for_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalizers, "_GATHERING_SECONDS", 3600.0)
    async with storing(link()) as (finalizer, ends):
        put(finalizer, 1)
        await until(lambda: len(ends.of_all) == 1, "the result of the only delivery")
        finalizer.under_way.add(leased(99))
        put(finalizer, *range(2, 52))
        await until(lambda: len(ends.of_all) == 51, "fifty results")
        put(finalizer, 60)
        finalizer.close()
        await until(lambda: len(ends.of_all) == 52, "the last result")


async def test_two_claims_of_an_execution_are_stored_one_after_the_other_the_older_first() -> None:
    """One statement can end an execution only once: which of the two it took would be chance."""
    to = link()
    async with storing(to) as (finalizer, ends):
        finalizer.put(leased(1, token="old"), result(1, token="old"))
        put(finalizer, 2)
        finalizer.put(leased(1, token="new"), result(1, token="new"))
    first, second = to.params("finalize_successes")
    assert (sorted(ids(first, "claim_tokens")), ids(second, "claim_tokens")) == (["old", "token"], ["new"])
    assert ids(second) == [execution(1)]
    assert len(ends.of_all) == 3


async def test_a_result_without_an_answer_is_stored_again_and_counted_once() -> None:
    one = execution(1)
    to = link(
        finalize_successes=[lost(), [Left(one)]],  # the first was committed: the second finds nothing to end
        judge_unapplied=[[Judged(one, "ALREADY")]],
    )
    async with storing(to) as (finalizer, ends):
        put(finalizer, 1)
    assert (ends.of_all, to.pauses) == ([(one, "SUCCESS", "ALREADY")], 1)


class Rows:
    """The rows that another session holds locked."""

    def __init__(self, *numbers: int) -> None:
        self.held = {execution(number) for number in numbers}

    def end(self, params: Params) -> Answer:
        return psycopg.errors.LockNotAvailable("locked") if self.held & set(ids(params)) else []

    def list(self, params: Params) -> Answer:
        return [Locked(each) for each in params["execution_ids"] if each in self.held]


async def test_locked_rows_hold_up_no_others_and_are_stored_when_they_are_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, rows = StoppedClock(), Rows(1, 2)
    monkeypatch.setattr(finalizers, "time", clock)
    to = link(finalize_successes=rows.end, list_locked=rows.list)
    async with storing(to) as (finalizer, ends):
        put(finalizer, 1, 2, 3)
        await until(lambda: ends.batches, "the free row")
        assert ends.of_all == [(execution(3), "SUCCESS", "SUCCESS")]

        rows.held.remove(execution(2))
        looks = to.names.count("list_locked")
        put(finalizer, 4)
        await until(lambda: len(ends.of_all) == 2, "a result that came later")
        assert to.names.count("list_locked") == looks, "they are looked at once a second"

        clock.now += 1.0
        put(finalizer, 5)
        await until(lambda: len(ends.of_all) == 4, "the row that is free now")
        assert {each for each, _, _ in ends.of_all} == {execution(number) for number in (2, 3, 4, 5)}

        rows.held.clear()
        clock.now += 1.0
    assert ends.of_all[-1] == (execution(1), "SUCCESS", "SUCCESS"), "it is waited for, also after `close`"
    assert len(ends.of_all) == 5


async def test_locked_rows_are_looked_at_though_nothing_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalizers, "_LOCKED_SECONDS", 0.0)
    rows = Rows(1)
    to = link(finalize_successes=rows.end, list_locked=rows.list)
    async with storing(to) as (finalizer, ends):
        put(finalizer, 1)
        await until(lambda: to.names.count("list_locked") > 3, "several looks")
        assert ends.of_all == []
        rows.held.clear()
        await until(lambda: ends.of_all, "the row that is free now")


async def test_at_its_end_it_waits_for_rows_that_are_locked() -> None:
    rows = Rows(1)
    to = link(finalize_successes=rows.end, list_locked=rows.list)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finalizers, "_LOCKED_SECONDS", 0.0)
        async with storing(to) as (finalizer, ends):
            put(finalizer, 1)
            finalizer.close()
            await until(lambda: to.names.count("list_locked") > 3, "several looks")
            assert ends.of_all == []
            rows.held.clear()
    assert ends.of_all == [(execution(1), "SUCCESS", "SUCCESS")]


async def test_claims_that_are_given_back_end_without_a_result_whether_or_not_postgresql_answers() -> None:
    """Their slots are free: the leases end by themselves, and nothing was sent."""
    to = link(release_executions=[[Judged(execution(1), "RETRY")], lost()])
    async with storing(to) as (finalizer, ends):
        for number in (1, 2):
            finalizer.give_back(leased(number, token=f"token-{number}"))
            await until(lambda number=number: len(ends.of_all) == number, "the claim to end")  # type: ignore[misc]
    assert ends.of_all == [(execution(1), None, "DROPPED"), (execution(2), None, "DROPPED")]
    assert [(params["execution_ids"], params["claim_tokens"]) for params in to.params("release_executions")] == [
        ([execution(1)], ["token-1"]),
        ([execution(2)], ["token-2"]),
    ]
