"""What a worker counts for Prometheus, where it is asked to (KRONOS_METRICS_PORT)."""

from collections.abc import Iterable, Iterator, Sequence

from kronos.metrics import catalog
from kronos.metrics.definition import Distribution, Measured
from kronos.metrics.tallies import Histogram, Labels, Tally
from kronos.worker.attempt import Leased
from kronos.worker.claims import Upkeep
from kronos.worker.results import Result, Verdict
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import Target, Unusable

_OF_HTTP: Labels = ("http",)
_OF_STREAMS: dict[str, Labels] = {"REDIS_STREAM": ("redis_stream",), "KAFKA": ("kafka",)}
_OF_NONE: Labels = ("none",)
_SECONDS = 0.001


class WorkerMeter:
    """Counts what a loop does. A delivery costs it about a microsecond."""

    def __init__(self) -> None:
        self._deliveries = Tally(catalog.DELIVERIES)
        self._delivery_seconds = Histogram(catalog.DELIVERY_SECONDS)
        self._results = Tally(catalog.RESULTS)
        self._batches = Histogram(catalog.RESULT_BATCH)
        self._claims = Histogram(catalog.CLAIM_SIZE)
        self._claim_errors = Tally(catalog.CLAIM_ERRORS)
        self._given_back = Tally(catalog.GIVEN_BACK)
        self._leases = Tally(catalog.LEASES_ENDED)

    def begins(self, leased: Leased, to: Target) -> None:
        """A delivery is about to begin."""
        if isinstance(to, StreamTarget):
            leased.transport = _OF_STREAMS[to.type]
        else:
            leased.transport = _OF_NONE if isinstance(to, Unusable) else _OF_HTTP

    def claimed(self, number: int) -> None:
        """A claim got so many executions."""
        self._claims.add(number)

    def fails(self) -> None:
        """A claim or a look was not answered."""
        self._claim_errors.add()

    def kept(self, upkeep: Upkeep) -> None:
        """What was done about leases of workers that are gone."""
        if upkeep.requeued:
            self._leases.add(("requeued",), upkeep.requeued)
        if upkeep.failed:
            self._leases.add(("failed",), upkeep.failed)

    def ended(self, ended: Sequence[tuple[Leased, Result | None, Verdict]]) -> None:
        """A batch of claims is not held any more."""
        stored = 0
        for leased, result, verdict in ended:
            if result is None:
                self._given_back.add()
                continue
            stored += 1
            transport = leased.transport or _OF_NONE
            self._deliveries.add((*transport, result.status))
            self._delivery_seconds.add(result.duration_ms * _SECONDS, transport)
            self._results.add((verdict,))
        if stored:
            self._batches.add(stored)

    def read(self) -> Iterator[Measured | Distribution]:
        """What was counted. Outcomes and verdicts are in lower case there."""
        yield from _lowered(self._deliveries.read())
        yield from self._delivery_seconds.read()
        yield from _lowered(self._results.read())
        for each in (self._batches, self._claims):
            yield from each.read()
        for tally in (self._claim_errors, self._given_back, self._leases):
            yield from tally.read()


def _lowered(samples: Iterable[Measured]) -> Iterator[Measured]:
    for each in samples:
        yield Measured(each.metric, each.value, tuple(label.lower() for label in each.labels))
