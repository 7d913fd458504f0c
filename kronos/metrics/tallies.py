"""Counters and histograms: a dictionary and a list each. The event loop counts; any thread may read.

prometheus_client's own metrics take a lock and a lookup of labels for each number, a microsecond or two; a delivery has
only about a hundred microseconds of CPU.
"""

from bisect import bisect_left
from collections.abc import Iterator

from kronos.metrics.definition import OTHER, Distribution, Measured, Metric

Labels = tuple[str, ...]


class Tally:
    """A counter. New labels beyond `most` series are counted as OTHER."""

    __slots__ = ("_counts", "_metric")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts: dict[Labels, float] = dict.fromkeys(metric.known if metric.labels else ((),), 0)

    def add(self, labels: Labels = (), number: float = 1) -> None:
        """Count."""
        counts = self._counts
        if labels in counts:
            counts[labels] += number
            return
        if len(counts) >= self._metric.most:
            labels = (OTHER,) * len(labels)
        counts[labels] = counts.get(labels, 0) + number

    def read(self) -> Iterator[Measured]:
        """Yield the counts."""
        for labels, number in list(self._counts.items()):
            yield Measured(self._metric, number, labels)


class Histogram:
    """Counts values by size, in the bounds of its metric."""

    __slots__ = ("_bounds", "_metric", "_series")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._bounds = metric.bounds
        # the number of values per bound, beyond all bounds, and then the sum
        self._series: dict[Labels, list[float]] = {} if metric.labels else {(): self._none()}

    def add(self, value: float, labels: Labels = ()) -> None:
        """Count one value."""
        series = self._series.get(labels)
        if series is None:
            series = self._begun(labels)
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def _begun(self, labels: Labels) -> list[float]:
        if len(self._series) >= self._metric.most:
            labels = (OTHER,) * len(labels)
        return self._series.setdefault(labels, self._none())

    def _none(self) -> list[float]:
        return [0] * (len(self._bounds) + 1) + [0.0]

    def read(self) -> Iterator[Distribution]:
        """Yield the counts."""
        for labels, series in list(self._series.items()):
            yield Distribution(self._metric, tuple(map(int, series[:-1])), series[-1], labels)
