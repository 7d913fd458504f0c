"""Who makes a change, as the audit has it: said to PostgreSQL in the transaction that makes it."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from kronos.model import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOrigin:
    """Whose doing it is: a key's public id, a person or `cli:<user>`; over the API with which key, from where, in which
    request."""

    actor: str
    key: str | None = None
    address: str | None = None
    request_id: str | None = None
    source: str | None = None
    """What made it besides, if that is not a call of its own: "apply"."""
    traceparent: str | None = None
    """The span that does it (kronos/traces/parent.py): what is made is a part of its trace."""


def said(origin: ChangeOrigin | None) -> str:
    """The setting that says so; of nobody it is empty."""
    return "" if origin is None else orjson.dumps(_shown(origin)).decode()


def said_of_each(origins: Mapping[str, ChangeOrigin | None]) -> str:
    """The setting for a statement that several callers share: who makes which object, by its id, or by its place among
    those that are made, where PostgreSQL makes the ids."""
    return orjson.dumps({"each": {each: _shown(origin) for each, origin in origins.items() if origin}}).decode()


def shown(origin: ChangeOrigin | None) -> JsonObject | None:
    """As what is made shows who made it (sql/functions/ground/creator_shown.sql)."""
    if origin is None:
        return None
    given = {"actor": origin.actor, "key_id": origin.key, "request_id": origin.request_id}
    return {name: value for name, value in given.items() if value is not None}


def command_line() -> ChangeOrigin:
    """The user of this machine who runs the command."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a number alone
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
