"""What users' systems say, kept from the callers that may not see it: decided here, for every answer."""

from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Final

from kronos.api.keys import Caller

PAYLOADS: Final = frozenset({"input", "output", "request", "response", "body", "log"})
"""The fields of rows, and of the documents in them, that hold what is sent to users' systems and what they answer."""
NOTICE: Final = {"withheld": "the key does not see payloads (sees_payloads)"}
"""In the place of each that there is."""
# Values of configs and schemas are what people configure, by any names; so is a callback's `input`.
_CONFIGURED = frozenset({"values", "schema", "spec", "on_success", "on_failure"})
_WITHHOLDS: ContextVar[bool] = ContextVar("withholds", default=False)


def begin(caller: Caller) -> None:
    """From here on this request's answer is the caller's."""
    _WITHHOLDS.set(not caller.sees_payloads)


def shown(value: object) -> object:
    """What the caller of this request may see of an answer."""
    return _without(value) if _WITHHOLDS.get() else value


def _without(value: object) -> object:
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value) if not field.name.startswith("_")}
        return _without(named)
    if isinstance(value, dict):
        return {name: _shown_as(name, each) for name, each in value.items()}
    return [_without(each) for each in value] if isinstance(value, list | tuple) else value


def _shown_as(name: str, value: object) -> object:
    if name in PAYLOADS:
        return None if value is None else NOTICE
    return value if name in _CONFIGURED else _without(value)
