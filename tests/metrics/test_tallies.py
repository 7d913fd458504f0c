"""Counters and their text forms: series are bounded, buckets add up, both forms can be parsed."""

from dataclasses import replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from kronos.api.meter import ApiMeter
from kronos.metrics import catalog
from kronos.metrics.definition import OTHER, Distribution, Measured, Metric
from kronos.metrics.exposition import Exposition
from kronos.metrics.tallies import Histogram, Tally
from kronos.pool import Pool
from kronos.worker.meter import WorkerMeter
from kronos.worker.results import Verdict

_COUNTED = Metric(name="kronos_t_total", kind="counter", place="api", help="t", labels=("a", "b"), most=3)
_SPREAD = Metric(name="kronos_h", kind="histogram", place="api", help="h", labels=("a",), bounds=(1.0, 5.0), most=2)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=50))
def test_a_counter_has_no_more_series_than_it_may_and_loses_nothing(labels: list[tuple[str, str]]) -> None:
    tally = Tally(_COUNTED)
    for each in labels:
        tally.add(each)
    found = list(tally.read())
    assert len(found) <= _COUNTED.most + 1
    assert sum(each.value for each in found) == len(labels)


@given(st.lists(st.tuples(st.sampled_from("wxyz"), st.floats(0, 10)), max_size=50))
def test_a_histogram_has_no_more_series_than_it_may_and_counts_each_value_once(given: list[tuple[str, float]]) -> None:
    histogram = Histogram(_SPREAD)
    for label, value in given:
        histogram.add(value, (label,))
    found = list(histogram.read())
    assert len(found) <= _SPREAD.most + 1
    assert sum(sum(each.counts) for each in found) == len(given)
    assert abs(sum(each.total for each in found) - sum(value for _, value in given)) < 1e-6


def test_what_is_beyond_the_bound_is_other() -> None:
    tally = Tally(_COUNTED)
    for number in range(10):
        tally.add((str(number), "x"), 2)
    assert {each.labels: each.value for each in tally.read()} == {
        ("0", "x"): 2,
        ("1", "x"): 2,
        ("2", "x"): 2,
        (OTHER, OTHER): 14,
    }


def test_what_is_known_is_shown_before_it_is_counted() -> None:
    """Prometheus sees no growth in a series that first appears as 1: the first dropped result alerted no one."""
    read = [each for each in WorkerMeter().read() if isinstance(each, Measured)]
    known = {each.labels[0]: each.value for each in read if each.metric is catalog.RESULTS}
    assert known == dict.fromkeys((each.lower() for each in get_args(Verdict)), 0)
    tally = Tally(replace(_COUNTED, known=(("x", "y"),)))
    tally.add(("x", "z"))
    assert {each.labels: each.value for each in tally.read()} == {("x", "y"): 0, ("x", "z"): 1}


def test_each_route_shows_that_it_had_no_error() -> None:
    meter = ApiMeter()
    for status in (200, 404):
        meter.answered({"method": "GET"}, status, 0.1)
    pool = Pool("postgresql://127.0.0.1:1/nothing", size=1, wait_seconds=1)

    def requests() -> dict[str, float]:
        found = [each for each in meter.read(pool) if isinstance(each, Measured)]
        return {each.labels[2]: each.value for each in found if each.metric is catalog.REQUESTS}

    assert requests() == {"2xx": 1, "4xx": 1, "5xx": 0}
    meter.answered({"method": "GET"}, 503, 0.1)
    assert requests()["5xx"] == 1


def _source() -> list[Measured | Distribution]:
    histogram = Histogram(_SPREAD)
    for value in (0.5, 1.0, 3.0, 9.0):
        histogram.add(value, ('a "quoted"\nname',))
    return [Measured(_COUNTED, 7, ("a\\b", "c")), *histogram.read()]


def test_text_says_what_was_counted() -> None:
    text, media_type = Exposition(_source).text("text/plain")
    assert media_type.startswith("text/plain; version=")
    found = {
        (each.name, *sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text.decode())
        for each in family.samples
    }
    assert found["kronos_t_total", ("a", "a\\b"), ("b", "c")] == 7
    named = ("a", 'a "quoted"\nname')
    assert [found["kronos_h_bucket", named, ("le", bound)] for bound in ("1.0", "5.0", "+Inf")] == [2, 3, 4]
    assert found["kronos_h_count", named] == 4
    assert found["kronos_h_sum", named] == 13.5
    assert ("process_resident_memory_bytes",) in found


def test_openmetrics_is_for_who_asks_for_it() -> None:
    text, media_type = Exposition(_source).text("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(text.decode())}  # type: ignore[no-untyped-call]
    assert names >= {"kronos_t", "kronos_h", "process_cpu_seconds"}
    assert text.endswith(b"# EOF\n")
