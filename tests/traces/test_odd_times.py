"""Rows with times that no clock shows are delivered and reported like any other: no row raises an error in a worker's
loop."""

import asyncio
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delivery.sending import LOCAL
from delivery.servers import Receiver, answer
from factory import add_endpoint, add_executions
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.traces.pipeline import Pipeline
from kronos.worker.link import Link, Outage
from kronos.worker.loop import Loop
from kronos.worker.tracing import DeliveryTraces
from kronos.worker.wake import Wake
from sql_factory import values
from worker.running import until

_ODD = ["-infinity", "4000-01-01 BC", "0001-01-01", "0001-01-05", "1969-12-31", "9999-12-31 23:59", "infinity"]


@pytest.mark.parametrize("cause", ["API", "SCHEDULE"])
async def test_what_was_made_or_is_for_a_time_that_cannot_be_is_delivered_and_told_of(
    superuser: psycopg.Connection, database_url: str, cause: str
) -> None:
    exporter = InMemorySpanExporter()
    pipeline = Pipeline(exporter, Resource({}))
    claiming, finalizing = Link(database_url, "test", Outage()), Link(database_url, "finalize", Outage())
    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        endpoint = add_endpoint(superuser, spec={"url": receiver.url})
        ids = add_executions(superuser, endpoint, 3 * len(_ODD))
        superuser.execute("update kronos.execution_live set cause = %s", [cause])
        past = [at for at in _ODD if at != "infinity" and not at.startswith("9999")]
        due = add_executions(superuser, endpoint, 2 * len(past))
        for nth, each in enumerate(due):
            superuser.execute(
                "update kronos.execution_live set visible_at = %s, priority = %s where execution_id = %s",
                [past[nth // 2], (10, -10)[nth % 2], each],
            )
        for nth, each in enumerate(ids):
            columns = (("created_at",), ("scheduled_at",), ("created_at", "scheduled_at"))[nth // len(_ODD)]
            told = ", ".join(f"{name} = '{_ODD[nth % len(_ODD)]}'" for name in columns)
            superuser.execute(f"update kronos.execution_live set {told} where execution_id = %s", [each])
        loop = Loop(
            claiming=claiming,
            finalizing=finalizing,
            transport=transport,
            streams=Streams(LOCAL),
            worker_id="w",
            concurrency=100,
            lease=timedelta(seconds=15),
            wake=Wake(poll_seconds=1),
            traces=DeliveryTraces(pipeline, "w"),
        )
        running, storing = asyncio.create_task(loop.run()), asyncio.create_task(loop.finalizer.run())
        ended = "select execution_id from kronos.execution_done where status = 'SUCCESS'"
        await until(
            lambda: running.done() or set(values(superuser, ended)) == {*ids, *due}, "all of them to be delivered"
        )
        loop.stop()
        await running
        await loop.drain(timedelta(seconds=0))
        loop.finalizer.close()
        await storing
    for link in (claiming, finalizing):
        await link.close()
    pipeline.end()
    spans = exporter.get_finished_spans()
    encode_spans(spans)
    delivered = [UUID(int=span.context.trace_id) for span in spans if span.name == "deliver"]
    assert sorted(delivered) == sorted([*ids, *due])
