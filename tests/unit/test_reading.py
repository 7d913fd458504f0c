"""What PostgreSQL holds is read in a form that can be written again."""

import orjson
import pytest

from kronos.reading import MAX_DEPTH, json_value


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


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 254, 1024, 6000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":[', b"]}")])
def test_what_is_nested_too_deep_is_named_and_can_be_written(depth: int, pair: tuple[bytes, bytes]) -> None:
    read = json_value(pair[0] * depth + pair[1] * depth)

    written = orjson.dumps({"data": [{"input": read}]})

    assert (b"(nested too deep)" in written) == (depth * pair[0].count(b"[") + depth * pair[0].count(b"{") > MAX_DEPTH)
