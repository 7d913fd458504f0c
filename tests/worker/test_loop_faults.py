"""A worker's loop when answers are lost, endpoints cannot be read, leases become too short, or it is to stop: each
claim is delivered once or given back, and its slot is free again."""

import asyncio
import json
from uuid import UUID

import pytest

from delivery.servers import Receiver, Talk, answer, silent
from kronos.encryption import Keyring, Place
from kronos.metrics import catalog
from kronos.metrics.definition import Measured
from kronos.server_time import boot_time
from kronos.worker import loop as loops
from kronos.worker.claims import Held, RunFacts, SealedSecret
from kronos.worker.vault import Vault
from stopped_clock import StoppedClock
from worker.running import until
from worker.scripted import WORKSPACE, execution, lost, turns
from worker.scripted_queue import Queue, Working, asked, elements, working


def counted(of: Working, metric: object) -> float:
    return sum(each.value for each in of.meter.read() if isinstance(each, Measured) and each.metric is metric)


async def test_what_is_due_is_delivered_once_and_stored_and_its_slots_are_free() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(25))
        async with working(queue, concurrency=10) as at:
            await until(lambda: len(queue.ended) == 25, "the results")
            await until(lambda: at.loop.unstored == 0, "the slots")
        assert set(queue.ended.values()) == {"SUCCESS"}
        assert len(receiver.requests) == 25
        assert asked(queue.claiming, "get_endpoint_versions") == 1, "it is read once"


async def test_a_claim_whose_answer_was_lost_is_found_by_its_token_and_delivered_once() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.is_done_though_lost = True
        queue.faults = {"claim_executions": [lost()], "recover_claim": [lost(), lost()]}
        queue.add(range(3))
        async with working(queue) as at:
            await until(lambda: len(queue.ended) == 3, "the results")
            assert counted(at, catalog.CLAIM_ERRORS) == 1
        assert len(receiver.requests) == 3
        first = queue.claiming.params("claim_executions")[0]["claim_token"]
        assert {str(each["claim_token"]) for each in queue.claiming.params("recover_claim")} == {first}
        assert queue.claiming.pauses == 3


async def test_a_claim_that_took_nothing_and_had_no_answer_is_made_again() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.faults = {"claim_executions": [lost()]}
        queue.add([1])
        async with working(queue):
            await until(lambda: queue.ended, "the result")
        first, second = queue.claiming.params("claim_executions")[:2]
        assert first["claim_token"] != second["claim_token"], "the first may still be committed"
        assert len(receiver.requests) == 1


async def test_a_worker_that_is_to_stop_while_a_claims_answer_is_lost_sends_nothing_of_it() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.is_done_though_lost = True
        queue.faults = {"claim_executions": [lost()], "recover_claim": [lost()] * 1_000_000}
        queue.add([1])
        async with working(queue) as at:
            await until(lambda: asked(queue.claiming, "recover_claim") > 2, "a claim that is looked for")
            assert await at.end() == 0
    assert (receiver.requests, queue.given_back) == ([], []), "its lease ends"


async def test_endpoints_that_cannot_be_read_are_read_until_they_are_and_nothing_is_lost() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.faults = {"get_endpoint_versions": [lost(), lost()]}
        queue.add(range(2))
        async with working(queue):
            await until(lambda: len(queue.ended) == 2, "the results")
        assert (len(receiver.requests), queue.claiming.pauses) == (2, 2)


async def test_a_version_that_does_not_exist_fails_its_deliveries_and_no_others() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add([1], endpoint_version=2)
        queue.add([2])
        async with working(queue):
            await until(lambda: len(queue.ended) == 2, "the results")
        assert queue.ended == {execution(1): "FAILED", execution(2): "SUCCESS"}
        assert "this version of the endpoint does not exist" in queue.errors[execution(1)]
        assert len(receiver.requests) == 1


async def test_a_claim_whose_lease_became_too_short_is_given_back_and_its_slot_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such as one whose endpoint could not be read for long."""
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(3))
        with monkeypatch.context() as patched:
            patched.setattr(loops, "boot_time", lambda: boot_time() - 14.0)
            async with working(queue, concurrency=1) as at:
                await until(lambda: len(queue.given_back) == 3, "claims one after the other")
                await until(lambda: at.loop.unstored == 0, "the slots")
        assert (receiver.requests, queue.ended) == ([], {})
        queue.add([9])
        async with working(queue):
            await until(lambda: queue.ended, "one that has its whole lease")


@pytest.mark.parametrize(("timeout_ms", "lease_seconds"), [(1000, 15.0), (10_000, 15.0), (60_000, 65.0)])
async def test_a_lease_lasts_for_the_timeout_and_five_seconds_at_least_for_the_shortest(
    timeout_ms: int, lease_seconds: float
) -> None:
    """The worker must not believe that it holds longer than PostgreSQL does."""
    queue = Queue("http://127.0.0.1:9/")
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add([1], timeout_ms=timeout_ms)
        before = boot_time()
        async with working(queue) as at:
            await until(lambda: at.loop.finalizer.under_way, "the delivery")
            (leased,) = at.loop.finalizer.under_way
            assert before + lease_seconds <= leased.ends_at <= boot_time() + lease_seconds
            assert before <= leased.began_at <= boot_time()
            (params,) = queue.claiming.params("claim_executions")[:1]
            assert (params["margin_ms"], params["shortest_lease_ms"]) == (5000, 15_000)


async def test_a_worker_that_stops_waits_for_what_is_under_way_and_stores_it() -> None:
    released = asyncio.Event()

    async def hang(talk: Talk) -> None:
        await released.wait()
        await answer()(talk)

    async with Receiver(hang) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(2), timeout_ms=600_000)
        async with working(queue) as at:
            await until(lambda: len(receiver.requests) == 2, "the requests")
            queue.add([5])
            ending = asyncio.create_task(at.end(within=3600))
            await turns(50)
            assert not ending.done()
            released.set()
            assert await ending == 0
    assert queue.ended == {execution(number): "SUCCESS" for number in (0, 1)}
    assert len(receiver.requests) == 2, "nothing more is claimed"


async def test_what_is_under_way_at_the_end_of_a_workers_time_is_cut_off_and_reported_as_unknown() -> None:
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(3), timeout_ms=600_000)
        async with working(queue) as at:
            await until(lambda: len(receiver.requests) == 3, "the requests")
            assert await at.end() == 3
    assert queue.ended == {execution(number): "UNKNOWN" for number in range(3)}
    (params,) = queue.storing.params("finalize_executions")
    assert elements(params["is_cut_off"]) == ["True"] * 3


async def test_a_stopping_worker_ends_what_is_cancelled_though_nobody_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its listener has stopped. An error does not end the waiting."""
    monkeypatch.setattr(loops, "_DRAINING_SECONDS", 0.0)
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(2), timeout_ms=600_000)
        async with working(queue) as at:
            await until(lambda: len(receiver.requests) == 2, "the requests")
            token = queue.claiming.params("claim_executions")[0]["claim_token"]
            both = [Held(execution(number), token) for number in range(2)]
            queue.faults = {"list_unwanted": [lost(), both[:1], both[1:]]}
            assert await at.end(within=3600) == 0
            assert at.loop.aborts.ended == 2


async def test_a_look_without_an_answer_is_made_again_as_full_as_it_was() -> None:
    queue = Queue("http://127.0.0.1:9/")
    queue.faults = {"list_due_endpoints": [lost(), lost()]}
    async with working(queue) as at:
        await until(lambda: asked(queue.claiming, "list_due_endpoints") >= 3, "the third look")
        assert counted(at, catalog.CLAIM_ERRORS) == 2
        assert [params["since_seconds"] for params in queue.claiming.params("list_due_endpoints")[:3]] == [None] * 3
        assert queue.claiming.pauses == 2


async def test_a_look_soon_after_a_full_one_reads_what_became_due_since_and_one_after_three_seconds_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, clock = Queue("http://127.0.0.1:9/"), StoppedClock()
    for module in ("loop", "wake", "upkeep"):
        monkeypatch.setattr(f"kronos.worker.{module}.time", clock)
    async with working(queue) as at:
        looks = queue.claiming.params

        async def look(after: float, *, is_old: bool = False) -> float | None:
            count = asked(queue.claiming, "list_due_endpoints")
            clock.now += after
            at.wake.now(is_old=is_old)
            await until(lambda: asked(queue.claiming, "list_due_endpoints") > count, "a look")
            since: float | None = looks("list_due_endpoints")[count]["since_seconds"]
            return since

        await until(lambda: asked(queue.claiming, "list_due_endpoints") == 1, "the first look")
        assert looks("list_due_endpoints")[0]["since_seconds"] is None
        assert await look(2.5) == pytest.approx(122.5), "two minutes more: executions are created for ticks of then"
        assert await look(0.0, is_old=True) is None
        assert await look(2.9) == pytest.approx(122.9)
        assert await look(0.1) is None


async def test_an_execution_that_is_to_be_retried_is_looked_for_when_its_wait_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Receiver(answer(status="503 Service Unavailable")) as receiver:
        queue = Queue(receiver.url)
        queue.verdict = "RETRY"
        queue.add([1])
        async with working(queue) as at:
            waits: list[float] = []
            monkeypatch.setattr(at.wake, "within", waits.append)
            await until(lambda: queue.ended, "the result")
            await until(lambda: at.loop.unstored == 0, "its end")
        (params,) = queue.storing.params("finalize_executions")
        assert int(elements(params["retry_ms"])[0]) / 1000 in waits


async def test_facts_that_a_template_names_are_read_until_they_are_and_only_for_those_that_need_them() -> None:
    async with Receiver(answer()) as receiver:
        template = {"name": "{{job.name}}", "cause": "{{execution.cause}}", "at": "{{scheduled_at | local}}"}
        queue = Queue(receiver.url, body_template=template)
        facts = RunFacts(execution(1), "MANUAL", "report", "2026-01-01T01:00:00+01:00")
        queue.faults = {"get_run_facts": [lost(), [facts]]}
        queue.add([1])
        queue.add([2], endpoint_version=2)
        async with working(queue):
            await until(lambda: len(queue.ended) == 2, "the results")
        assert json.loads(receiver.requests[0].body) == {
            "name": "report",
            "cause": "MANUAL",
            "at": "2026-01-01T01:00:00+01:00",
        }
        assert [elements(each["execution_ids"]) for each in queue.claiming.params("get_run_facts")] == [
            [execution(1)],
            [execution(1)],
        ]


@pytest.mark.parametrize("statement", ["get_endpoint_versions", "get_run_facts"])
async def test_a_worker_that_is_to_stop_while_it_reads_what_deliveries_need_gives_them_back(statement: str) -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url, body_template="{{job.name}}")
        queue.faults = {statement: [lost()] * 1_000_000}
        queue.add(range(2))
        async with working(queue) as at:
            await until(lambda: asked(queue.claiming, statement) > 2, "a read that is repeated")
            assert await at.end() == 0
    assert sorted(queue.given_back) == [execution(0), execution(1)]
    assert receiver.requests == []


async def test_an_announced_cancellation_is_checked_by_the_loop_that_claims() -> None:
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add([1], timeout_ms=600_000)
        async with working(queue) as at:
            await until(lambda: receiver.requests, "the request")
            token = queue.claiming.params("claim_executions")[0]["claim_token"]
            queue.faults = {"list_unwanted": [[Held(execution(1), token)]]}
            at.loop.aborts.told([execution(1)])
            await until(lambda: queue.ended, "its end")
    assert queue.ended == {execution(1): "UNKNOWN"}


async def test_a_cancellation_that_nobody_announced_is_found_by_the_loops_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.worker.aborts._LOOK_SECONDS", 0.0)
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add([1], timeout_ms=600_000)
        token: list[str] = []
        queue._list_unwanted = lambda _: [Held(execution(1), each) for each in token]  # type: ignore[method-assign]
        async with working(queue):
            await until(lambda: receiver.requests, "the request")
            token.append(queue.claiming.params("claim_executions")[0]["claim_token"])
            await until(lambda: queue.ended, "its end")


async def test_secrets_that_deliveries_need_are_read_until_they_are_and_filled_in() -> None:
    keys = Keyring([bytes(32)])
    made = keys.seal(Place(workspace_id=UUID(WORKSPACE), name="token", version=1), "canary")
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url, headers={"X-Token": "{{secret.token}}"})
        queue.secrets = [SealedSecret(WORKSPACE, "token", 1, made.key_id, made.nonce, made.ciphertext)]
        queue.faults = {"get_secrets": [lost(), lost()]}
        queue.add([1])
        async with working(queue, vault=Vault(keys=keys)):
            await until(lambda: queue.ended, "the result")
        assert receiver.requests[0].headers["x-token"] == "canary"
        assert (queue.ended, queue.claiming.pauses) == ({execution(1): "SUCCESS"}, 2)
