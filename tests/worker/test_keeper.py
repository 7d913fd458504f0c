"""Upkeep is done a few times a second, and leases of dead workers end although the rest of it fails."""

import psycopg
import pytest

from kronos.metrics import catalog
from kronos.metrics.definition import Measured
from kronos.worker.claims import Upkeep
from kronos.worker.meter import WorkerMeter
from kronos.worker.upkeep import Keeper
from kronos.worker.wake import Wake
from stopped_clock import StoppedClock
from worker.scripted import Answer, ScriptedLink, link


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    for module in ("wake", "upkeep"):
        monkeypatch.setattr(f"kronos.worker.{module}.time", made)
    return made


def kept(*, requeued: int = 0, failed: int = 0, backfilled: int | None = None) -> list[Upkeep]:
    return [Upkeep(requeued=requeued, failed=failed, released=0, backfilled=backfilled)]


def broken() -> psycopg.Error:
    """An error of one part, which undoes the others."""
    return psycopg.errors.RaiseException("a part of it is broken")


class Kept:
    """A worker's keeper, its database and its wake."""

    def __init__(self, clock: StoppedClock, *, upkeep: list[Answer], expire_leases: list[Answer] | None = None) -> None:
        self._clock = clock
        self.link: ScriptedLink = link(upkeep=upkeep, expire_leases=expire_leases or [kept()] * 9)
        self.wake, self.meter = Wake(poll_seconds=30), WorkerMeter()
        self.wake.looked(clock.now, None)
        self.keeper = Keeper(self.link, self.wake, self.meter)

    async def look(self, *, after: float, is_full: bool = False) -> list[str]:
        """The statements of a look after so many seconds."""
        self._clock.now += after
        self.link.asked.clear()
        await self.keeper.keep(self._clock.now, is_full=is_full)
        return self.link.names

    def counted(self, metric: object) -> dict[tuple[str, ...], float]:
        read = [each for each in self.meter.read() if isinstance(each, Measured)]
        return {each.labels: each.value for each in read if each.metric is metric}

    @property
    def is_awake_after(self) -> float:
        """Seconds until the next look."""
        return self.wake._next_at - self._clock.now


async def test_however_often_a_worker_is_woken_it_is_done_four_times_a_second(clock: StoppedClock) -> None:
    of = Kept(clock, upkeep=[kept()] * 9)
    assert await of.look(after=0) == ["upkeep"]
    assert [await of.look(after=0.1) for _ in range(5)] == [[], [], ["upkeep"], [], []]
    assert await of.look(after=0.05) == ["upkeep"]


@pytest.mark.parametrize("is_full", [True, False])
async def test_all_leases_are_looked_at_only_by_a_full_look(clock: StoppedClock, is_full: bool) -> None:
    of = Kept(clock, upkeep=[kept()])
    await of.look(after=0, is_full=is_full)
    assert [params["all_leases"] for params in of.link.params("upkeep")] == [is_full]


async def test_while_it_fails_leases_end_at_once_and_at_each_full_look_and_it_is_tried_again_after_eight_seconds(
    clock: StoppedClock,
) -> None:
    of = Kept(clock, upkeep=[broken(), broken(), kept(), kept()])
    assert await of.look(after=0) == ["upkeep", "expire_leases"]
    assert await of.look(after=3) == []
    assert await of.look(after=1, is_full=True) == ["expire_leases"]
    assert await of.look(after=4) == ["upkeep", "expire_leases"]
    assert await of.look(after=8, is_full=True) == ["upkeep"], "it works again"
    assert await of.look(after=0.1, is_full=True) == []


async def test_a_connection_that_is_lost_is_an_error_of_the_look(clock: StoppedClock) -> None:
    of = Kept(clock, upkeep=[psycopg.OperationalError("lost"), kept()])
    of.link.is_connected = False
    with pytest.raises(psycopg.OperationalError):
        await of.look(after=0)
    assert of.link.names == ["upkeep"]
    assert await of.look(after=0.01) == ["upkeep"], "it was not done"


async def test_leases_that_ended_are_counted_whichever_statement_ended_them(clock: StoppedClock) -> None:
    of = Kept(
        clock,
        upkeep=[kept(requeued=3), kept(failed=2), broken()],
        expire_leases=[kept(requeued=1, failed=1), broken()],
    )
    for _ in range(3):
        await of.look(after=1)
    assert of.counted(catalog.LEASES_ENDED) == {("requeued",): 4, ("failed",): 3}
    assert of.counted(catalog.CLAIM_ERRORS) == {(): 1}
    await of.look(after=1, is_full=True)
    assert of.counted(catalog.CLAIM_ERRORS) == {(): 1}, "the same failure is not counted twice"


async def test_a_keeper_without_a_meter_counts_nothing_and_works(clock: StoppedClock) -> None:
    of = Kept(clock, upkeep=[broken(), kept()])
    of.keeper = Keeper(of.link, of.wake, None)  # type: ignore[arg-type]
    assert await of.look(after=0) == ["upkeep", "expire_leases"]
    assert await of.look(after=8) == ["upkeep"]


async def test_while_a_backfill_is_under_way_the_end_of_a_delivery_releases_its_next_tick_at_once(
    clock: StoppedClock,
) -> None:
    of = Kept(clock, upkeep=[kept(backfilled=1), kept(backfilled=0), kept()])
    of.keeper.ended()
    assert of.is_awake_after > 20, "no backfill: the end of a delivery releases nothing"
    await of.look(after=0)
    assert of.is_awake_after == pytest.approx(0.25), "without deliveries its ticks are created"
    of.keeper.ended()
    assert of.is_awake_after == pytest.approx(0.02)
    assert await of.look(after=0.01) == []
    assert await of.look(after=0.01) == ["upkeep"]
    clock.now += 0.24
    of.keeper.ended()
    assert await of.look(after=0.011) == ["upkeep"], "the upkeep that is due sooner is not put off"
    of.keeper.ended()
    assert await of.look(after=0.03) == [], "the backfill is complete"
