"""/metrics of a worker: its deliveries, and no port unless it is configured."""

from collections.abc import Callable

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from delivery.servers import Receiver, answer
from factory import add_endpoint, add_executions, is_idle
from held_ports import held_port
from worker.running import Worker, until


async def _scraped(port: int) -> dict[tuple[str, ...], float]:
    async with httpx.AsyncClient(timeout=60) as client:
        answered = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert answered.status_code == 200
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(answered.text)
        for each in family.samples
    }


async def test_it_counts_what_it_delivered(superuser: psycopg.Connection, start: Callable[..., Worker]) -> None:
    port = held_port()
    async with Receiver(answer(), keep=True) as good, Receiver(answer(status="400 Bad Request"), keep=True) as bad:
        add_executions(superuser, add_endpoint(superuser, url=good.url), 7)
        add_executions(superuser, add_endpoint(superuser, url=bad.url), 2)
        worker = start(metrics_port=port)
        await worker.started()
        await until(lambda: is_idle(superuser), "everything to end")
        found = await _scraped(port)
        worker.tell()
        assert await worker.ends() == 0
    assert found["kronos_deliveries_total", "success", "http"] == 7
    assert found["kronos_deliveries_total", "failed", "http"] == 2
    assert found["kronos_results_total", "success"] == 7
    assert found["kronos_results_total", "failed"] == 2
    assert found["kronos_delivery_seconds_count", "http"] == 9
    assert found["kronos_claim_size_sum",] == 9
    assert found["kronos_result_batch_size_sum",] == 9
    assert found["kronos_deliveries_under_way",] == 0
    assert found["kronos_process_info", "worker", "0.1.0"] == 1
    assert found["kronos_statements_total", "results.finalize_successes"] >= 1
    assert found["kronos_statement_errors_total", "results.finalize_successes"] == 0
    assert not any(name[0].startswith("kronos_spans") for name in found)  # traces are not configured


async def test_a_port_that_is_taken_ends_the_start_with_a_sentence(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    port = held_port()
    first = start(metrics_port=port)
    await first.started()
    second = start(metrics_port=port)
    assert await second.ends() == 1
    assert f"cannot serve metrics on '127.0.0.1' port {port}" in second.log
    assert "KRONOS_METRICS_PORT" in second.log
