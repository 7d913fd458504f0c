"""The cache of the coming load: which change it is valid for, how long, how much it holds, and that each entry is
computed once.
"""

import asyncio
from uuid import UUID

import pytest

from kronos.coming import AsOf, Coming, Reckoned

_ACME, _OTHER = UUID(int=1), UUID(int=2)


def as_of(changes: int, workspace_id: UUID | None = _ACME) -> AsOf:
    return AsOf(workspace_id=workspace_id, changes=changes)


class Looks:
    """Counts how often a result is computed. Each computation waits until `may_go` is set."""

    def __init__(self, *, jobs: int = 5000, rows: int = 0) -> None:
        self.number = 0
        self.begun = asyncio.Queue[int]()
        self._jobs, self._rows = jobs, rows
        self.may_go = asyncio.Event()
        self.may_go.set()

    async def __call__(self) -> Reckoned[str]:
        self.number += 1
        nth = self.number
        self.begun.put_nowait(nth)
        await self.may_go.wait()
        return Reckoned(f"found {nth}", jobs=self._jobs, rows=self._rows)


async def test_it_is_found_again_after_each_change_and_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    coming, find = Coming(), Looks()
    monkeypatch.setattr(Coming, "_SECONDS", 3600.0)
    assert [await coming.once(as_of(7), str, ("day",), find) for _ in range(2)] == ["found 1", "found 1"]
    assert await coming.once(as_of(7), str, ("week",), find) == "found 2"
    assert await coming.once(as_of(7, _OTHER), str, ("day",), find) == "found 3"
    assert await coming.once(as_of(8), str, ("day",), find) == "found 4"
    assert await coming.once(as_of(7), str, ("day",), find) == "found 4", "a newer result answers it"
    assert await coming.once(as_of(8), str, ("week",), find) == "found 5", "results from before the change are gone"
    monkeypatch.setattr(Coming, "_SECONDS", -1.0)
    assert await coming.once(as_of(8), str, ("day",), find) == "found 6"


async def test_who_asks_while_it_is_found_waits_for_it() -> None:
    coming, find = Coming(), Looks()
    await coming.once(as_of(1), str, (), find)
    find.may_go.clear()
    asking = [asyncio.create_task(coming.once(as_of(2), str, (), find)) for _ in range(20)]
    other = asyncio.create_task(coming.once(as_of(1, _OTHER), str, (), find))
    assert {await find.begun.get() for _ in range(3)} == {1, 2, 3}
    asking.pop(0).cancel()  # the caller that computed it gave up: the next one computes it
    assert await find.begun.get() == 4
    find.may_go.set()
    assert set(await asyncio.gather(*asking)) == {"found 4"}
    assert await other in {"found 2", "found 3"}
    assert find.number == 4


async def test_what_fails_is_asked_again_by_who_waited() -> None:
    coming, find = Coming(), Looks()
    await coming.once(as_of(1), str, (), find)

    async def fail() -> Reckoned[str]:
        await asyncio.sleep(0)
        raise ConnectionError

    failing = asyncio.create_task(coming.once(as_of(2), str, (), fail))
    await asyncio.sleep(0)
    assert await coming.once(as_of(2), str, (), find) == "found 2"
    with pytest.raises(ConnectionError):
        await failing


async def test_of_few_jobs_nothing_is_kept_and_of_many_it_has_a_bound() -> None:
    coming, few, many = Coming(), Looks(jobs=1), Looks(rows=1000)
    assert [await coming.once(as_of(1), str, (), few) for _ in range(2)] == ["found 1", "found 2"]
    for nth in range(20):
        await coming.once(as_of(1), str, (nth,), many)
    for nth in range(16, 20):
        await coming.once(as_of(1), str, (nth,), many)
    assert many.number == 20, "the newest four megabytes are kept"
    assert await coming.once(as_of(1), str, (15,), many) == "found 21"
