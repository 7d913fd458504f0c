"""What a metric is: its name, what it says, and which labels it may have, how many of them at most."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Place = Literal["process", "api", "worker", "database"]
OTHER = "other"
"""The label of what has no series of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # one of a name: compared by identity
class Metric:
    """One metric. `place`: which processes have it, or that an API process reads it from the database. `most`: series
    that it has at most, besides the one of OTHER. `names_tenants`: a label is a name that a tenant gave. `known`: the
    labels that are shown before anything is counted: Prometheus sees no growth in a number that appears at 1."""

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
    """A counter's or a gauge's number."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's: how many were within each bound and not the one before, and, last, beyond all."""

    metric: Metric
    counts: tuple[int, ...]
    total: float
    labels: tuple[str, ...] = ()
