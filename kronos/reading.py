"""What PostgreSQL holds and Python's types or JSON's writers cannot: it is read all the same, so that one odd row never
hides others.

A row may have been written by SQL, or by a release with other bounds. Instants before the year 1 or after 9999, and the
infinite ones, become the first or the last that there is, and keep their place among the others (Beyond). jsonb's
numbers have no bound: those beyond 64 bits become the double they were sent as, those beyond a double null; what is
nested too deep to be written out is named.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
from psycopg import adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from kronos.model import Json

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
_WRITTEN_DEPTH = 254
MAX_DEPTH = 200
"""orjson writes 254 levels, and an answer has some around a row's documents."""

_TOO_DEEP = "(nested too deep)"
_MAX_INT_CHARACTERS = 18  # all of these are below 64 bits
_TIMESTAMPTZ = adapters.types["timestamptz"].oid
_PLAIN = {written: adapters.get_loader(_TIMESTAMPTZ, written) for written in (Format.TEXT, Format.BINARY)}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's: from another one 64 bits do not hold all of its instants
_MICROSECOND = timedelta(microseconds=1)
_CYCLE_YEARS, _CYCLE = 400, 146_097 * 86_400_000_000  # the calendar begins again after as many microseconds
_FIRST, _AFTER = (
    -211_813_488_000_000_000,
    9_223_371_331_200_000_000,
)  # 4714-11-24 BC, and 294277-01-01, which is none any more
_INFINITIES = {b"-infinity": -(2**63), b"infinity": 2**63 - 1}
_WRITTEN = re.compile(rb"(\d{4,6})(-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)\+00( BC)?")


class Beyond(datetime):
    """EARLIEST or LATEST, in the stead of an instant that Python has not: `counted` is which one, in microseconds as
    PostgreSQL counts."""

    counted: int


def counted(at: datetime) -> int:
    """The microseconds from 2000 on to the instant; of the infinite ones the first and the last number of 64 bits."""
    return at.counted if isinstance(at, Beyond) else (at - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """What was counted. Raises OverflowError where PostgreSQL has no such instant."""
    if microseconds not in _INFINITIES.values() and not _FIRST <= microseconds < _AFTER:
        raise OverflowError(f"no instant is {microseconds} microseconds from 2000")
    if counted(EARLIEST) <= microseconds <= counted(LATEST):
        return _EPOCH + microseconds * _MICROSECOND
    nearest = LATEST if microseconds > 0 else EARLIEST
    beyond = Beyond.combine(nearest.date(), nearest.timetz())
    beyond.counted = microseconds
    return beyond


def plain(value: object) -> datetime:
    """For orjson, which writes no other class than datetime's own. Raises TypeError for anything else."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return datetime.combine(value.date(), value.timetz())


def _counted_from(written: bytes) -> int | None:
    """How PostgreSQL counts what it wrote; None for what is no instant in UTC."""
    if written in _INFINITIES:
        return _INFINITIES[written]
    if (found := _WRITTEN.fullmatch(written)) is None:
        return None
    year = 1 - int(found[1]) if found[3] else int(found[1])
    cycles = (year - _EPOCH.year) // _CYCLE_YEARS
    within = datetime.fromisoformat(f"{year - cycles * _CYCLE_YEARS}{found[2].decode()}+00:00")
    return cycles * _CYCLE + (within - _EPOCH) // _MICROSECOND


class _BeyondDumper(Dumper):
    """As PostgreSQL writes it."""

    oid = _TIMESTAMPTZ

    def dump(self, obj: Beyond) -> bytes:
        """The text that PostgreSQL reads."""
        for written, microseconds in _INFINITIES.items():
            if microseconds == obj.counted:
                return written
        cycles, rest = divmod(obj.counted, _CYCLE)
        within = _EPOCH + rest * _MICROSECOND
        year = within.year + cycles * _CYCLE_YEARS
        era = "" if year > 0 else " BC"
        return f"{year if year > 0 else 1 - year:04}{within:-%m-%d %H:%M:%S.%f}+00{era}".encode()


class _InstantLoader(Loader):
    """psycopg's own, but for what it refuses."""

    def __init__(self, oid: int, connection: AdaptContext | None = None) -> None:
        super().__init__(oid, connection)
        if (plain := _PLAIN[self.format]) is None:
            raise TypeError("psycopg has no loader for timestamptz")
        self._plain = plain(oid, connection)

    def load(self, data: Buffer) -> datetime:
        """The instant, in the connection's time zone; EARLIEST or LATEST, a Beyond, where it is beyond."""
        try:
            loaded: datetime = self._plain.load(data)
        except psycopg.DataError:
            if (microseconds := self._counted(bytes(data))) is None:
                raise
            return instant(microseconds)
        return loaded

    def _counted(self, data: bytes) -> int | None:
        return _counted_from(data)


class _BinaryInstantLoader(_InstantLoader):
    """As PostgreSQL counts it, in eight bytes."""

    format = Format.BINARY

    def _counted(self, data: bytes) -> int | None:
        return int.from_bytes(data, "big", signed=True)


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
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH or _is_shallow(value):
        return value
    return _pruned(value, MAX_DEPTH)


def _is_shallow(value: Json) -> bool:
    """Whether nothing in it is nested too deep. Judged by the writer, which looks at a megabyte of [] in 5 ms; we would
    take 100."""
    for _ in range(_WRITTEN_DEPTH - MAX_DEPTH):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


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
    made.register_loader("timestamptz", _BinaryInstantLoader)
    made.register_dumper(Beyond, _BeyondDumper)
    set_json_loads(json_value, made)
    return made
