"""Loaded by schemathesis: what no schema can say of free JSON, and Kronos refuses with 400, is not generated; nor, but
with --deep, an edge of a schema that was tried."""

import gc
import os
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import CoveragePhaseData

# Of what is read and imported up to here nothing is garbage: to look for it was an eighth of this process's time.
gc.freeze()
gc.set_threshold(50_000, 20, 50)
schemathesis.openapi.format("entity-tags", st.sampled_from(["*", '"1"', '"2"', 'W/"1"', '"1", "2" ,"3"', '"other"']))


def _is_within(value: Any) -> bool:
    """Integers of 64 bits, wherever they stand: what PostgreSQL and every reader take for the same."""
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
"""At so many operations the edges of a parameter of the path, the query string or the headers are tried."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Each edge of a body once for each operation: the ways to it through the variants of a union are many, and end in
    the same rule. An edge of another parameter at three of the operations that have it, for all of them read it by one
    type (`w`, `cursor`, `limit`, `If-Match`)."""
    edge = case.meta.phase.data if case.meta is not None else None
    if not isinstance(edge, CoveragePhaseData) or "KRONOS_TEST_DEEP" in os.environ:
        return True
    place = edge.parameter_location
    is_shared = place is not None and place.name != "BODY" and edge.parameter is not None
    key = (None if is_shared else case.operation.label, edge.scenario, edge.parameter, place, edge.description)
    _tried[key] += 1
    return _tried[key] <= (_OF_ONE_RULE if is_shared else 1)
