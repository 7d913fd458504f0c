"""What a worker counts for Prometheus: each delivery once, by its transport, its outcome and its effect."""

import pytest

from kronos.metrics import catalog
from kronos.metrics.definition import Distribution, Measured, Metric
from kronos.worker.attempt import Leased
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Upkeep
from kronos.worker.meter import WorkerMeter
from kronos.worker.results import Result, Verdict
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import HttpTarget, Target, Unusable
from worker.scripted import leased, result

_HTTP = HttpTarget(
    url="http://x/", method="POST", headers={}, body_template=None, expected_status_codes=(), backoff=Backoff()
)
_KAFKA = StreamTarget(type="KAFKA", spec={}, backoff=Backoff())
_UNUSABLE = Unusable(why="it cannot be read")


def counts(meter: WorkerMeter, metric: Metric) -> dict[tuple[str, ...], float]:
    """A counter's series that are not 0."""
    read = [each for each in meter.read() if isinstance(each, Measured) and each.metric is metric]
    return {each.labels: each.value for each in read if each.value}


def spread(meter: WorkerMeter, metric: Metric) -> dict[tuple[str, ...], Distribution]:
    return {each.labels: each for each in meter.read() if isinstance(each, Distribution) and each.metric is metric}


def ended(
    meter: WorkerMeter, to: Target, *, milliseconds: int = 12, status: str = "SUCCESS", verdict: Verdict = "SUCCESS"
) -> tuple[Leased, Result, Verdict]:
    """A delivery that began and ended."""
    made = leased()
    meter.begins(made, to)
    return made, result(status=status, duration_ms=milliseconds), verdict


def test_deliveries_are_counted_by_transport_and_outcome_and_results_by_their_effect() -> None:
    meter = WorkerMeter()
    meter.ended([ended(meter, _HTTP), ended(meter, _HTTP), ended(meter, _KAFKA)])
    meter.ended([ended(meter, _HTTP, status="TIMED_OUT", verdict="RETRY")])
    meter.ended([ended(meter, _HTTP, status="TIMED_OUT", verdict="FAILED")])
    meter.ended([ended(meter, _UNUSABLE, status="FAILED", verdict="FENCED")])
    assert counts(meter, catalog.DELIVERIES) == {
        ("http", "success"): 2,
        ("kafka", "success"): 1,
        ("http", "timed_out"): 2,
        ("none", "failed"): 1,
    }
    assert counts(meter, catalog.RESULTS) == {("success",): 3, ("retry",): 1, ("failed",): 1, ("fenced",): 1}


def test_durations_fall_into_the_bucket_of_their_bound_and_add_up_in_seconds() -> None:
    meter, bounds = WorkerMeter(), catalog.DELIVERY_SECONDS.bounds
    milliseconds = [0, 5, 6, 300_000, 300_001]
    meter.ended([ended(meter, _HTTP, milliseconds=each) for each in milliseconds])
    meter.ended([ended(meter, _HTTP, milliseconds=1, status="FAILED", verdict="RETRY")])
    meter.ended([ended(meter, _KAFKA, milliseconds=7)])
    found = spread(meter, catalog.DELIVERY_SECONDS)
    assert set(found) == {("http",), ("kafka",)}
    http = found["http",]
    assert len(http.counts) == len(bounds) + 1
    filled = {place: count for place, count in enumerate(http.counts) if count}
    assert filled == {0: 3, 1: 1, bounds.index(300.0): 1, len(bounds): 1}, "a bound is part of its bucket"
    assert (http.total, found["kafka",].total) == pytest.approx((600.013, 0.007))
    assert sum(found["kafka",].counts) == 1


def test_a_claim_that_was_given_back_is_no_delivery_and_no_result() -> None:
    meter = WorkerMeter()
    meter.ended([(leased(), None, "DROPPED")] * 3)
    assert sum(spread(meter, catalog.RESULT_BATCH)[()].counts) == 0, "nothing was stored"
    meter.ended([ended(meter, _HTTP), (leased(), None, "DROPPED"), ended(meter, _HTTP)])
    assert counts(meter, catalog.GIVEN_BACK) == {(): 4}
    assert (counts(meter, catalog.RESULTS), counts(meter, catalog.DELIVERIES)) == (
        {("success",): 2},
        {("http", "success"): 2},
    )
    batches = spread(meter, catalog.RESULT_BATCH)[()]
    assert (sum(batches.counts), batches.total) == (1, 2)


def test_claims_are_counted_with_their_size_and_those_without_an_answer_as_errors() -> None:
    meter = WorkerMeter()
    for size in (0, 7, 100):
        meter.claimed(size)
    meter.fails()
    meter.kept(None)
    claims = spread(meter, catalog.CLAIM_SIZE)[()]
    assert (sum(claims.counts), claims.total) == (3, 107)
    assert counts(meter, catalog.CLAIM_ERRORS) == {(): 2}


def test_leases_of_dead_workers_are_counted_by_what_became_of_their_executions() -> None:
    meter = WorkerMeter()
    for requeued, failed in ((0, 0), (2, 0), (0, 3), (1, 1)):
        meter.kept(Upkeep(requeued=requeued, failed=failed, released=9, backfilled=9))
    assert counts(meter, catalog.LEASES_ENDED) == {("requeued",): 3, ("failed",): 4}
