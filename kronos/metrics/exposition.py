"""Format samples for Prometheus. Loads prometheus_client, so it is imported only when metrics are read."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from kronos.metrics.definition import Distribution, Measured

Source = Callable[[], Iterable[Measured | Distribution]]
_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Exposition:
    """The metrics of one process: CPU, memory, file descriptors and garbage collection, and those of `source`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)
        GCCollector(registry=self._process)

    def text(self, accept: str, more: Iterable[Measured | Distribution] = ()) -> tuple[bytes, str]:
        """Return all of it and `more`, in the format that the request's Accept header asks for, and the media type."""
        encode, media_type = choose_encoder(accept)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families([*self._process.collect(), *_families([*self._source(), *more])]))
        return encode(registry), media_type


class _Families(Collector):
    """A collector of given families."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(found: Iterable[Measured | Distribution]) -> Iterator[Metric]:
    """Yield one family per metric, in the order of their first samples."""
    families: dict[str, _Family] = {}
    for each in found:
        family = families.get(each.metric.name)
        if family is None:
            family = families[each.metric.name] = _begun(each)
        if isinstance(each, Distribution):
            assert isinstance(family, HistogramMetricFamily)  # noqa: S101  # because _begun creates one
            family.add_metric(each.labels, buckets=_buckets(each), sum_value=each.total)
        else:
            assert not isinstance(family, HistogramMetricFamily)  # noqa: S101
            family.add_metric(each.labels, each.value)
    yield from families.values()


def _begun(first: Measured | Distribution) -> _Family:
    metric = first.metric
    match metric.kind:
        case "counter":
            return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        case "gauge":
            return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        case "histogram":
            return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)


def _buckets(found: Distribution) -> list[tuple[str, float]]:
    """Return each bound, with the number of values up to it."""
    bounds = [*map(floatToGoString, found.metric.bounds), "+Inf"]
    reached = 0
    made: list[tuple[str, float]] = []
    for bound, number in zip(bounds, found.counts, strict=True):
        reached += number
        made.append((bound, reached))
    return made
