"""Loaded by schemathesis: what no schema can say of free JSON, and Kronos refuses with 400, is not generated."""

from typing import Any

import schemathesis
from hypothesis import strategies as st

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
