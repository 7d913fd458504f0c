"""Metrics that change slowly are read separately, so that no scrape waits for them; another metric reports
their age.
"""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from conftest import Api
from kronos import errors, gauges, seldom
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.gauges import Gauges
from kronos.metrics import instance
from kronos.metrics.definition import Measured, Metric
from kronos.pool import Pool


class Watch:
    """Stands for time.monotonic; the test advances it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(seldom, "time", made)
    monkeypatch.setattr(gauges, "time", made)
    return made


@pytest.fixture
async def view(shared_api: Api) -> AsyncIterator[InstanceView]:
    async with Pool(shared_api.database_url, size=2, wait_seconds=60) as pool:
        yield InstanceView(pool)


@pytest.fixture
def settings(shared_api: Api) -> Settings:
    return Settings(database_url=SecretStr(shared_api.database_url))


async def scrape(one: Gauges, view: InstanceView) -> dict[Metric, float]:
    return {each.metric: each.value for each in await one.read(view, names=False)}


async def settle(one: Gauges) -> None:
    """Wait until the separate read has finished or failed."""
    assert one._seldom._reading is not None
    await one._seldom._reading


def found(number: float) -> seldom.Part:
    async def figures(*_: object) -> list[Measured]:
        return [Measured(instance.TZDATA_DIFFERS, number)]

    return figures


def failing(error: Exception) -> seldom.Part:
    async def figures(*_: object) -> list[Measured]:
        raise error

    return figures


async def test_no_scrape_waits_for_it_and_the_next_one_has_it(
    view: InstanceView, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in ten minutes, a scrape used to take four times as long as the others, for figures that nobody had asked
    for.
    """
    may_end, begun, read = asyncio.Event(), list[int](), seldom._read_findings

    async def held(*given: object) -> list[Measured]:
        begun.append(1)
        await may_end.wait()
        return await read(view, settings)

    monkeypatch.setattr(seldom, "_PARTS", (held, seldom._read_quotas))
    monkeypatch.setattr(gauges, "_KEPT_SECONDS", 0.0)
    one = Gauges(settings)
    for _ in range(3):
        first = await scrape(one, view)  # a scrape that waited would never end
        assert (first[instance.DATABASE_UP], instance.FINDINGS in first) == (1, False)
    may_end.set()
    await settle(one)
    later = await scrape(one, view)
    assert {instance.FINDINGS, instance.PARTITIONS, instance.ALARM_QUOTA, instance.TZDATA_DIFFERS} <= set(later)
    assert (len(begun), later[instance.SELDOM_AGE] < first[instance.SELDOM_AGE] + 60) == (1, True)


async def test_its_age_is_told_from_the_processes_beginning_on_and_it_is_read_each_ten_minutes(
    view: InstanceView, settings: Settings, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, come = asyncio.Event(), found(1)

    async def held(*given: object) -> list[Measured]:
        await may_end.wait()
        return await come(view, settings)

    monkeypatch.setattr(seldom, "_PARTS", (held,))
    one = Gauges(settings)
    watch.now += 50
    assert (await scrape(one, view))[instance.SELDOM_AGE] == 50
    may_end.set()
    await settle(one)
    assert (await scrape(one, view))[instance.SELDOM_AGE] == 0
    monkeypatch.setattr(seldom, "_PARTS", (found(2),))
    watch.now += 599
    assert (await scrape(one, view))[instance.SELDOM_AGE] == 599
    await settle(one)
    assert (await scrape(one, view))[instance.TZDATA_DIFFERS] == 1
    watch.now += 11
    await scrape(one, view)
    await settle(one)
    shown = await scrape(one, view)
    assert (shown[instance.TZDATA_DIFFERS], shown[instance.SELDOM_AGE]) == (2, 0)


@pytest.mark.parametrize(
    ("error", "event", "level"),
    [
        (errors.DatabaseUnavailable("the lock was not had"), "metrics.unread", logging.WARNING),
        (TimeoutError(), "metrics.unread", logging.WARNING),
        (ValueError("nobody foresaw it"), "metrics.failed", logging.ERROR),
    ],
)
async def test_where_it_fails_what_was_known_stays_its_age_grows_and_the_log_says_why(
    view: InstanceView,
    settings: Settings,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    event: str,
    level: int,
) -> None:
    """The doctor's findings used to remain the same forever, and nothing reported their age."""
    monkeypatch.setattr(seldom, "_PARTS", (found(1),))
    one = Gauges(settings)
    await scrape(one, view)
    await settle(one)
    monkeypatch.setattr(seldom, "_PARTS", (failing(error),))
    watch.now += 601
    await scrape(one, view)
    await settle(one)
    watch.now += 59  # too early for another try
    shown = await scrape(one, view)
    await settle(one)
    told = [(vars(each)["event"], each.levelno) for each in caplog.records if each.name == "kronos.metrics"]
    assert told == [(event, level)]
    assert (shown[instance.DATABASE_UP], shown[instance.TZDATA_DIFFERS], shown[instance.SELDOM_AGE]) == (1, 1, 660)
    monkeypatch.setattr(seldom, "_PARTS", (found(3),))
    watch.now += 11
    await scrape(one, view)
    await settle(one)
    assert (await scrape(one, view))[instance.TZDATA_DIFFERS] == 3


async def test_a_part_that_fails_hides_no_other_and_the_age_is_its_own(
    view: InstanceView, settings: Settings, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotas of very many jobs may be too slow to read. That must not hide the findings."""
    monkeypatch.setattr(seldom, "_PARTS", (failing(TimeoutError()), found(1)))
    one = Gauges(settings)
    watch.now += 40
    await scrape(one, view)
    await settle(one)
    shown = await scrape(one, view)
    assert (shown[instance.TZDATA_DIFFERS], shown[instance.SELDOM_AGE]) == (1, 40)
    monkeypatch.setattr(seldom, "_PARTS", (found(2), failing(TimeoutError())))
    watch.now += 61
    await scrape(one, view)
    await settle(one)
    assert one._seldom._found_at == [1101, 1040]


async def test_it_is_given_up_where_it_does_not_come_and_ends_with_the_process(
    view: InstanceView, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A standby that is configured but down used to delay each read, so that PostgreSQL seemed to be down."""

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("kronos.doctor.asked.count", never)
    with monkeypatch.context() as hurried:
        hurried.setattr(seldom, "_WITHIN_SECONDS", 0.01)
        one = Gauges(settings)
        assert instance.FINDINGS not in await scrape(one, view)
        await settle(one)
    assert "PostgreSQL did not answer in time" in caplog.text
    other = Gauges(settings)
    await scrape(other, view)
    assert other._seldom._reading is not None
    await other.end()
    assert other._seldom._reading.cancelled()
    await Gauges(settings).end()  # which was never scraped


async def test_why_the_database_seems_away_is_told_once_and_again_after_it_was_back(
    view: InstanceView, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A locked table used to set kronos_database_up to 0 without a line in any log."""
    monkeypatch.setattr(gauges, "_KEPT_SECONDS", 0.0)
    monkeypatch.setattr(seldom, "_PARTS", (found(1),))
    one, read = Gauges(settings), gauges._read
    for _ in range(2):
        with monkeypatch.context() as locked:
            locked.setattr(gauges, "_read", failing(errors.DatabaseUnavailable("canceling statement: lock timeout")))
            for _ in range(2):
                assert await scrape(one, view) == {instance.DATABASE_UP: 0}
        assert gauges._read is read
        assert (await scrape(one, view))[instance.DATABASE_UP] == 1
    told = [each.getMessage() for each in caplog.records if each.name == "kronos.metrics"]
    assert told == ["kronos_database_up is 0: canceling statement: lock timeout; this is logged once"] * 2
