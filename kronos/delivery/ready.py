"""Precompiled templates of an HTTP endpoint's version: encoded literals, with slots for values between them.

Config values are the same for all deliveries of a version and become literals. Every other value is looked up once,
however often it occurs.

They handle the usual cases: printable headers, URL segments that are not path steps, and any JSON. In all other cases
they return None, and kronos.delivery.template renders, checks and reports faults. The results are identical byte for
byte (tests/unit/test_ready.py).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from urllib.parse import quote

import orjson

from kronos.delivery.egress import MAX_URL_CHARACTERS, Destination
from kronos.delivery.envelope import METHODS, Envelope, Form, origin_of
from kronos.delivery.headers import MAX_HEADER_BYTES
from kronos.delivery.outcome import stored_url
from kronos.delivery.refused import Refused
from kronos.delivery.template import MAX_RENDERED_BYTES, check, check_header_templates
from kronos.delivery.template_text import Name, Piece, parse
from kronos.model import Json

Context = Mapping[str, Json]
_LEAD = re.compile(r"[^:/?#]+://[^/?#]+(?=[/?])")
# An incomplete escape that a value would continue: %2{{input.v}}.
_OPEN_ESCAPE = re.compile(r"%.?\Z", re.DOTALL)
# A value that needs no escaping in a segment, and cannot make it . or .., whatever surrounds it.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_NO_STEP = re.compile(r"[^./\\;%][^/\\;]*")
_NOTHING = object()
_Parts = int | Sequence[str | int]
"""A header's value: its literals, and the indexes of values; a single value is its index alone."""


class _Unusual(Exception):
    """A case that template.py must render."""


class Slot:
    """The place of a value. `is_text`: it is inside a string; `depth`: the number of enclosing arrays and objects."""

    __slots__ = ("depth", "is_text", "name")

    def __init__(self, name: Name, *, is_text: bool = True, depth: int = 0) -> None:
        self.name = name
        self.is_text = is_text
        self.depth = depth

    def json(self, value: Json) -> bytes:
        """Return the value's bytes inside a body. Raises TypeError."""
        if type(value) is str:
            return orjson.dumps(value)[1:-1] if self.is_text else orjson.dumps(value)
        if self.is_text:
            return orjson.dumps(orjson.dumps(value).decode())[1:-1]
        if not self.depth or type(value) not in (dict, list):
            return orjson.dumps(value)
        for _ in range(self.depth):  # as deep as in the body
            value = [value]
        return orjson.dumps(value)[self.depth : -self.depth]


class Values:
    """The values of names, each looked up once."""

    __slots__ = ("_members", "_others", "_places")

    def __init__(self, names: Iterable[Name]) -> None:
        roots: dict[str, list[Name]] = {}
        others: list[Name] = []
        for name in dict.fromkeys(names):
            is_member = len(name.parts) == 2 and name.default is None and not name.is_local
            (roots.setdefault(name.root, []) if is_member else others).append(name)
        # All members of a root in one call: for three members, a third of the time.
        self._members = [(root, _getter([name.parts[1] for name in of])) for root, of in roots.items()]
        self._others = [_Path(name) for name in others]
        ordered = [name for of in roots.values() for name in of] + others
        self._places = {name: place for place, name in enumerate(ordered)}

    def place(self, name: Name) -> int:
        """Return the index of the name's value in the result of `of`."""
        return self._places[name]

    def of(self, context: Context) -> list[Json]:
        """Return the values of all names. Raises _Unusual, KeyError."""
        found: list[Json] = []
        for root, getter in self._members:
            if type(members := context[root]) is not dict:
                raise _Unusual
            found += getter(members)
        for path in self._others:
            found.append(path.value(context))
        return found


class _Path:
    """The path to a value that is not a direct member of a root."""

    __slots__ = ("_default", "_parts")

    def __init__(self, name: Name) -> None:
        self._parts = ("scheduled_local",) if name.is_local else name.parts
        self._default: Json = _NOTHING if name.default is None else json.loads(name.default)

    def value(self, context: Context) -> Json:
        """Return the value at the path. Raises _Unusual."""
        value: Json = context
        for part in self._parts:
            if type(value) is not dict or part not in value:  # a list's element, or absent
                raise _Unusual
            value = value[part]
        return self._default if value is None and self._default is not _NOTHING else value


class ReadyBody:
    """A precompiled body template. Raises Refused, TypeError if it cannot be precompiled."""

    __slots__ = ("_most", "_pieces", "_slots", "_values")

    def __init__(self, template: Json, config: Json = None) -> None:
        """`config`: the values for {{config.…}}."""
        check(template)
        pieces = list(_json_pieces(template, 0))
        # The values have at most as many bytes as the whole body, plus two for each string's quotes.
        self._most = MAX_RENDERED_BYTES - 2 * sum(isinstance(piece, Slot) for piece in pieces)
        written = [piece if isinstance(piece, bytes) else _json_constant(piece, config) for piece in pieces]
        self._values = Values(piece.name for piece in written if isinstance(piece, Slot))
        self._pieces: list[bytes] = []
        self._slots: list[tuple[int, int, Slot]] = []
        for is_literal, run in groupby(written, lambda piece: isinstance(piece, bytes)):
            if is_literal:
                self._pieces.append(b"".join(piece for piece in run if isinstance(piece, bytes)))
                continue
            for slot in run:
                if isinstance(slot, Slot):
                    self._slots.append((len(self._pieces), self._values.place(slot.name), slot))
                    self._pieces.append(b"")

    def fill(self, context: Context) -> bytes | None:
        """Return the bytes to send; None: template.py must render them."""
        try:
            values = self._values.of(context)
            filled = self._pieces.copy()
            for at, place, slot in self._slots:
                filled[at] = slot.json(values[place])
        except (_Unusual, KeyError, TypeError):  # orjson's errors are TypeErrors
            return None
        body = b"".join(filled)
        return body if len(body) <= self._most else None


class ReadyHead:
    """A precompiled URL and headers. Raises Refused if they cannot be precompiled."""

    __slots__ = (
        *("_begin", "_form", "_host", "_is_stored", "_lead", "_line_slots", "_lines", "_origin", "_slots", "_target"),
        "_values",
    )

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        judge: Callable[[str], Destination],
        config: Json = None,
    ) -> None:
        """`judge` returns a URL's destination; raises Refused. `config`: the values for {{config.…}}."""
        check_header_templates(headers)
        pieces = parse(url)
        lead = _LEAD.match(pieces[0]) if isinstance(pieces[0], str) else None
        has_open_escape = any(isinstance(piece, str) and _OPEN_ESCAPE.search(piece) for piece in pieces)
        if lead is None or has_open_escape or method not in METHODS or not url.isascii():
            raise Refused("template", "this URL must be checked for each delivery")
        destination = judge("".join(piece if isinstance(piece, str) else "x" for piece in pieces))
        self._lead = lead[0]
        literals = "".join(piece for piece in pieces if isinstance(piece, str))
        # A URL without a query, whose literals need no JSON escaping, is stored unchanged: its values are escaped.
        self._is_stored = "?" not in literals and orjson.dumps(literals) == f'"{literals}"'.encode()
        self._origin = origin_of(destination)
        self._form = Form(method, headers)
        self._host = f" HTTP/1.1\r\nHost: {destination.authority}\r\n"
        target = _with_constants(pieces, config, _segment)
        lines = {name: _with_constants(parse(value), config, _text) for name, value in headers.items()}
        self._values = values = Values(
            piece for parts in (target, *lines.values()) for piece in parts if isinstance(piece, Name)
        )
        self._target = ["" if isinstance(piece, Name) else piece for piece in target]
        self._target[0] = self._target[0].removeprefix(self._lead)
        self._begin = f"{method} " if self._target[0][0] == "/" else f"{method} /"
        self._slots = [(at, values.place(piece)) for at, piece in enumerate(target) if isinstance(piece, Name)]
        self._lines, self._line_slots = _lines(lines, values)

    def fill(self, context: Context) -> Envelope | None:
        """Return the envelope of one delivery; None: template.py must render it."""
        try:
            values = self._values.of(context)
            segments = self._target.copy()
            for at, place in self._slots:
                segments[at] = _segment(values[place])
            filled = self._lines.copy()
            for at, parts in self._line_slots:
                filled[at] = _header(parts, values)
        except (_Unusual, KeyError, TypeError):  # orjson's errors are TypeErrors
            return None
        target, lines = "".join(segments), "".join(filled)
        url = self._lead + target
        if len(url) > MAX_URL_CHARACTERS or len(lines) > MAX_HEADER_BYTES:
            return None
        return Envelope(
            self._form,
            self._origin,
            f"{self._begin}{target}{self._host}{lines}",
            f'"{url}"' if self._is_stored else stored_url(url),
        )


def _getter(members: Sequence[str]) -> Callable[[dict[str, Json]], Sequence[Json]]:
    """Return a function that returns these members of an object, and raises KeyError if one is missing."""
    if len(members) > 1:
        return itemgetter(*members)
    (only,) = members
    return lambda found: (found[only],)


def _constant(name: Name, config: Json) -> Json:
    """Return a value of the config. Raises _Unusual if the name is not the config's, or the value does not exist."""
    if name.root != "config":
        raise _Unusual
    return _Path(name).value({"config": config})


def _json_constant(slot: Slot, config: Json) -> bytes | Slot:
    """Return a config value as a literal, or the slot itself if it is not one."""
    try:
        return slot.json(_constant(slot.name, config))
    except (_Unusual, TypeError):
        return slot


def _with_constants(pieces: Iterable[Piece], config: Json, write: Callable[[Json], str]) -> list[Piece]:
    """Return the pieces with config values as literals."""
    written: list[Piece] = []
    for piece in pieces:
        try:
            written.append(piece if isinstance(piece, str) else write(_constant(piece, config)))
        except (_Unusual, TypeError):
            written.append(piece)
    return written


def _text(value: Json) -> str:
    """Return a value as text. Raises TypeError."""
    return value if type(value) is str else orjson.dumps(value).decode()


def _segment(value: Json) -> str:
    """Return a value for a URL's path or query. Raises _Unusual, TypeError."""
    text = _text(value)
    if type(value) is int or _PLAIN.fullmatch(text):
        return text
    if _NO_STEP.fullmatch(text):
        return quote(text, safe="", errors="replace")
    raise _Unusual


def _lines(headers: Mapping[str, Sequence[Piece]], values: Values) -> tuple[list[str], list[tuple[int, _Parts]]]:
    """Return the lines of headers, with an empty piece for each value that differs between deliveries; and, by the
    index of each such piece, its parts. Raises Refused if a literal is not printable ASCII."""
    pieces, slots = [""], list[tuple[int, _Parts]]()
    for name, written in headers.items():
        parts = [values.place(piece) if isinstance(piece, Name) else piece for piece in written]
        if any(isinstance(part, str) and not (part.isascii() and part.isprintable()) for part in parts):
            raise Refused("template", f"the header {name} must be checked for each delivery")
        pieces[-1] += f"{name}: "
        if any(isinstance(part, int) for part in parts):
            slots.append((len(pieces), parts[0] if len(parts) == 1 else parts))
            pieces += ("", "\r\n")
        else:
            pieces[-1] += f"{_header(parts, ())}\r\n"
    return pieces, slots


def _header(parts: _Parts, values: Sequence[Json]) -> str:
    """Return a header's value. Raises _Unusual, TypeError."""
    if isinstance(parts, int):
        found = values[parts]
        text = found if type(found) is str else orjson.dumps(found).decode()
    else:
        text = "".join([_text(values[part]) if isinstance(part, int) else part for part in parts])
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text
    raise _Unusual


def _json_pieces(template: Json, depth: int) -> Iterator[bytes | Slot]:
    """Yield a body's pieces from left to right. Raises TypeError if orjson cannot encode a literal."""
    if isinstance(template, dict):
        mark = b"{"
        for name, item in template.items():
            yield mark + orjson.dumps(name) + b":"
            yield from _json_pieces(item, depth + 1)
            mark = b","
        yield b"}" if template else b"{}"
    elif isinstance(template, list):
        mark = b"["
        for item in template:
            yield mark
            yield from _json_pieces(item, depth + 1)
            mark = b","
        yield b"]" if template else b"[]"
    elif isinstance(template, str) and "{{" in template:
        yield from _text_pieces(template, depth)
    else:
        yield orjson.dumps(template)


def _text_pieces(template: str, depth: int) -> Iterator[bytes | Slot]:
    match parse(template):
        case (Name() as name,):
            yield Slot(name, is_text=False, depth=depth)
        case pieces:
            yield b'"'
            for piece in pieces:
                yield orjson.dumps(piece)[1:-1] if isinstance(piece, str) else Slot(piece)
            yield b'"'
