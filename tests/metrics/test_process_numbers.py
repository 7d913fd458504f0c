"""What a process counts of its own work is served under the metric of that work."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import httpx
from prometheus_client.parser import text_string_to_metric_families

from conftest import PLAIN
from kronos import config
from kronos.api.meter import ApiMeter
from kronos.metrics import catalog, port
from kronos.metrics.definition import Measured
from kronos.traces.switch import Switch
from kronos.worker.claims import Upkeep
from kronos.worker.meter import WorkerMeter
from kronos.worker.metering import metering

_SETTINGS = config.load(database_url="postgresql://", worker_concurrency=17)


def _samples(text: str) -> dict[str, float]:
    """The value of each series without labels."""
    families = text_string_to_metric_families(text)
    return {each.name: each.value for family in families for each in family.samples if not each.labels}


async def test_a_worker_serves_what_it_holds_gave_back_aborted_and_could_not_claim() -> None:
    meter = WorkerMeter()
    meter.fails()
    meter.kept(None)
    meter.kept(Upkeep(requeued=3, failed=2, released=0, backfilled=None))
    meter.ended([(cast(Any, None), None, "ALREADY")] * 4)
    aborts, finalizer = SimpleNamespace(ended=5), SimpleNamespace(under_way={1, 2, 3, 4, 5, 6})
    loop = SimpleNamespace(aborts=aborts, finalizer=finalizer, unstored=7)
    door = port.door("127.0.0.1", 0)
    number = door.getsockname()[1]
    async with metering(door, _SETTINGS, cast(Any, loop), meter), httpx.AsyncClient(verify=PLAIN, timeout=60) as client:
        text = (await client.get(f"http://127.0.0.1:{number}/metrics")).text
    found = _samples(text)
    assert {name: found[name] for name in (
        catalog.CLAIM_ERRORS.name, catalog.GIVEN_BACK.name, catalog.ABORTED.name,
        catalog.UNDER_WAY.name, catalog.UNSTORED.name, catalog.CONCURRENCY.name,
    )} == {
        "kronos_claim_errors_total": 2,
        "kronos_claims_given_back_total": 4,
        "kronos_deliveries_aborted_total": 5,
        "kronos_deliveries_under_way": 6,
        "kronos_results_waiting": 7,
        "kronos_worker_concurrency": 17,
    }  # fmt: skip
    leases = {each.labels["outcome"]: each.value for family in text_string_to_metric_families(text)
              for each in family.samples if each.name == catalog.LEASES_ENDED.name}  # fmt: skip
    assert leases == {"requeued": 3, "failed": 2}


async def test_a_worker_without_a_port_serves_nothing() -> None:
    before = len(asyncio.all_tasks())
    async with metering(None, _SETTINGS, cast(Any, None), None):
        assert len(asyncio.all_tasks()) == before


def test_an_api_process_shows_how_requests_wait_for_its_connections() -> None:
    stats = {
        "pool_size": 10,
        "pool_available": 4,
        "requests_waiting": 3,
        "requests_queued": 20,
        "requests_wait_ms": 1500,
        "requests_errors": 2,
    }
    pool = SimpleNamespace(get_stats=lambda: stats, max_size=12)
    found = {
        (each.metric.name, *each.labels): each.value
        for each in ApiMeter().read(cast(Any, pool))
        if isinstance(each, Measured)
    }
    assert found == {
        ("kronos_api_requests_under_way",): 0,
        ("kronos_api_pool_connections", "in_use"): 6,
        ("kronos_api_pool_connections", "idle"): 4,
        ("kronos_api_pool_connections_max",): 12,
        ("kronos_api_pool_waiting",): 3,
        ("kronos_api_pool_waits_total",): 20,
        ("kronos_api_pool_wait_seconds_total",): 1.5,
        ("kronos_api_pool_timeouts_total",): 2,
    }


def test_spans_are_counted_by_what_became_of_them() -> None:
    switch = Switch()
    assert list(switch.read()) == []
    switch.pipeline = cast(Any, SimpleNamespace(counts=SimpleNamespace(sent=4, overflowed=3, refused=2, waiting=1)))
    assert {(each.metric.name, *each.labels): each.value for each in switch.read()} == {
        ("kronos_spans_total",): 4,
        ("kronos_spans_dropped_total", "overflow"): 3,
        ("kronos_spans_dropped_total", "refused"): 2,
        ("kronos_spans_waiting",): 1,
    }
