"""A NOTIFY's content reaches the claim by the shortest way, whatever it is, and takes nothing away from the looks."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from delivery.sending import LOCAL
from delivery.servers import Receiver, Talk, answer
from factory import add_endpoint, add_executions
from kronos import changes, database, errors, jobs, new_jobs, waking
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.pool import Pool
from kronos.worker import listener
from kronos.worker.link import Link, Outage
from kronos.worker.loop import Loop
from kronos.worker.wake import Wake
from kronos.worker.watchdog import Watchdog
from worker.running import keep_from_ringing, until


class RecordingLink(Link):
    """Records which statements were run."""

    names: list[str]

    async def texts(self, statement: Any, params: Any, *, may_be_locked: bool = False) -> Any:
        self.names.append(statement.name)
        return await super().texts(statement, params, may_be_locked=may_be_locked)


async def test_what_a_worker_is_told_of_is_claimed_before_it_looks_and_looks_are_not_starved(
    superuser: psycopg.Connection, database_url: str
) -> None:
    endpoint, link, wake = add_endpoint(superuser), RecordingLink(database_url, "test", Outage()), Wake(poll_seconds=30)
    link.names = []
    transport = HttpTransport(EgressPolicy())
    loop = Loop(
        claiming=link,
        finalizing=link,
        transport=transport,
        streams=Streams(EgressPolicy()),
        worker_id="w",
        concurrency=1,
        lease=timedelta(seconds=15),
        wake=wake,
    )
    running = asyncio.create_task(loop.run())

    async def names_are(count: int) -> list[str]:
        async with asyncio.timeout(60):
            while len(link.names) < count:
                wake.poke()
                await asyncio.sleep(0)
        return [name.removeprefix("claims.") for name in link.names[:count]]

    try:
        assert await names_are(1) == ["list_due_endpoints"]
        link.names.clear()
        wake.now(str(endpoint.endpoint_id))
        assert await names_are(2) == ["claim_executions", "list_due_endpoints"]
    finally:
        loop.stop()
        await running
        await link.close()


async def test_who_is_told_of_without_end_takes_no_other_endpoints_turn(
    superuser: psycopg.Connection, database_url: str
) -> None:
    links, wake, came = (
        [Link(database_url, name, Outage()) for name in ("claim", "finalize")],
        Wake(poll_seconds=30),
        [],
    )

    async def tell(talk: Talk) -> None:
        came.append(talk.request.line)
        wake.now(str(loud.endpoint_id))
        await answer()(talk)

    async with Receiver(tell, keep=True) as receiver, HttpTransport(LOCAL) as transport:
        loud = add_endpoint(superuser, url=f"{receiver.url}/loud")
        silent = add_endpoint(superuser, url=f"{receiver.url}/silent")
        add_executions(superuser, loud, 30)
        add_executions(superuser, silent, 3)
        loop = Loop(
            claiming=links[0],
            finalizing=links[1],
            transport=transport,
            streams=Streams(EgressPolicy()),
            worker_id="w",
            concurrency=1,
            lease=timedelta(seconds=15),
            wake=wake,
        )
        running, storing = asyncio.create_task(loop.run()), asyncio.create_task(loop.finalizer.run())
        try:
            await until(lambda: len(came) == 33, "all of them")
        finally:
            loop.stop()
            await running
            loop.finalizer.close()
            await storing
            for link in links:
                await link.close()
    assert max(place for place, line in enumerate(came) if "silent" in line) < 10


@pytest.mark.parametrize(
    "payload", ["", "old", "nonsense", "'; drop table", "0" * 40, "01938e2a-7c1b-7def-8abc-0123456789a"]
)
def test_only_an_endpoints_id_is_taken_for_one(payload: str) -> None:
    assert listener._id_of(payload) is None


def test_of_what_is_told_no_more_is_kept_than_a_claim_takes() -> None:
    wake = Wake(poll_seconds=30)
    for endpoint_id in (str(uuid4()) for _ in range(200)):
        wake.now(endpoint_id)
    assert len(wake.take_told()) == 64
    assert not wake.has_told


async def test_a_listener_passes_on_what_it_is_told_and_goes_on_listening(
    superuser: psycopg.Connection, database_url: str
) -> None:
    wake, link = Wake(poll_seconds=30), Link(database_url, "test", Outage(), listens=True)
    keep_from_ringing(superuser)
    wake.looked(time.monotonic(), None)
    listening = asyncio.create_task(listener.Listener(link, wake, Watchdog(link)).run())
    try:
        await until(lambda: wake.is_due, "the first look")
        told: list[str] = []
        for endpoint_id in (str(uuid4()) for _ in range(3)):
            superuser.execute("select pg_notify('kronos_work', %s)", [endpoint_id])
            await until(lambda: wake.has_told, "what was told")
            told += wake.take_told()
            assert told[-1:] == [endpoint_id]
        superuser.execute("select pg_notify('kronos_work', 'old')")
        await until(lambda: wake.is_full_wanted, "the full look")
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await link.close()


async def test_creations_and_runs_by_hand_say_of_which_endpoint_where_something_is_due(
    superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kronos.waking.may_wake", lambda: True)
    endpoint = add_endpoint(superuser)
    ((slug, name),) = superuser.execute(
        "select slug, endpoint.name from kronos.workspaces join kronos.endpoints as endpoint using (workspace_id) "
        "where endpoint_id = %s",
        [endpoint.endpoint_id],
    ).fetchall()
    superuser.execute("listen kronos_work")
    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        view = database.WorkspaceView(pool, slug)
        await jobs.create(view, new_jobs.NewJob(endpoint=name, trigger="IMMEDIATE"))
        await jobs.create(
            view, new_jobs.NewJob(endpoint=name, trigger="DELAYED", run_at=datetime.now(UTC) + timedelta(days=1))
        )
        cron, _ = await jobs.create(view, new_jobs.NewJob(endpoint=name, trigger="CRON", cron="0 0 1 1 *"))
        await changes.trigger(view, str(cron.job_id), input=None, idempotency_key=None)
    told = [each.payload for each in superuser.notifies(timeout=60, stop_after=3)]
    assert told == [str(endpoint.endpoint_id), "", str(endpoint.endpoint_id)]


async def test_who_is_refused_or_asks_twice_takes_no_wake_from_what_is_made(
    superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a non-overlapping job is requested before the others, and not created; a set with an invalid one is
    rolled back."""
    monkeypatch.setattr("kronos.waking._WAKE_INTERVAL_SECONDS", 3600.0)
    endpoint = add_endpoint(superuser)
    ((slug, name),) = superuser.execute(
        "select slug, endpoint.name from kronos.workspaces join kronos.endpoints as endpoint using (workspace_id) "
        "where endpoint_id = %s",
        [endpoint.endpoint_id],
    ).fetchall()
    superuser.execute("listen kronos_work")
    async with Pool(database_url, size=2, wait_seconds=60) as pool:
        view = database.WorkspaceView(pool, slug)
        cron, _ = await jobs.create(
            view, new_jobs.NewJob(endpoint=name, trigger="CRON", cron="0 0 1 1 *", overlap="QUEUE", name="taken")
        )

        async def refused() -> None:
            with pytest.raises(errors.EndpointNotFound):
                await jobs.create(view, new_jobs.NewJob(endpoint="nobody", trigger="IMMEDIATE"))
            with pytest.raises(errors.JobNotFound):
                await changes.trigger(view, "nobody", input=None)

        monkeypatch.setattr("kronos.waking._last_wake_seconds", waking._NEVER)
        await refused()
        await changes.trigger(view, str(cron.job_id), input=None)
        monkeypatch.setattr("kronos.waking._last_wake_seconds", waking._NEVER)
        creations = (
            jobs.create(view, new_jobs.NewJob(endpoint=name, trigger="IMMEDIATE", name=each))
            for each in ("free", "taken")
        )
        answered = await asyncio.gather(*creations, return_exceptions=True)
        assert [isinstance(each, errors.Conflict) for each in answered] == [False, True]
    told = [each.payload for each in superuser.notifies(timeout=60, stop_after=2)]
    assert told == [str(endpoint.endpoint_id)] * 2
