"""Withholds payloads from callers that may not see them. This is decided here, for every response."""

from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Final

from kronos.api.keys import Caller

PAYLOADS: Final = frozenset({"input", "output", "request", "response", "body", "log"})
"""Fields of rows, and of documents in them, that hold what is sent to users' systems and what those return."""
NOTICE: Final = {"withheld": "the key does not see payloads (sees_payloads)"}
"""Replaces each payload that exists."""
# Configs, schemas and specs may use any names, and a callback's `input` is configuration too.
_CONFIGURED = frozenset({"values", "schema", "spec", "on_success", "on_failure"})
# What Kronos says of an execution: there, unlike in an endpoint's limits, it is a text made of the input.
_SAID = frozenset({"status_reason", "evidence"})
_OF_INPUT: Final = "concurrency_key"
_WITHHOLDS: ContextVar[bool] = ContextVar("withholds", default=False)


def begin(caller: Caller) -> None:
    """Withhold payloads from the rest of this request's response if the caller must not see them."""
    _WITHHOLDS.set(not caller.sees_payloads)


def shown(value: object) -> object:
    """Return what this request's caller may see of a response."""
    return _without(value) if _WITHHOLDS.get() else value


def _without(value: object, *, is_said: bool = False) -> object:
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value) if not field.name.startswith("_")}
        return _without(named, is_said=is_said)
    if isinstance(value, dict):
        return {name: _shown_as(name, each, is_said=is_said or name in _SAID) for name, each in value.items()}
    return [_without(each, is_said=is_said) for each in value] if isinstance(value, list | tuple) else value


def _shown_as(name: str, value: object, *, is_said: bool) -> object:
    if name in PAYLOADS or (is_said and name == _OF_INPUT):
        return None if value is None else NOTICE
    return value if name in _CONFIGURED else _without(value, is_said=is_said)
