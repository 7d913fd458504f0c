"""The only parser of request bodies: strict JSON that jsonb can store and that every parser reads the same way.

Rejected: anything outside RFC 8259 (NaN, Infinity, other encodings); what parsers disagree on (duplicate members,
integers beyond 64 bits, numbers beyond a double or so small that a double rounds them to zero); what PostgreSQL cannot
store (NUL, lone surrogates); nesting beyond 64; and anything but an object.
"""

import json
import re
from math import isinf
from typing import NoReturn

import orjson

from kronos import errors
from kronos.delivery.refused import pointer_to
from kronos.model import Json, JsonObject

MAX_DEPTH = 64
LISTED_DEPTH = MAX_DEPTH + 2
"""The depth of a body that lists documents: each may be as deep as it may be alone."""
_WRITTEN_DEPTH = 254  # orjson's limit when it serializes
_MIN_PLAIN_BYTES = 4096
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_MEDIA_TYPE = re.compile(rb'\s*application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*', re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_INT_CHARACTERS = 20  # "-9223372036854775808"
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def check_media_type(content_type: bytes | None) -> None:
    """Require a JSON Content-Type. Raises InvalidRequest."""
    if content_type is None or not _MEDIA_TYPE.fullmatch(content_type):
        given = (
            "no Content-Type"
            if content_type is None
            else f"Content-Type {content_type[:80].decode('ascii', 'replace')!r}"
        )
        _refuse(f"the body was sent with {given}", "Send JSON with the header Content-Type: application/json.")


def parse(body: bytes, deepest: int = MAX_DEPTH) -> JsonObject:
    """Return the object in the body. Raises InvalidRequest with the position and a hint."""
    if len(body) > _MIN_PLAIN_BYTES and isinstance(plain := _plain(body, deepest), dict):
        return plain
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}", "Encode the body as UTF-8.")
    try:
        value = strict(text)
    except json.JSONDecodeError as error:
        _refuse(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}", "Send one JSON object."
        )
    except RecursionError:
        _refuse(f"the body is nested deeper than {deepest}", "Flatten it.")
    if not isinstance(value, dict):
        _refuse(f"the body is {_kind(value)}, not an object", "Send one JSON object: {…}.")
    # Most bodies contain no \u escape and few brackets. Then no string can contain NUL or a surrogate, and the
    # nesting cannot be too deep.
    if b"\\u" in body or body.count(b"{") + body.count(b"[") > deepest:
        _check(value, "", 1, deepest)
    return value


def _plain(body: bytes, deepest: int) -> Json:
    """Parse a body in its usual spelling, in a third of the time; None for any other.

    The value is serialized again and compared. If both texts are equal but for spaces after , and :, nothing was
    dropped (a duplicate member), rounded or spelled differently. Bodies with a \\u escape or a possible integer beyond
    64 bits are left to the strict parser.
    """
    if b"\\u" in body or _LONG_NUMBER.search(body):
        return None
    try:
        value: Json = orjson.loads(body)
        if _without_blanks(orjson.dumps(value)) != _without_blanks(body):
            return None
        orjson.dumps(_wrapped(value, deepest))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value


def _without_blanks(text: bytes) -> bytes:
    return text.replace(b", ", b",").replace(b": ", b":")


def _wrapped(value: Json, deepest: int) -> Json:
    """Nest the value so deeply that anything beyond `deepest` cannot be serialized."""
    for _ in range(_WRITTEN_DEPTH - deepest):
        value = [value]
    return value


def strict(text: str) -> Json:
    """Parse `text` without checking its depth and its strings.

    Raises InvalidRequest, JSONDecodeError and, for nesting beyond Python's limit, RecursionError.
    """
    value: Json = _DECODER.decode(text)
    return value


def member(text: str) -> Json:
    """Parse `text` under the same rules as a body. Raises InvalidRequest, JSONDecodeError."""
    try:
        value = strict(text)
    except RecursionError:
        _refuse(f"the value is nested deeper than {MAX_DEPTH}", "Flatten it.")
    _check(value, "", 1, MAX_DEPTH)
    return value


def _check(value: Json, pointer: str, depth: int, deepest: int) -> None:
    if isinstance(value, str):
        _check_text(value, pointer)
    elif isinstance(value, dict | list):
        if depth > deepest:
            _refuse(f"the body is nested deeper than {deepest}", "Flatten it.", pointer)
        if isinstance(value, dict):
            for key, member in value.items():
                _check_text(key, pointer)
                _check(member, pointer + pointer_to(key), depth + 1, deepest)
        else:
            for at, item in enumerate(value):
                _check(item, f"{pointer}/{at}", depth + 1, deepest)


def _check_text(text: str, pointer: str) -> None:
    if found := _UNSTORABLE.search(text):
        hint = "Remove it." if found[0] == "\0" else "Write both halves of the surrogate pair, or the character itself."
        _refuse(f"a string contains U+{ord(found[0]):04X}, which cannot be stored", hint, pointer)


def _members(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                _refuse(f"the member {_shown(name)} occurs twice in one object", "Keep one of them.")
            seen.add(name)
    return members


def _integer(text: str) -> int:
    if len(text) > _MAX_INT_CHARACTERS or not _INT_MIN <= (number := int(text)) <= _INT_MAX:
        _refuse(f"the integer {text[:24]} is beyond 64 bits", "Write a smaller number, or a string.")
    return number


def _float(text: str) -> float:
    number = float(text)
    if isinf(number):
        _refuse(f"the number {text[:24]} is beyond a double", "Write a smaller number, or a string.")
    if number == 0 and text.lower().partition("e")[0].strip("-0."):
        _refuse(f"the number {text[:24]} is too small for a double, which rounds it to 0", "Write 0, or a string.")
    return number


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON", "Write null, a number or a string.")


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case _:
            return "an array"


def _shown(name: str) -> str:
    return repr(_UNSTORABLE.sub("\ufffd", name[:64]))


def _refuse(detail: str, hint: str, pointer: str = "") -> NoReturn:
    raise errors.InvalidRequest.of(detail, hint, _UNSTORABLE.sub("\ufffd", pointer)) from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
