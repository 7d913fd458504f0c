"""Loaded by schemathesis: what no schema can say of free JSON, and Kronos refuses with 400, is not generated; nor, but
with --deep, an edge of a schema that was tried."""

import os
from collections import defaultdict
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation.meta import CoveragePhaseData

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


_tried: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
_OPERATIONS = 3
"""At so many operations the same edge is tried."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Each edge at three operations: those that have the same parameter, or the same member of a body, read it by one
    type (`w`, `cursor`, `If-Match`, `retry_policy`), and of one operation the ways to an edge through the variants of
    a union end in the same rule."""
    edge = case.meta.phase.data if case.meta is not None else None
    if not isinstance(edge, CoveragePhaseData) or "KRONOS_TEST_DEEP" in os.environ:
        return True
    key = (edge.scenario, edge.parameter, edge.parameter_location, edge.location, edge.description)
    operations = _tried[key]
    if case.operation.label in operations or len(operations) == _OPERATIONS:
        return False
    operations.add(case.operation.label)
    return True
