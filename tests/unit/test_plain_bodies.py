"""A large body is read exactly as a small one: the same value, or the same error."""

import json

import pytest

from kronos import errors
from kronos.api import body

VALUES = [
    "1", "-0", "-0.0", "1.0", "1e2", "1E+2", "0.1", "1e300", "1e400", "1e-400", "5e-324", "NaN", "-Infinity",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615", "1" * 30,
    '"ü"', '"\\u00fc"', '"\\u0000"', '"\\ud800"', '"a, b: c"', '"a,b:c"', "[1,2]", "[1, 2]", "[ 1 ,2 ]",
    '{"a": 1, "b": 2}', '{"a":1,"a":1}', '{"a": 1, "a": 2}', '{"a":1,"\\u0061":2}', '{"": 1, "": 2}', "tru", "",
    "[" * 62 + "]" * 62, "[" * 63 + "]" * 63, "[" * 64 + "]" * 64, "[" * 300 + "]" * 300,
    '{"a":' * 62 + "1" + "}" * 62, '{"a":' * 63 + "1" + "}" * 63, '{"a":' * 64 + "1" + "}" * 64,
]  # fmt: skip


def outcome(text: str) -> object:
    """The value as text, which tells 1 from 1.0 and True; or the error."""
    try:
        return json.dumps(body.parse(text.encode("utf-8", "surrogatepass"))["v"])
    except errors.InvalidRequest as error:
        pointer = error.faults[0].pointer
        return error.detail.partition(" at line ")[0], pointer


@pytest.mark.parametrize("spelt", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize(
    "form", ['{{"pad":"{pad}","v":{v}}}', '{{"pad": "{pad}", "v": {v}}}', '{{ "v":{v} ,"pad":"{pad}"}}']
)
def test_a_large_body_is_read_as_a_small_one(form: str, spelt: str) -> None:
    assert outcome(form.format(pad="x" * 5000, v=spelt)) == outcome(form.format(pad="x", v=spelt))


def test_what_most_programs_write_is_read_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"jobs": [{"endpoint": "a", "input": {"n": n, "f": 1.5, "t": "ü, : x"}} for n in range(200)]}
    monkeypatch.setattr(body, "strict", None)
    for text in (json.dumps(value, ensure_ascii=False), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
        assert body.parse(text.encode()) == value
