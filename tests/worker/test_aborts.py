"""When an execution is cancelled, its request in progress is aborted, and its attempt records what is known."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from conftest import Api, make_workspace
from delivery.servers import OK, Receiver, Talk, answer, full_backlog
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, end_leases, in_flight, status_of
from kronos.worker.aborts import Aborts
from kronos.worker.attempt import Leased
from kronos.worker.link import Link
from sql_factory import records, value
from worker.running import Worker, until

Start = Callable[..., Worker]
_TIMEOUT_MS = 600_000  # no test waits this long


class Hanging:
    """Sends the given part of an answer, then waits until the client has closed."""

    def __init__(self, sent: bytes = b"") -> None:
        self._sent, self.gone = sent, 0

    async def __call__(self, talk: Talk) -> None:
        if self._sent:
            await talk.send(self._sent)
        if await talk.is_gone():
            self.gone += 1


def _endpoint(superuser: psycopg.Connection, own_api: Api, url: str, **changes: Any) -> tuple[EndpointRow, str]:
    """An endpoint in its own workspace, and the URL of its executions."""
    slug = make_workspace(own_api.client)
    workspace_id = value(superuser, "select workspace_id from kronos.workspaces where slug = %s", [slug])
    row = add_endpoint(superuser, workspace_id, url=url, timeout_ms=_TIMEOUT_MS, **changes)
    return row, f"/v1/workspaces/{slug}/executions"


def _last_error(superuser: psycopg.Connection, execution_id: UUID) -> tuple[str, str, str]:
    """The status of its last attempt, and the error's type and message."""
    (found,) = records(
        superuser,
        "select status, error ->> 'type' as kind, error ->> 'message' as message from kronos.attempts"
        " where execution_id = %s order by attempt_number desc limit 1",
        [execution_id],
    )
    return found["status"], found["kind"], found["message"]


async def test_what_is_cancelled_under_way_is_torn_from_the_wire_and_says_what_is_known(
    superuser: psycopg.Connection, own_api: Api, start: Start
) -> None:
    """Sent and unanswered; never sent, because no connection is accepted; already answered."""
    hanging, dripping = Hanging(), Hanging(OK + b"Content-Length: 1000\r\n\r\nok")
    with full_backlog() as (_, port):
        async with Receiver(hanging) as silent, Receiver(dripping) as answered:
            urls = {"sent": silent.url, "never": f"http://127.0.0.1:{port}/", "answered": answered.url}
            endpoints = {
                name: _endpoint(superuser, own_api, url, max_in_flight=1, max_attempts=1) for name, url in urls.items()
            }
            ids = {name: add_executions(superuser, endpoint)[0] for name, (endpoint, _) in endpoints.items()}
            start()
            await until(lambda: len(silent.requests) + len(answered.requests) == 2, "the requests")
            await until(lambda: status_of(superuser, ids["never"]) == "RUNNING", "the claim of the third")

            def post(name: str) -> Any:
                return own_api.client.post(f"{endpoints[name][1]}/{ids[name]}/cancel")

            for name in ids:
                told = await asyncio.to_thread(post, name)
                assert told.status_code in (200, 202), told.text
                assert told.json()["status"] in ("RUNNING", "CANCELLED", "SUCCESS")
            await until(
                lambda: not value(superuser, "select exists (select from kronos.execution_live)"), "all three to end"
            )
            await until(lambda: (hanging.gone, dripping.gone) == (1, 1), "both connections to be closed")
            again = await asyncio.to_thread(post, "sent")
            too_late = await asyncio.to_thread(post, "answered")
    assert (again.status_code, again.json()["status"], again.json()["status_reason"]["code"]) == (
        200,
        "CANCELLED",
        "cancelled",
    )
    assert (too_late.status_code, too_late.json()["code"]) == (409, "execution_not_cancellable")
    assert {name: status_of(superuser, each) for name, each in ids.items()} == {
        "sent": "CANCELLED",
        "never": "CANCELLED",
        "answered": "SUCCESS",
    }
    status, kind, message = _last_error(superuser, ids["sent"])
    assert (status, kind) == ("UNKNOWN", "cancelled")
    assert "whether it arrived is not known" in message
    status, kind, message = _last_error(superuser, ids["never"])
    assert (status, kind, message) == (
        "FAILED",
        "cancelled",
        "the delivery was cancelled before anything was sent",
    )
    assert attempts_of(superuser, ids["answered"]) == ["SUCCESS"]
    assert [in_flight(superuser, endpoint) for endpoint, _ in endpoints.values()] == [0, 0, 0]
    assert value(superuser, "select count(*) from kronos.dead_letters") == 0


async def test_a_cancellation_that_nobody_told_and_a_claim_that_is_anothers_are_found_by_looking(
    superuser: psycopg.Connection, start: Start
) -> None:
    hanging = Hanging()
    async with Receiver(hanging) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=_TIMEOUT_MS)
        untold, stolen = add_executions(superuser, endpoint, 2)
        worker = start()
        await until(lambda: len(receiver.requests) == 2, "both requests")
        reason = Jsonb({"code": "cancelled"})
        superuser.execute(
            "update kronos.execution_live set cancel_reason = %s where execution_id = %s", [reason, untold]
        )
        superuser.execute(
            "update kronos.execution_live set claim_token = gen_random_uuid() where execution_id = %s", [stolen]
        )
        await until(lambda: hanging.gone == 2, "both connections to be closed", seconds=60)
        await until(lambda: status_of(superuser, untold) == "CANCELLED", "the end")
        late = "select status from kronos.attempt_late where execution_id = %s"
        await until(lambda: superuser.execute(late, [stolen]).fetchall() == [("UNKNOWN",)], "the late result")
        assert (status_of(superuser, stolen), worker.process.poll()) == ("RUNNING", None)


async def test_what_somebody_tells_without_its_being_so_ends_nothing(
    superuser: psycopg.Connection, own_api: Api, start: Start
) -> None:
    """Any role of the database may send a NOTIFY."""
    release = asyncio.Event()

    async def held(talk: Talk) -> None:
        await release.wait()
        await answer()(talk)

    async with Receiver(held, keep=True) as receiver:
        endpoint, url = _endpoint(superuser, own_api, receiver.url)
        wanted, cancelled = add_executions(superuser, endpoint, 2)
        start()
        await until(lambda: len(receiver.requests) == 2, "both requests")
        superuser.execute("select pg_notify('kronos_aborts', %s)", [f"{wanted},nonsense,'\u00e4"])
        superuser.execute("select pg_notify('kronos_aborts', '')")
        assert (await asyncio.to_thread(own_api.client.post, f"{url}/{cancelled}/cancel")).status_code == 202
        # notifications arrive in order, so the earlier ones have been received
        await until(lambda: status_of(superuser, cancelled) == "CANCELLED", "the end of the one that was cancelled")
        assert status_of(superuser, wanted) == "RUNNING"
        release.set()
        await until(lambda: attempts_of(superuser, wanted) == ["SUCCESS"], "the answer")


async def test_a_worker_killed_between_the_cancellation_and_the_abort_leaves_it_cancelled(
    superuser: psycopg.Connection, own_api: Api, start: Start
) -> None:
    async with Receiver(Hanging()) as receiver:
        endpoint, url = _endpoint(superuser, own_api, receiver.url, max_attempts=1, max_crashes=0)
        (execution_id,) = add_executions(superuser, endpoint)
        worker = start()
        await until(lambda: len(receiver.requests) == 1, "the request")
        worker.tell(signal.SIGSTOP)
        told = await asyncio.to_thread(own_api.client.post, f"{url}/{execution_id}/cancel")
        assert (told.status_code, told.json()["status"], told.json()["status_reason"]["code"]) == (
            202,
            "RUNNING",
            "cancelling",
        )
        worker.tell(signal.SIGKILL)
        await worker.ends()
        end_leases(superuser, [execution_id])
        start()
        await until(lambda: status_of(superuser, execution_id) == "CANCELLED", "the next worker's upkeep")
    assert (attempts_of(superuser, execution_id), len(receiver.requests)) == (["LOST"], 1)


async def test_a_worker_that_is_to_stop_ends_at_once_what_is_cancelled_meanwhile(
    superuser: psycopg.Connection, own_api: Api, start: Start
) -> None:
    async with Receiver(Hanging()) as receiver:
        endpoint, url = _endpoint(superuser, own_api, receiver.url)
        (execution_id,) = add_executions(superuser, endpoint)
        worker = start(shutdown_seconds=300)
        await until(lambda: len(receiver.requests) == 1, "the request")
        worker.tell()
        await until(lambda: "nothing more is claimed" in worker.log, "the worker to stop claiming")
        assert (await asyncio.to_thread(own_api.client.post, f"{url}/{execution_id}/cancel")).status_code == 202
        assert await worker.ends(seconds=60) == 0
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("CANCELLED", ["UNKNOWN"])


async def test_told_of_more_than_is_kept_it_looks_at_all_of_them(link: Link) -> None:
    poked: list[None] = []
    under_way: set[Leased] = set()
    aborts = Aborts(link, under_way, lambda: poked.append(None))
    aborts.told(["nonsense", ""])
    assert not aborts.are_due
    aborts.told([str(uuid4())])
    assert aborts.are_due  # its claim may be on its way
    await aborts.end()
    assert not aborts.are_due  # it was another worker's
    aborts.told(str(uuid4()) for _ in range(10_000))
    assert not aborts._is_look_due
    aborts.told([str(uuid4())])
    assert (aborts._is_look_due, len(poked)) == (True, 4)


@pytest.mark.parametrize("count", [1, 200, 201, 450])
def test_as_many_as_are_cancelled_are_told(superuser: psycopg.Connection, count: int) -> None:
    superuser.execute("listen kronos_aborts")
    ids = superuser.execute("select array_agg(gen_random_uuid()) from generate_series(1, %s)", [count]).fetchone()
    assert ids is not None
    superuser.execute("select kronos.ask_for_aborts(%s)", ids)
    told = [each for notify in superuser.notifies(timeout=0) for each in notify.payload.split(",")]
    assert sorted(told) == sorted(map(str, ids[0]))


async def test_what_is_past_its_deadline_reaches_no_receiver(superuser: psycopg.Connection, start: Start) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        late, in_time = add_executions(superuser, add_endpoint(superuser, url=receiver.url), 2)
        superuser.execute(
            "update kronos.execution_live set deadline_at = now() + case when execution_id = %s"
            " then interval '0 s' else interval '1 hour' end",
            [late],
        )
        start()
        await until(lambda: not value(superuser, "select exists (select from kronos.execution_live)"), "both to end")
    assert [status_of(superuser, each) for each in (late, in_time)] == ["EXPIRED", "SUCCESS"]
    assert [request.headers["idempotency-key"] for request in receiver.requests] == [str(in_time)]
