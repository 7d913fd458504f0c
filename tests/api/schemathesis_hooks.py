"""Hooks that schemathesis loads. They filter out input that Kronos rejects with 400 for reasons that no schema of free
JSON can express and, except with --deep, edges of a schema that were already tried.
"""

import gc
import os
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import CoveragePhaseData

# Nothing that was read or imported so far is garbage. Scanning it was an eighth of this process's time.
gc.freeze()
gc.set_threshold(50_000, 20, 50)
schemathesis.openapi.format("entity-tags", st.sampled_from(["*", '"1"', '"2"', 'W/"1"', '"1", "2" ,"3"', '"other"']))


def _is_within(value: Any) -> bool:
    """Whether all integers in the value fit in 64 bits, the range that PostgreSQL and every reader treat alike."""
    if isinstance(value, dict):
        return all(map(_is_within, value.values()))
    if isinstance(value, list):
        return all(map(_is_within, value))
    return isinstance(value, bool) or not isinstance(value, int) or -(2**63) <= value < 2**63


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    return _is_within(body)


_tried: Counter[tuple[object, ...]] = Counter()
_OF_ONE_RULE = 3
"""The number of operations at which the edges of a path, query or header parameter are tried."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Keep each edge of a body once per operation: many ways lead to it through the variants of a union, and all end in
    the same rule. Keep an edge of another parameter for three of the operations that have it, because all of them read
    it with one type (`w`, `cursor`, `limit`, `If-Match`).
    """
    edge = case.meta.phase.data if case.meta is not None else None
    if not isinstance(edge, CoveragePhaseData) or "KRONOS_TEST_DEEP" in os.environ:
        return True
    place = edge.parameter_location
    is_shared = place is not None and place.name != "BODY" and edge.parameter is not None
    key = (None if is_shared else case.operation.label, edge.scenario, edge.parameter, place, edge.description)
    _tried[key] += 1
    return _tried[key] <= (_OF_ONE_RULE if is_shared else 1)
