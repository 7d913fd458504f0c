"""A worker's counters for Prometheus, if enabled (KRONOS_METRICS_PORT)."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from kronos.metrics import catalog
from kronos.metrics.definition import Distribution, Measured
from kronos.metrics.tallies import Histogram, Tally
from kronos.worker.attempt import Leased
from kronos.worker.claims import Upkeep
from kronos.worker.results import Result, Verdict
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import HttpTarget, Target

_BOUNDS_MS = tuple(bound * 1000 for bound in catalog.DELIVERY_SECONDS.bounds)
_NONE = "none"
"""The transport of deliveries that were not sent because their endpoint is unusable."""


class WorkerMeter:
    """Counts a loop's work. Counting a delivery takes one dictionary lookup; the metrics are computed when read."""

    def __init__(self) -> None:
        # transport, outcome and verdict -> number within each bound, beyond all bounds, and total milliseconds. Each of
        # the three has only a few values, which bounds the number of series.
        self._ended: dict[tuple[str, str, str], list[int]] = {}
        self._batches = Histogram(catalog.RESULT_BATCH)
        self._claims = Histogram(catalog.CLAIM_SIZE)
        self._claim_errors = Tally(catalog.CLAIM_ERRORS)
        self._given_back = Tally(catalog.GIVEN_BACK)
        self._leases = Tally(catalog.LEASES_ENDED)

    def begins(self, leased: Leased, to: Target) -> None:
        """Note that a delivery is about to begin."""
        if isinstance(to, HttpTarget):
            leased.transport = "http"
        elif isinstance(to, StreamTarget):
            leased.transport = to.type

    def claimed(self, number: int) -> None:
        """Count a claim and its executions."""
        self._claims.add(number)

    def fails(self) -> None:
        """Count a claim or look that had no answer."""
        self._claim_errors.add()

    def kept(self, upkeep: Upkeep | None) -> None:
        """Count the result of an upkeep. None: it failed."""
        if upkeep is None:
            self.fails()
            return
        if upkeep.requeued:
            self._leases.add(("requeued",), upkeep.requeued)
        if upkeep.failed:
            self._leases.add(("failed",), upkeep.failed)

    def ended(self, ended: Sequence[tuple[Leased, Result | None, Verdict]]) -> None:
        """Count a batch of claims that ended."""
        given_back = 0
        for leased, result, verdict in ended:
            if result is None:
                given_back += 1
                continue
            key = leased.transport, result.status, verdict
            series = self._ended.get(key)
            if series is None:
                series = self._ended[key] = [0] * (len(_BOUNDS_MS) + 2)
            series[bisect_left(_BOUNDS_MS, result.duration_ms)] += 1
            series[-1] += result.duration_ms
        if given_back:
            self._given_back.add((), given_back)
        if given_back < len(ended):
            self._batches.add(len(ended) - given_back)

    def read(self) -> Iterator[Measured | Distribution]:
        """Return the metrics. All label values are in lower case."""
        yield from self._deliveries()
        for each in (self._batches, self._claims):
            yield from each.read()
        for tally in (self._claim_errors, self._given_back, self._leases):
            yield from tally.read()

    def _deliveries(self) -> Iterator[Measured | Distribution]:
        deliveries = defaultdict[tuple[str, str], int](int)
        results = dict.fromkeys((verdict for (verdict,) in catalog.RESULTS.known), 0)
        spread = defaultdict[str, list[int]](lambda: [0] * (len(_BOUNDS_MS) + 2))
        for (transport, status, verdict), series in list(self._ended.items()):
            number, by = sum(series[:-1]), transport.lower() or _NONE
            deliveries[by, status.lower()] += number
            results[verdict.lower()] += number
            spread[by] = [one + other for one, other in zip(spread[by], series, strict=True)]
        for labels, number in deliveries.items():
            yield Measured(catalog.DELIVERIES, number, labels)
        for by, series in spread.items():
            yield Distribution(catalog.DELIVERY_SECONDS, tuple(series[:-1]), series[-1] / 1000, (by,))
        for verdict, number in results.items():
            yield Measured(catalog.RESULTS, number, (verdict,))
