"""Values from PostgreSQL are read in a form that can be written again."""

from datetime import UTC, datetime

import orjson
import psycopg
import pytest
from psycopg.adapt import PyFormat

from kronos import reading
from kronos.reading import EARLIEST, LATEST, MAX_DEPTH, Beyond, counted, instant, json_value

_TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
        (b"9223372036854775807", 2**63 - 1),
        (b"18446744073709551616", 1.8446744073709552e19),
        (b"59" + b"0" * 23, 5.9e24),
        (b"[1" + b"0" * 400 + b", 7, -1" + b"0" * 5000 + b"]", [None, 7, None]),
        (b"0." + b"0" * 400 + b"1", 0.0),
        ('"é\u2028"'.encode(), "é\u2028"),
    ],
)
def test_numbers_without_bound_are_doubles_and_beyond_them_null(text: bytes, value: object) -> None:
    assert json_value(text) == value
    orjson.dumps(json_value(text))


def test_what_is_wide_is_given_as_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may hold a megabyte of empty lists; they are not walked one by one."""
    monkeypatch.setattr(reading, "_pruned", lambda value, levels: pytest.fail("a flat document was walked through"))
    assert json_value(b"[" + b"[]," * 10_000 + b"1]") == [*([[]] * 10_000), 1]


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 254, 1024, 6000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":[', b"]}")])
def test_what_is_nested_too_deep_is_named_and_can_be_written(depth: int, pair: tuple[bytes, bytes]) -> None:
    read = json_value(pair[0] * depth + pair[1] * depth)

    written = orjson.dumps({"data": [{"input": read}]})

    assert (b"(nested too deep)" in written) == (depth * pair[0].count(b"[") + depth * pair[0].count(b"{") > MAX_DEPTH)


@pytest.mark.parametrize(
    ("written", "microseconds", "shown"),
    [
        ("-infinity", -(2**63), EARLIEST),
        ("4714-11-24 00:00:00+00 BC", -211_813_488_000_000_000, EARLIEST),
        ("0001-12-31 23:59:59.5+00 BC", -63_082_281_600_500_000, EARLIEST),
        ("0005-02-29 00:00:00+00 BC", -63_235_036_800_000_000, EARLIEST),
        ("0001-01-01 00:00:00+00", -63_082_281_600_000_000, EARLIEST),
        ("2000-01-01 00:00:00.000001+00", 1, datetime(2000, 1, 1, 0, 0, 0, 1, UTC)),
        ("9999-12-31 23:59:59.999999+00", 252_455_615_999_999_999, LATEST),
        ("10000-01-01 00:00:00+00", 252_455_616_000_000_000, LATEST),
        ("294276-12-31 23:59:59.999999+00", 9_223_371_331_199_999_999, LATEST),
        ("infinity", 2**63 - 1, LATEST),
    ],
)
def test_an_instant_that_python_has_not_is_shown_as_the_nearest_and_knows_its_place(
    written: str, microseconds: int, shown: datetime
) -> None:
    maps = psycopg.adapt.Transformer(reading.context())
    read = maps.get_loader(_TIMESTAMPTZ, psycopg.pq.Format.TEXT).load(written.encode())

    assert (read, counted(read), instant(microseconds)) == (shown, microseconds, shown)
    assert isinstance(read, Beyond) == (
        shown in (EARLIEST, LATEST) and microseconds not in (counted(EARLIEST), counted(LATEST))
    )
    assert orjson.dumps(read, reading.plain) == orjson.dumps(shown)
    if isinstance(read, Beyond):
        again = maps.get_dumper(read, PyFormat.AUTO).dump(read)
        assert again is not None
        assert counted(maps.get_loader(_TIMESTAMPTZ, psycopg.pq.Format.TEXT).load(again)) == microseconds


@pytest.mark.parametrize("microseconds", [-(2**63) + 1, -211_813_488_000_000_001, 9_223_371_331_200_000_000, 2**63 - 2])
def test_what_postgresql_has_no_instant_for_is_refused(microseconds: int) -> None:
    with pytest.raises(OverflowError):
        instant(microseconds)
