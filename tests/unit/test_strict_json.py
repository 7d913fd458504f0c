"""A body is strict JSON: what parsers read differently, or PostgreSQL cannot store, is rejected with a hint. A large
body is read by the same rules as a small one.
"""

import json

import pytest

from kronos import errors
from kronos.api.body import MAX_DEPTH, check_media_type, member, parse
from kronos.model import Json, JsonObject

LARGE = b'"' + b"x" * 5000 + b'"'


def refusal(body: bytes) -> errors.Fault:
    """The one fault for which a body is rejected, which is also the error's message."""
    with pytest.raises(errors.InvalidRequest) as caught:
        parse(body)
    (fault,) = caught.value.faults
    assert (caught.value.detail, caught.value.code) == (fault.detail, "invalid_request")
    return fault


def both_sizes(value: bytes) -> list[bytes]:
    """A body with this value, and a large one with it."""
    return [b'{"a": ' + value + b"}", b'{"large": ' + LARGE + b', "a": ' + value + b"}"]


@pytest.mark.parametrize(
    "value",
    [
        b"null", b"true", b"[]", b"{}", b'""', b"0", b"-0", b"-0.0", b"1.5", b"1e3", b"1E+3", b"0.1", b"0e5",
        b"-0.0e-9",
        b"9223372036854775807", b"-9223372036854775808", b"123456789012345678", b"1e20", b"1.7976931348623157e308",
        b"5e-324", b"0.00", b'"\\u00e9"', '"é\u2028𝄞"'.encode(), b'"\\ud834\\udd1e"', b'"\\n\\t\\/\\b\\f\\r\\\\\\""',
        b'{"": 1, " ": {"": 2}}', b'[1, "1", 1.0, [1]]', b'"a, b: c"', b' [ 1 , 2 ]\n\t', b'{"k" : 1}', b'"{[{["',
        b'"12345678901234567890"', b"\r\n1\r\n",
    ],
)  # fmt: skip
def test_what_json_can_say_is_read_as_it_was_written(value: bytes) -> None:
    for body in both_sizes(value):
        read, meant = parse(body)["a"], json.loads(value)
        assert (read, type(read), repr(read)) == (meant, type(meant), repr(meant))


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("value", "detail", "hint"),
    [
        (b"9223372036854775808", "the integer 9223372036854775808 is beyond 64 bits", "Write a smaller number, or a"),
        (b"-9223372036854775809", "the integer -9223372036854775809 is beyond 64 bits", "Write a smaller number"),
        (b"1" * 5000, f"the integer {'1' * 24} is beyond 64 bits", "Write a smaller number, or a string."),
        (b"-1" + b"0" * 30, f"the integer -1{'0' * 22} is beyond 64 bits", "Write a smaller number, or a string."),
        (b"1e309", "the number 1e309 is beyond a double", "Write a smaller number, or a string."),
        (b"1" * 30 + b"e999", f"the number {'1' * 24} is beyond a double", "Write a smaller number, or a string."),
        (b"-1e999", "the number -1e999 is beyond a double", "Write a smaller number, or a string."),
        (b"1e-400", "the number 1e-400 is too small for a double, which rounds it to 0", "Write 0, or a string."),
        (b"-0.5E-400", "the number -0.5E-400 is too small for a double, which rounds it to 0", "Write 0, or a string."),
        (b"0." + b"0" * 400 + b"1", f"the number 0.{'0' * 22} is too small for a double, which rounds", "Write 0, or"),
        (b"NaN", "NaN is not JSON", "Write null, a number or a string."),
        (b"Infinity", "Infinity is not JSON", "Write null, a number or a string."),
        (b"-Infinity", "-Infinity is not JSON", "Write null, a number or a string."),
        (b'{"c": 1, "b": 2, "b": 3}', "the member 'b' occurs twice in one object", "Keep one of them."),
        (b'{"b": 1, "b": 1}', "the member 'b' occurs twice in one object", "Keep one of them."),
        (b'[{"\\u0062": 1, "b": 1}]', "the member 'b' occurs twice in one object", "Keep one of them."),
        (b'"\\u0000"', "a string contains U+0000, which cannot be stored", "Remove it."),
        (b'"x\\ud834"', "a string contains U+D834, which cannot be stored", "Write both halves of the surrogate pair"),
        (b'"\\udd1e\\ud834"', "a string contains U+DD1E, which cannot be stored", "Write both halves of the surrogate"),
        (b'{"k\\u0000": 1}', "a string contains U+0000, which cannot be stored", "Remove it."),
        (nested(MAX_DEPTH), "the body is nested deeper than 64", "Flatten it."),
        (nested(MAX_DEPTH, b'{"":', b"}").replace(b":}", b":1}"), "the body is nested deeper than 64", "Flatten it."),
        (nested(5000), "the body is nested deeper than 64", "Flatten it."),
        (b"01", "the body is not JSON: Expecting ',' delimiter at line 1 column", "Send one JSON object."),
        (b"'a'", "the body is not JSON: Expecting value at line 1 column", "Send one JSON object."),
        (b"[1,]", "the body is not JSON: Expecting value at line 1 column", "Send one JSON object."),
        (b"1 // one", "the body is not JSON: Expecting ',' delimiter at line 1 column", "Send one JSON object."),
        (b'"\t"', "the body is not JSON: Invalid control character at at line 1 column", "Send one JSON object."),
        (b'"\\x41"', "the body is not JSON: Invalid \\escape at line 1 column", "Send one JSON object."),
        (b'"\xff"', "the body is not UTF-8: byte ", "Encode the body as UTF-8."),
        (b'"\xed\xa0\x80"', "the body is not UTF-8: byte ", "Encode the body as UTF-8."),
    ],
)  # fmt: skip
def test_what_is_read_differently_or_cannot_be_stored_is_rejected_with_a_hint(
    value: bytes, detail: str, hint: str
) -> None:
    for body in both_sizes(value):
        fault = refusal(body)
        assert (fault.detail[: len(detail)], (fault.hint or "")[: len(hint)]) == (detail, hint)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is not JSON: Expecting value at line 1 column 1"),
        (b"{", "the body is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"a": 1}\n x', "the body is not JSON: Extra data at line 2 column 2"),
        (b"\xef\xbb\xbf{}", "the body is not JSON: "),
        (b'{"a": 1}\xff', "the body is not UTF-8: byte 8 is 0xff"),
        (b"null", "the body is null, not an object"),
        (b"false", "the body is a boolean, not an object"),
        (b"7", "the body is a number, not an object"),
        (b"7.5", "the body is a number, not an object"),
        (b'"text"', "the body is a string, not an object"),
        (b"[{}]", "the body is an array, not an object"),
        (b"[" + LARGE + b"]", "the body is an array, not an object"),
        (LARGE, "the body is a string, not an object"),
    ],
)
def test_a_body_is_one_object(body: bytes, detail: str) -> None:
    assert refusal(body).detail.startswith(detail)
    assert refusal(body).pointer == ""


def test_a_body_may_be_nested_64_deep_and_the_place_of_what_is_deeper_is_named() -> None:
    """The body itself is the first level."""
    for opening, closing in ((b"[", b"]"), (b'{"a~/":', b"}")):
        for body in both_sizes(nested(MAX_DEPTH - 1, opening, closing).replace(b":}", b":1}")):
            assert parse(body)
        for body in both_sizes(nested(MAX_DEPTH, opening, closing).replace(b":}", b":1}")):
            step = "/0" if opening == b"[" else "/a~0~1"
            assert refusal(body).pointer == "/a" + step * (MAX_DEPTH - 1)
    for body in both_sizes(b"[" + b"[]," * 200 + b"0]"):
        assert parse(body), "it is wide, not deep"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (b'["ok", {"b/c": "\\u0000"}]', "/a/1/b~1c"),
        (b'{"\\ud800": 1}', "/a"),
        (b'{"x": {"\\udfff": "\\u0000"}}', "/a/x"),
        (b'["\\u0001", "\\u0000"]', "/a/1"),
    ],
)
def test_the_place_of_what_cannot_be_stored_is_named(value: bytes, pointer: str) -> None:
    for body in both_sizes(value):
        assert refusal(body).pointer == pointer


def test_a_name_that_occurs_twice_is_shown_in_part_and_can_be_written() -> None:
    assert refusal(b'{"' + b"n" * 500 + b'": 1, "' + b"n" * 500 + b'": 2}').detail == (
        f"the member '{'n' * 64}' occurs twice in one object"
    )
    assert "the member '\ufffdx' occurs twice" in refusal(b'{"\\ud800x": 1, "\\ud800x": 2}').detail


def test_names_that_only_look_alike_are_two_names() -> None:
    for body in both_sizes(b'{"a": 1, "A": 2, "\\u00e9": 3, "e\\u0301": 4}'):
        assert parse(body)["a"] == {"a": 1, "A": 2, "é": 3, "e\u0301": 4}


@pytest.mark.parametrize(
    "given",
    [
        b"application/json", b"Application/JSON", b" application/json ", b"application/json;charset=utf-8",
        b'application/json; charset="UTF-8"', b"application/json;",
        b"application/json; charset=utf-8;",
    ],
)  # fmt: skip
def test_json_is_announced_as_json(given: bytes) -> None:
    check_media_type(given)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "no Content-Type"),
        (b"", "Content-Type ''"),
        (b"text/plain", "Content-Type 'text/plain'"),
        (b"application/x-www-form-urlencoded", "Content-Type 'application/x-www-form-urlencoded'"),
        (b"application/json; charset=latin-1", "Content-Type 'application/json; charset=latin-1'"),
        (b"application/json; charset=utf-16", "Content-Type 'application/json; charset=utf-16'"),
        (b"application/jsonp", "Content-Type 'application/jsonp'"),
        (b"xapplication/json", "Content-Type 'xapplication/json'"),
        (b"application/problem+json", "Content-Type 'application/problem+json'"),
        (b"x" * 200, f"Content-Type '{'x' * 80}'"),
        (b"\xe9", "Content-Type '\ufffd'"),
    ],
)
def test_a_body_that_is_not_announced_as_json_is_rejected(given: bytes | None, shown: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        check_media_type(given)
    (fault,) = caught.value.faults
    assert (fault.detail, fault.hint) == (
        f"the body was sent with {shown}", "Send JSON with the header Content-Type: application/json.",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["null", "7", '"text"', "[1, 2]", '{"a": 1}', " 1 "])
def test_a_member_may_be_any_value(text: str) -> None:
    meant: Json = json.loads(text)
    assert member(text) == meant


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("[" * 6000 + "]" * 6000, "the value is nested deeper than 64"),
        (nested(MAX_DEPTH + 1).decode(), "the body is nested deeper than 64"),
        ('"\\u0000"', "a string contains U+0000, which cannot be stored"),
        ('{"a": 1, "a": 2}', "the member 'a' occurs twice in one object"),
        ("1e400", "the number 1e400 is beyond a double"),
    ],
)
def test_a_member_is_read_under_the_rules_of_a_body(text: str, detail: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        member(text)
    assert caught.value.detail == detail
    assert member(nested(MAX_DEPTH).decode()) == json.loads(nested(MAX_DEPTH))


def test_a_large_body_in_its_usual_form_has_the_values_that_were_sent() -> None:
    """It is read by a faster parser; the values are those of the slower one."""
    sent: JsonObject = {"list": list(range(3000)), "text": "é: , " * 900, "n": [1.5, -7, 0.1, 1e16, None, True]}
    for written in (json.dumps(sent, ensure_ascii=False), json.dumps(sent, ensure_ascii=False, indent=1)):
        assert parse(written.encode()) == sent
