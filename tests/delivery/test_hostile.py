"""A hundred hostile receivers, of every shape and in a process of their own, cost their own deliveries only."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from delivery.hostile import SHAPES
from delivery.sending import LOCAL, delivery, error_type
from delivery.servers import Receiver, answer
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import Outcome

# Loops of this module's own: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = timedelta(seconds=2)
MB = 1_000_000
# A status line that was read is the verdict; what never had one is none.
ACCEPTED: dict[str, str | None] = {"SUCCESS": None}
ENDS: dict[str, dict[str, str | None]] = {shape: ACCEPTED for shape in SHAPES} | {
    "interim answers without end": {"FAILED": "bad_response"},
    "long interim answers without end": {"FAILED": "bad_response"},
    "headers without end": {"FAILED": "bad_response"},
    "a header without end": {"FAILED": "bad_response"},
    "a status line without end": {"FAILED": "bad_response"},
    "an empty line without end": {"FAILED": "bad_response"},
    "garbage": {"FAILED": "bad_response"},
    "silence": {"TIMED_OUT": "timeout"},
    "a close": {"UNKNOWN": "closed_without_answer"},
    "half a status line": {"UNKNOWN": "closed_without_answer"},
    "a status line by drops": {"TIMED_OUT": "timeout"},
}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with hostile_process() as found:
        yield found


@contextmanager
def hostile_process() -> Iterator[dict[str, int]]:
    receivers = subprocess.Popen(
        [sys.executable, "-m", "delivery.hostile"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert receivers.stdin is not None
    assert receivers.stdout is not None
    try:
        yield json.loads(receivers.stdout.readline())
    finally:
        receivers.stdin.close()
        receivers.kill()
        receivers.wait(10)
        receivers.stdout.close()


async def test_a_hundred_of_them_hold_up_nobody_else_and_no_memory(ports: dict[str, int]) -> None:
    """How long others wait is told by the loop's own time: what other processes of the machine take is not Kronos's."""
    async with HttpTransport(LOCAL) as transport, Receiver(answer(), keep=True) as good:
        for _ in range(20):
            await transport.deliver(delivery(good.url))
        memory = highest = resident_bytes()
        under_way = [
            (shape, asyncio.create_task(transport.deliver(delivery(f"http://127.0.0.1:{port}/", timeout=PATIENCE))))
            for shape, port in ports.items()
            for _ in range(100 // len(SHAPES))
        ]
        assert len(under_way) == 100
        took: list[float] = []
        while len(took) < 300 or not all(task.done() for _, task in under_way):
            before = time.thread_time()
            assert (await transport.deliver(delivery(good.url))).status == "SUCCESS"
            took.append(time.thread_time() - before)
            highest = max(highest, resident_bytes())
        ended = [(shape, await task) for shape, task in under_way]
    assert sorted(took)[int(len(took) * 0.99)] < 0.1
    assert highest - memory < 80 * MB
    assert [(shape, told(outcome)) for shape, outcome in ended if told(outcome) != ENDS[shape]] == []
    assert max(outcome.duration for _, outcome in ended) < timedelta(seconds=9)


def told(outcome: Outcome) -> dict[str, str | None]:
    return {outcome.status: error_type(outcome)}


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
