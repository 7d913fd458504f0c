"""Hooks that schemathesis loads. They filter out input that Kronos rejects with 400 for reasons that no schema of free
JSON can express and, except with --deep, edges of a schema that were already tried.
"""

import gc
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis
from hypothesis import strategies as st
from requests import PreparedRequest
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
_ALIKE: dict[str, list[str]] = json.loads(Path(__file__).with_name("alike.json").read_text())
"""For each path at which resources are created, the fields that the body of their PUT has with the same schema."""
_FIELD = re.compile(r"Object with valid '(\w+)' value: |(\w+)(?: ->|:) ")


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Keep each edge of a body once per operation: many ways lead to it through the variants of a union, and all end in
    the same rule. Keep an edge of another parameter for three of the operations that have it, because all of them read
    it with one type (`w`, `cursor`, `limit`, `If-Match`).

    The body of a POST that creates a resource and that of its PUT are alike, but for the name. Keep an edge within a
    field that both have for one of the two.
    """
    edge = case.meta.phase.data if case.meta is not None else None
    if not isinstance(edge, CoveragePhaseData) or "KRONOS_TEST_DEEP" in os.environ:
        return True
    place = edge.parameter_location
    is_of_body = place is not None and place.name == "BODY"
    if is_of_body and not _is_tried_here(case.operation.label, edge.description):
        return False
    is_shared = place is not None and place.name != "BODY" and edge.parameter is not None
    key = (None if is_shared else case.operation.label, edge.scenario, edge.parameter, place, edge.description)
    _tried[key] += 1
    return _tried[key] <= (_OF_ONE_RULE if is_shared else 1)


def _is_tried_here(label: str, description: str) -> bool:
    """Whether an edge of a body is tried at this operation: half of those that it shares with another are, and the
    other half there."""
    method, _, path = label.partition(" ")
    alike = _ALIKE.get(path.removesuffix("/{name}"), [])
    field = _FIELD.match(description)
    if field is None or (field[1] or field[2]) not in alike or method not in ("POST", "PUT"):
        return True
    return crc32(description.encode()) % 2 == (method == "PUT")


_OTHER_KEY = os.environ.get("KRONOS_TEST_OTHER_KEY")
_drawn: Counter[str] = Counter()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: "schemathesis.Case[Any]", kwargs: dict[str, Any]) -> None:
    """Send every second random case of an operation with the other key, if there is one, and note it."""
    label = case.operation.label
    if _OTHER_KEY is None or case.meta is None or case.meta.phase.name.name != "FUZZING":
        return
    _drawn[label] += 1
    if _drawn[label] % 2 == 0:
        kwargs["auth"] = _with_other_key
        with Path(__file__).with_name("others.txt").open("a") as noted:
            noted.write(f"{label}\n")


def _with_other_key(request: PreparedRequest) -> PreparedRequest:
    request.headers["Authorization"] = f"Bearer {_OTHER_KEY}"
    return request
