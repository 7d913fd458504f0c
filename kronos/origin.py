"""The author of a change, for the audit: passed to PostgreSQL in the transaction that makes the change."""

import os
import pwd
from collections.abc import Mapping

import orjson

from kronos.model import JsonObject
from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOrigin:
    """The author: a key's public ID, a person or `cli:<user>`; over the API also key, address and request."""

    actor: str
    key: str | None = None
    address: str | None = None
    request_id: str | None = None
    source: str | None = None
    """What made the change on the actor's behalf, if it was not a direct call: "apply"."""
    traceparent: str | None = None
    """The span of the change (kronos/traces/parent.py): created objects belong to its trace."""


def said(origin: ChangeOrigin | None) -> str:
    """Return the setting that names the author; empty without one."""
    return "" if origin is None else orjson.dumps(_shown(origin)).decode()


def said_of_each(origins: Mapping[str, ChangeOrigin | None]) -> str:
    """Return the setting for a statement that several callers share: the author of each object, by the object's ID, or
    by its position among the new ones if PostgreSQL chooses the IDs."""
    return orjson.dumps({"each": {each: _shown(origin) for each, origin in origins.items() if origin}}).decode()


def shown(origin: ChangeOrigin | None) -> JsonObject | None:
    """Return the author as new objects show it (sql/functions/ground/creator_shown.sql)."""
    if origin is None:
        return None
    given = {"actor": origin.actor, "key_id": origin.key, "request_id": origin.request_id}
    return {name: value for name, value in given.items() if value is not None}


def command_line() -> ChangeOrigin:
    """Return the operating system's user who runs the command."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container the user may have no name
        user = str(os.getuid())
    return ChangeOrigin(actor=f"cli:{user}")


def _shown(origin: ChangeOrigin) -> JsonObject:
    given = {
        "actor": origin.actor,
        "key": origin.key,
        "address": origin.address,
        "request_id": origin.request_id,
        "source": origin.source,
        "traceparent": origin.traceparent,
    }
    return {name: value for name, value in given.items() if value is not None}
