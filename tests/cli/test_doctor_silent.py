"""kronos doctor when PostgreSQL stops answering: it ends and reports that; when PostgreSQL is only slow, it waits."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from faults.cut_way import CutWay, cut_way
from kronos import doctor, session
from kronos.doctor import silence
from kronos.doctor.finding import Finding


@pytest.fixture
async def way(database_url: str) -> AsyncIterator[CutWay]:
    async with cut_way(database_url) as made:
        yield made


async def test_a_database_that_falls_silent_is_a_finding_and_the_end(
    way: CutWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "EVERY_SECONDS", 0.05)
    loop = asyncio.get_running_loop()

    def progress(checked: int, total: int) -> None:
        """Called between two statements of the last check. Only from then on is a quick answer expected."""
        asyncio.run_coroutine_threadsafe(way.fall_silent(), loop).result()
        monkeypatch.setattr(silence, "ANSWER_SECONDS", 0.2)

    def examined() -> list[Finding]:
        return list(doctor.examine(way.url, fix=False, progress=progress))

    *before, last = await asyncio.to_thread(examined)
    assert "growth" in {each.check for each in before}
    assert (last.check, last.ok) == ("database", False)
    assert "stopped answering, on this connection and on new ones" in last.detail
    assert "kill -CONT" in (last.fix or "")
    assert "SHOW POOLS" in (last.fix or ""), "a pooler without free connections can show no more"


async def test_a_slow_statement_is_waited_for(way: CutWay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until three queries on another connection have asked whether PostgreSQL still answers."""
    monkeypatch.setattr(silence, "EVERY_SECONDS", 0.01)
    asked = []
    answers = silence.Watch._answers

    async def counted(watch: silence.Watch) -> bool:
        asked.append(await answers(watch))
        if len(asked) == 3:
            watch._connection.cancel_safe()
        return asked[-1]

    monkeypatch.setattr(silence.Watch, "_answers", counted)

    def slow() -> None:
        with (
            session.connect(way.url, session.wanted(None)) as connection,
            silence.Watch(connection, way.url) as watch,
            pytest.raises(psycopg.errors.QueryCanceled),
        ):
            connection.execute("select pg_sleep(600)")
        assert not watch.is_silent

    await asyncio.to_thread(slow)
    assert asked[:3] == [True, True, True]


async def test_a_refusal_is_an_answer(superuser: psycopg.Connection, database_url: str) -> None:
    assert await silence.Watch(superuser, make_conninfo(database_url, dbname="none"))._answers()
