"""Calls that create something once, however often they are repeated. The caller's key is stored with the created
object, in one transaction.

A job keeps its key in its own row for as long as the row exists: kronos.jobs.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, TypeVar
from uuid import UUID

import orjson

from kronos import errors
from kronos.database import WorkspaceView
from kronos.records import dataclass
from kronos.sql import statement

Made = TypeVar("Made")
Operation = Literal[
    "trigger",
    "backfill",
    "retry",
    "endpoint",
    "config",
    "payload_spec",
    "calendar",
    "test",
    "redrive",
    "discard",
    "bulk",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier call with the key created."""

    resource_id: UUID
    is_same_request: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A caller's key for one operation, and a digest that identifies the request."""

    operation: Operation
    text: str
    request_sha256: bytes


_FIND = statement("idempotency.find_key", Known)


def digest(*request: object) -> bytes:
    """Return a digest that is equal for equal requests, whatever the order of an object's members."""
    return hashlib.sha256(
        orjson.dumps([_said(each) for each in request], option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    ).digest()


def hex_of(digest: bytes) -> str:
    """Return the digest as PostgreSQL reads it from JSON."""
    return f"\\x{digest.hex()}"


def _said(value: object) -> object:
    """Return the value without fields that have their defaults, so that a later release with more fields still matches
    keys of an earlier one."""
    if not is_dataclass(value):
        return value
    given = {each: getattr(value, each.name) for each in fields(value)}
    return {each.name: _said(said) for each, said in given.items() if not _is_default(each, said)}


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        return bool(value == field.default)
    return field.default_factory is not MISSING and bool(value == field.default_factory())


def key(operation: Operation, text: str | None, *request: object) -> Key | None:
    """Return the key of a call, if it has one."""
    return Key(operation=operation, text=text, request_sha256=digest(*request)) if text is not None else None


def params(key: Key | None) -> dict[str, object]:
    """Return the parameters for the statement that creates something and stores the key with it."""
    return (
        {"idempotency_key": key.text, "request_sha256": key.request_sha256}
        if key
        else {"idempotency_key": None, "request_sha256": None}
    )


async def once(
    view: WorkspaceView, key: Key | None, make: Callable[[], Awaitable[Made]], get: Callable[[UUID], Awaitable[Made]]
) -> tuple[Made, bool]:
    """Return what `make` creates, and True. If the key is known, return what the earlier call created, as `get` reads
    it, and False.

    `make` stores the key in its own transaction. Raises Unprocessable (idempotency_mismatch), and as both.
    """
    if key is None:
        return await make(), True
    if (known := await _find(view, key)) is not None:
        return await get(known), False
    try:
        return await make(), True
    except (errors.Conflict, errors.NotFound):  # perhaps because of the same call, made concurrently
        if (known := await _find(view, key)) is None:
            raise
        return await get(known), False


async def _find(view: WorkspaceView, key: Key) -> UUID | None:
    known = await view.one_or_none(
        _FIND, {"operation": key.operation, "idempotency_key": key.text, "request_sha256": key.request_sha256}
    )
    if known is None:
        return None
    if not known.is_same_request:
        raise mismatch(f"{key.operation} {known.resource_id}")
    return known.resource_id


def mismatch(made: str, pointer: str = "/Idempotency-Key") -> errors.Unprocessable:
    """Return the error for a key that came with a different request than the one that created something."""
    fault = errors.Fault(
        pointer=pointer, detail="already used for a different request", hint="Use a new key for a new request."
    )
    detail = f"the idempotency key was already used for a different request, which created {made}"
    return errors.Unprocessable(detail, code="idempotency_mismatch", faults=(fault,))
