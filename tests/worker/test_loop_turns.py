"""How much a worker's loop claims, and of whom: no more than it has slots and can store, and of each endpoint as soon
as it may."""

import asyncio
from uuid import UUID

import pytest

from delivery.servers import Receiver, answer, silent
from kronos.worker.claims import Closed
from worker.running import until
from worker.scripted import ENDPOINT, JOB, Answer, Params, claim, turns
from worker.scripted_queue import Queue, asked, elements, working


async def test_claims_end_at_two_unstored_results_per_slot_and_one_per_guest() -> None:
    """An outage of PostgreSQL's writes must not fill the memory with results."""
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(100))
        blocked = asyncio.Event()
        queue.faults = {"finalize_successes": [blocked]}
        async with working(queue, concurrency=10) as at:
            await until(lambda: at.loop.unstored == 32, "two for each of 11 slots, and then ten guests, one by one")
            await turns(50)
            assert (len(receiver.requests), at.loop.unstored) == (32, 32)
            blocked.set()
            await until(lambda: len(receiver.requests) == 100, "the others")


async def test_while_receivers_hang_a_workspace_holds_as_many_slots_as_the_concurrency() -> None:
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(30), timeout_ms=600_000)
        async with working(queue, concurrency=10) as at:
            await until(lambda: len(receiver.requests) == 10, "ten requests")
            await turns(50)
            assert (len(receiver.requests), len(at.loop.finalizer.under_way), at.loop.unstored) == (10, 10, 0)


async def test_the_end_of_a_delivery_opens_its_limited_endpoint_again() -> None:
    """PostgreSQL announces no slot that this worker gives back."""
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(3), holds_slot=True)
        take = queue._claim_executions
        seen: list[int] = []

        def one_at_a_time(params: Params) -> Answer:
            rest, queue.due = queue.due[1:], queue.due[:1]
            taken = list(take(params))  # type: ignore[arg-type]  # its rows
            queue.due += rest
            seen.append(len(taken))
            full = claim(0, execution_id="", opens_in_ms=None)
            return [*taken, full]

        queue._claim_executions = one_at_a_time  # type: ignore[method-assign]
        async with working(queue):
            await until(lambda: len(queue.ended) == 3, "one after the other")
        assert seen[:3] == [1, 1, 1]
        assert asked(queue.storing, "finalize_limited_successes") == 3


async def test_a_changed_limit_opens_what_it_had_closed() -> None:
    queue = Queue("http://127.0.0.1:9/")
    async with working(queue) as at:
        await until(lambda: asked(queue.claiming, "list_due_endpoints") == 1, "the first look")
        at.loop._rotation.claimed([], [], [Closed(ENDPOINT, JOB, 60_000.0)])
        at.wake.are_limits_new = True
        at.wake.poke()
        await until(lambda: asked(queue.claiming, "claim_executions"), "a claim of the endpoint")
        assert not at.wake.are_limits_new


async def test_an_endpoint_that_waits_for_its_next_token_is_claimed_when_the_token_comes() -> None:
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        queue.add([1])
        full = claim(0, execution_id="", opens_in_ms=30.0)
        queue.faults = {"claim_executions": [[full]]}
        async with working(queue):
            began = asyncio.get_running_loop().time()
            await until(lambda: queue.ended, "the result")
            assert asyncio.get_running_loop().time() - began >= 0.03
        assert asked(queue.claiming, "claim_executions") >= 2


@pytest.mark.parametrize(("concurrency", "quotas"), [(120, [60, 60]), (60, [50, 10]), (8, [8])])
async def test_a_claim_takes_half_of_the_slots_and_at_least_fifty(concurrency: int, quotas: list[int]) -> None:
    """Deliveries of one claim are under way while the next one is made."""
    async with Receiver(silent) as receiver:
        queue = Queue(receiver.url)
        queue.add(range(200), timeout_ms=600_000)
        async with working(queue, concurrency=concurrency) as at:
            await until(lambda: len(at.loop.finalizer.under_way) == concurrency, "as many as there are slots")
            claims = queue.claiming.params("claim_executions")
            assert [sum(map(int, elements(each["quotas"]))) for each in claims] == quotas


async def test_what_is_announced_is_claimed_before_the_look_that_it_triggers() -> None:
    waiting, loud = str(UUID(int=50)), str(UUID(int=51))
    async with Receiver(answer()) as receiver:
        queue = Queue(receiver.url)
        async with working(queue) as at:
            await until(lambda: asked(queue.claiming, "list_due_endpoints"), "the first look")
            await turns()
            queue.claiming.asked.clear()
            queue.add([1], endpoint_id=waiting)
            queue.add([2], endpoint_id=loud)
            at.wake.now(loud)
            await until(lambda: len(queue.ended) == 2, "both results")
            names = [each for each in queue.claiming.names if each in ("claim_executions", "list_due_endpoints")]
            assert names[:3] == ["claim_executions", "list_due_endpoints", "claim_executions"]
            first, second = queue.claiming.params("claim_executions")[:2]
            assert (elements(first["endpoint_ids"]), waiting in elements(second["endpoint_ids"])) == ([loud], True)
