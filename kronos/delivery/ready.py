"""The templates of one version of an HTTP endpoint, made ready: literals as they are sent, and the places of values
between them.

They fill what is usual: printable headers, segments of a URL that are no path steps, all that JSON can say. Of anything
else they say None: kronos.delivery.template renders it, and judges, and names the fault. Where they fill, the result is
the same, byte by byte (tests/unit/test_ready.py).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

import orjson

from kronos.delivery.egress import MAX_URL_CHARACTERS, Destination
from kronos.delivery.envelope import METHODS, Envelope, Form, origin_of
from kronos.delivery.headers import MAX_HEADER_BYTES
from kronos.delivery.outcome import stored_url
from kronos.delivery.refused import Refused
from kronos.delivery.template import MAX_RENDERED_BYTES, check, check_header_templates
from kronos.delivery.template_text import Name, parse
from kronos.model import Json

Context = Mapping[str, Json]
_LEAD = re.compile(r"[^:/?#]+://[^/?#]+(?=[/?])")
# An escape that a value would go on with: %2{{input.v}}.
_OPEN_ESCAPE = re.compile(r"%.?\Z", re.DOTALL)
# As a part of a segment: needs no escape, and makes it neither . nor .., whatever stands around it.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_NO_STEP = re.compile(r"[^./\\;%][^/\\;]*")
_NOTHING = object()


class _Unusual(Exception):
    """What template.py is to render."""


class Slot:
    """The place of a value. `is_text`: it stands in a text; `depth`: in so many arrays and objects."""

    __slots__ = ("_default", "_path", "depth", "is_text")

    def __init__(self, name: Name, *, is_text: bool = True, depth: int = 0) -> None:
        self._path = ("scheduled_local",) if name.is_local else name.parts
        self._default: Json = _NOTHING if name.default is None else json.loads(name.default)
        self.is_text = is_text
        self.depth = depth

    def value(self, context: Context) -> Json:
        """What stands for it. Raises _Unusual."""
        value: Json = context
        for part in self._path:
            if type(value) is not dict or part not in value:  # a list's element, or nothing
                raise _Unusual
            value = value[part]
        return self._default if value is None and self._default is not _NOTHING else value

    def text(self, context: Context) -> str:
        """The same inside a text. Raises _Unusual, TypeError."""
        value = self.value(context)
        return value if type(value) is str else orjson.dumps(value).decode()

    def json(self, context: Context) -> tuple[bytes, int]:
        """The same inside a body, and how much of the rendering's bound it takes. Raises _Unusual, TypeError."""
        value = self.value(context)
        if type(value) is str:
            made = orjson.dumps(value)
            return (made[1:-1] if self.is_text else made), len(made)
        if self.is_text:
            made = orjson.dumps(value)
            return orjson.dumps(made.decode())[1:-1], len(made)
        for _ in range(self.depth if type(value) in (dict, list) else 0):  # as deep as it will stand
            value = [value]
        made = orjson.dumps(value)
        made = made[self.depth : -self.depth] if type(value) is list and self.depth else made
        return made, len(made)


class ReadyBody:
    """A body template that can be filled. Raises Refused, TypeError where it cannot."""

    __slots__ = ("_pieces",)

    def __init__(self, template: Json) -> None:
        check(template)
        self._pieces: list[bytes | Slot] = []
        for piece in _json_pieces(template, 0):
            if isinstance(piece, bytes) and self._pieces and isinstance(last := self._pieces[-1], bytes):
                self._pieces[-1] = last + piece
            else:
                self._pieces.append(piece)

    def fill(self, context: Context) -> bytes | None:
        """The bytes to send; None: template.py says what they are."""
        left = MAX_RENDERED_BYTES
        filled: list[bytes] = []
        try:
            for piece in self._pieces:
                if isinstance(piece, bytes):
                    filled.append(piece)
                else:
                    made, size = piece.json(context)
                    left -= size
                    filled.append(made)
        except (_Unusual, TypeError):  # orjson's errors are TypeErrors
            return None
        return b"".join(filled) if left >= 0 else None


class ReadyHead:
    """A URL and headers with templates that can be filled. Raises Refused where they cannot."""

    __slots__ = ("_form", "_headers", "_host", "_lead", "_origin", "_target", "_url_has_query")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], judge: Callable[[str], Destination]) -> None:
        """`judge` says where a URL leads; raises Refused."""
        check_header_templates(headers)
        pieces = parse(url)
        lead = _LEAD.match(pieces[0]) if isinstance(pieces[0], str) else None
        has_open_escape = any(isinstance(piece, str) and _OPEN_ESCAPE.search(piece) for piece in pieces)
        if lead is None or has_open_escape or method not in METHODS or not url.isascii():
            raise Refused("template", "values of this URL are judged one by one")
        destination = judge("".join(piece if isinstance(piece, str) else "x" for piece in pieces))
        self._lead = lead[0]
        self._target = [piece if isinstance(piece, str) else Slot(piece) for piece in pieces]
        self._target[0] = str(pieces[0]).removeprefix(self._lead)
        self._url_has_query = any(isinstance(piece, str) and "?" in piece for piece in pieces)
        self._origin = origin_of(destination)
        self._host = f" HTTP/1.1\r\nHost: {destination.authority}\r\n"
        self._form = Form(method, headers)
        self._headers = [
            (f"{name}: ", [piece if isinstance(piece, str) else Slot(piece) for piece in parse(value)])
            for name, value in headers.items()
        ]

    def fill(self, context: Context) -> Envelope | None:
        """The envelope of one delivery; None: template.py says what it is."""
        try:
            target = "".join(
                [piece if isinstance(piece, str) else _segment(piece.text(context)) for piece in self._target]
            )
            lines = "".join([_line(name, pieces, context) for name, pieces in self._headers])
        except (_Unusual, TypeError):  # orjson's errors are TypeErrors
            return None
        url = self._lead + target
        if len(url) > MAX_URL_CHARACTERS or len(lines) > MAX_HEADER_BYTES:
            return None
        return Envelope(
            self._form,
            self._origin,
            f"{self._form.method} {target if target[0] == '/' else '/' + target}{self._host}{lines}",
            stored_url(url) if self._url_has_query else orjson.dumps(url).decode(),
        )


def _segment(text: str) -> str:
    """A value in a URL's path or query. Raises _Unusual."""
    if _PLAIN.fullmatch(text):
        return text
    if _NO_STEP.fullmatch(text):
        return quote(text, safe="", errors="replace")
    raise _Unusual


def _line(name: str, pieces: list[str | Slot], context: Context) -> str:
    """A header's. Raises _Unusual, TypeError."""
    value = "".join([piece if isinstance(piece, str) else piece.text(context) for piece in pieces]).strip()
    if not (value.isascii() and value.isprintable()):
        raise _Unusual
    return f"{name}{value}\r\n"


def _json_pieces(template: Json, depth: int) -> Iterator[bytes | Slot]:
    """A body's, from left to right. Raises TypeError where orjson cannot write a literal."""
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
