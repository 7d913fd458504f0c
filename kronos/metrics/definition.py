"""The definition of a metric: its name, its help text, its labels, and the limit of its series."""

from typing import Literal

from kronos.records import dataclass

Kind = Literal["counter", "gauge", "histogram"]
Place = Literal["process", "api", "worker", "database"]
OTHER = "other"
"""The label of values that have no series of their own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # one object per name: compared by identity
class Metric:
    """One metric. `place`: the processes that have it, or `database` if an API process reads it from there. `most`: its
    limit of series, not counting OTHER. `names_tenants`: a label is a name that a tenant chose. `known`: labels that
    are shown before anything is counted, because Prometheus sees no increase in a series that first appears with 1."""

    name: str
    kind: Kind
    place: Place
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    most: int = 1
    names_tenants: bool = False
    known: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The value of a counter or gauge."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of a histogram: how many fell into each bucket, the last one beyond all bounds."""

    metric: Metric
    counts: tuple[int, ...]
    total: float
    labels: tuple[str, ...] = ()
