"""Prometheus counters of an API process."""

from collections.abc import Iterator

from starlette.types import Scope

from kronos.metrics import catalog
from kronos.metrics.definition import OTHER, Distribution, Measured
from kronos.metrics.tallies import Histogram, Tally
from kronos.pool import Pool

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLASSES = {number: f"{number}xx" for number in range(1, 6)}
_NO_ROUTE = "none"
"""The label for requests that match no route, or were answered before routing."""


class ApiMeter:
    """Counts requests by path templates, never by paths, so that labels contain no names and callers cannot create new
    ones."""

    def __init__(self) -> None:
        self._requests = Tally(catalog.REQUESTS)
        self._seconds = Histogram(catalog.REQUEST_SECONDS)
        self.under_way = 0
        """Set by Boundary."""

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a finished request."""
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._requests.add((method, route, _CLASSES.get(status // 100, "none")))
        self._seconds.add(seconds, (method, route))

    def _without_errors(self) -> Iterator[Measured]:
        """Yield 0 for routes without errors: Prometheus sees no increase in a counter that first appears as 1."""
        counted = {each.labels for each in self._requests.read()}
        for method, route in {labels[:2] for labels in counted}:
            if (method, route, "5xx") not in counted:
                yield Measured(catalog.REQUESTS, 0, (method, route, "5xx"))

    def read(self, pool: Pool) -> Iterator[Measured | Distribution]:
        """Yield the counters and the state of the pool."""
        yield from self._requests.read()
        yield from self._without_errors()
        yield from self._seconds.read()
        yield Measured(catalog.REQUESTS_UNDER_WAY, self.under_way)
        found = pool.get_stats()
        size, idle = found.get("pool_size", 0), found.get("pool_available", 0)
        yield Measured(catalog.POOL_SIZE, size - idle, ("in_use",))
        yield Measured(catalog.POOL_SIZE, idle, ("idle",))
        yield Measured(catalog.POOL_LIMIT, pool.max_size)
        yield Measured(catalog.POOL_WAITING, found.get("requests_waiting", 0))
        yield Measured(catalog.POOL_WAITS, found.get("requests_queued", 0))
        yield Measured(catalog.POOL_WAIT_SECONDS, found.get("requests_wait_ms", 0) / 1000)
        yield Measured(catalog.POOL_ERRORS, found.get("requests_errors", 0))
