"""Read values that PostgreSQL holds but that Python's types or JSON writers cannot represent, so that one odd row never
hides others.

A row may have been written by SQL, or by a release with other limits. Instants before the year 1 or after 9999, and the
infinite ones, become the first or the last instant of Python, but keep their order among the others (Beyond). jsonb's
numbers have no limit: those beyond 64 bits become the double they were sent as, those beyond a double null. Values that
are nested too deep to be written are replaced by a text.
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
"""orjson writes 254 levels, and a response has some around a row's documents."""

_TOO_DEEP = "(nested too deep)"
_MAX_INT_CHARACTERS = 18  # all of these fit into 64 bits
_TIMESTAMPTZ = adapters.types["timestamptz"].oid
_PLAIN = {written: adapters.get_loader(_TIMESTAMPTZ, written) for written in (Format.TEXT, Format.BINARY)}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's: with another epoch 64 bits would not hold all its instants
_MICROSECOND = timedelta(microseconds=1)
_CYCLE_YEARS, _CYCLE = 400, 146_097 * 86_400_000_000  # the calendar repeats after this many microseconds
_FIRST, _AFTER = (
    -211_813_488_000_000_000,
    9_223_371_331_200_000_000,
)  # 4714-11-24 BC, and 294277-01-01, which is already out of range
_INFINITIES = {b"-infinity": -(2**63), b"infinity": 2**63 - 1}
_WRITTEN = re.compile(rb"(\d{4,6})(-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)\+00( BC)?")


class Beyond(datetime):
    """EARLIEST or LATEST, instead of an instant that Python cannot represent: `counted` is the instant, in PostgreSQL's
    microseconds."""

    counted: int


def counted(at: datetime) -> int:
    """Return the microseconds since 2000; for the infinite instants the lowest and the highest 64-bit number."""
    return at.counted if isinstance(at, Beyond) else (at - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """Return the instant of this count. Raises OverflowError if PostgreSQL has no such instant."""
    if microseconds not in _INFINITIES.values() and not _FIRST <= microseconds < _AFTER:
        raise OverflowError(f"no instant is {microseconds} microseconds from 2000")
    if counted(EARLIEST) <= microseconds <= counted(LATEST):
        return _EPOCH + microseconds * _MICROSECOND
    nearest = LATEST if microseconds > 0 else EARLIEST
    beyond = Beyond.combine(nearest.date(), nearest.timetz())
    beyond.counted = microseconds
    return beyond


def plain(value: object) -> datetime:
    """Convert for orjson, which writes only datetime's own class. Raises TypeError for anything else."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return datetime.combine(value.date(), value.timetz())


def _counted_from(written: bytes) -> int | None:
    """Return the count of an instant that PostgreSQL wrote; None if it is not an instant in UTC."""
    if written in _INFINITIES:
        return _INFINITIES[written]
    if (found := _WRITTEN.fullmatch(written)) is None:
        return None
    year = 1 - int(found[1]) if found[3] else int(found[1])
    cycles = (year - _EPOCH.year) // _CYCLE_YEARS
    within = datetime.fromisoformat(f"{year - cycles * _CYCLE_YEARS}{found[2].decode()}+00:00")
    return cycles * _CYCLE + (within - _EPOCH) // _MICROSECOND


class _BeyondDumper(Dumper):
    """Writes the instant as PostgreSQL does."""

    oid = _TIMESTAMPTZ

    def dump(self, obj: Beyond) -> bytes:
        """Return the text that PostgreSQL reads."""
        for written, microseconds in _INFINITIES.items():
            if microseconds == obj.counted:
                return written
        cycles, rest = divmod(obj.counted, _CYCLE)
        within = _EPOCH + rest * _MICROSECOND
        year = within.year + cycles * _CYCLE_YEARS
        era = "" if year > 0 else " BC"
        return f"{year if year > 0 else 1 - year:04}{within:-%m-%d %H:%M:%S.%f}+00{era}".encode()


class _InstantLoader(Loader):
    """psycopg's own loader, extended to values that it rejects."""

    def __init__(self, oid: int, connection: AdaptContext | None = None) -> None:
        super().__init__(oid, connection)
        if (plain := _PLAIN[self.format]) is None:
            raise TypeError("psycopg has no loader for timestamptz")
        self._plain = plain(oid, connection)

    def load(self, data: Buffer) -> datetime:
        """Return the instant in the connection's time zone; out of range EARLIEST or LATEST, as a Beyond."""
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
    """PostgreSQL's binary format: eight bytes."""

    format = Format.BINARY

    def _counted(self, data: bytes) -> int | None:
        return int.from_bytes(data, "big", signed=True)


def json_value(data: str | bytes) -> Json:
    """Return a jsonb value in a form that can be written again."""
    data = data.encode() if isinstance(data, str) else data
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:  # a number beyond a double, or nesting too deep for orjson
        try:
            value = json.loads(data, parse_int=_integer, parse_float=_number)
        except RecursionError:
            return _TOO_DEEP
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH or _is_shallow(value):
        return value
    return _pruned(value, MAX_DEPTH)


def _is_shallow(value: Json) -> bool:
    """Return whether nothing in it is nested too deep. The writer checks a megabyte of [] in 5 ms; Python code would
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
    """Return the context of connections that read rows for people."""
    made = AdaptersMap(adapters)
    made.register_loader("timestamptz", _InstantLoader)
    made.register_loader("timestamptz", _BinaryInstantLoader)
    made.register_dumper(Beyond, _BeyondDumper)
    set_json_loads(json_value, made)
    return made
