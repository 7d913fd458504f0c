"""What PostgreSQL holds and Python's types or JSON's writers cannot: it is read all the same, so that one odd row never hides others.

A row may have been written by SQL, or by a release with other bounds. Instants before the year 1 or after 9999, and the infinite
ones, become the first or the last that there is. jsonb's numbers have no bound: those beyond 64 bits become the double they were
sent as, those beyond a double null; what is nested too deep to be written out is named.
"""

import json
from datetime import UTC, datetime

import orjson
import psycopg
from psycopg import adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from kronos.model import Json

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
MAX_DEPTH = 200
"""orjson writes 254 levels, and an answer has some around a row's documents."""

_TOO_DEEP = "(nested too deep)"
_MAX_INT_CHARACTERS = 18  # all of these are below 64 bits
_TIMESTAMPTZ = adapters.types["timestamptz"].oid
_PLAIN = adapters.get_loader(_TIMESTAMPTZ, Format.TEXT)


class _InstantLoader(Loader):
    """psycopg's own, but for what it refuses."""

    def __init__(self, oid: int, connection: AdaptContext | None = None) -> None:
        super().__init__(oid, connection)
        if _PLAIN is None:
            raise TypeError("psycopg has no loader for timestamptz")
        self._plain = _PLAIN(oid, connection)

    def load(self, data: Buffer) -> datetime:
        """The instant, in the connection's time zone; EARLIEST or LATEST where it is beyond."""
        try:
            instant: datetime = self._plain.load(data)
        except psycopg.DataError:
            text = bytes(data)
            return EARLIEST if text == b"-infinity" or text.endswith(b" BC") else LATEST
        return instant


def json_value(data: str | bytes) -> Json:
    """The JSON that jsonb wrote, in a form that can be written again."""
    data = data.encode() if isinstance(data, str) else data
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:  # a number beyond a double, or nested deeper than it reads
        try:
            value = json.loads(data, parse_int=_integer, parse_float=_number)
        except RecursionError:
            return _TOO_DEEP
    return _pruned(value, MAX_DEPTH) if data.count(b"[") + data.count(b"{") > MAX_DEPTH else value


def _integer(text: str) -> int | float | None:
    return int(text) if len(text) <= _MAX_INT_CHARACTERS else _number(text)


def _number(text: str) -> float | None:
    number = float(text)
    return None if number in (float("inf"), float("-inf")) else number


def _pruned(value: Json, levels: int) -> Json:
    if not isinstance(value, list | dict):
        return value
    if levels == 0:
        return _TOO_DEEP
    if isinstance(value, list):
        return [_pruned(item, levels - 1) for item in value]
    return {key: _pruned(item, levels - 1) for key, item in value.items()}


def context() -> AdaptContext:
    """For a connection that reads rows for people."""
    made = AdaptersMap(adapters)
    made.register_loader("timestamptz", _InstantLoader)
    set_json_loads(json_value, made)
    return made
