"""Parse a template's text into literals and {{names}} with their filters. \\{{ is a literal {{."""

import json
import math
import re
from functools import lru_cache

from kronos.delivery.refused import Refused
from kronos.records import dataclass

_FREE_ROOTS = ("input", "config", "secret")
_MEMBERS = {"job": ("id", "name"), "execution": ("id", "attempt", "cause"), "scheduled_at": ()}
ROOTS = (*_FREE_ROOTS, *_MEMBERS)
FACTS = frozenset({("job", "name"), ("execution", "cause")})
"""Values that a claim does not carry. A worker reads them for deliveries whose templates name them, and so it does the
tick's local time."""
_MAX_CACHED_CHARACTERS = 256
_MARK = re.compile(r"(\\?)\{\{")
_PATH = re.compile(r"\s*([^\s.{}|]+(?:\.[^\s.{}|]+)*)\s*")
_FILTER = re.compile(r"\|\s*([a-z]+)\s*(?::\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s|\"']+)\s*)?")


class TemplateError(Refused):
    """A template that is malformed, or names a missing value; `pointer` is its place."""

    def __init__(self, message: str, *, hint: str = "", pointer: str = "") -> None:
        super().__init__("template", message, hint=hint, pointer=pointer)


@dataclass(frozen=True, slots=True)
class Name:
    """One {{name}} of a template, with its filters."""

    parts: tuple[str, ...]
    is_local: bool = False
    default: str | None = None
    """The default as JSON. None: there is no default, and a delivery without the value fails."""

    def __str__(self) -> str:
        return ".".join(self.parts)

    @property
    def root(self) -> str:
        """The name's root: one of ROOTS."""
        return self.parts[0]

    @property
    def rest(self) -> str:
        """The path below the root; for a secret, its name."""
        return ".".join(self.parts[1:])

    @property
    def is_fact(self) -> bool:
        """Whether a worker must read the value from the database."""
        return self.is_local or self.parts in FACTS


Piece = str | Name


def parse_at(text: str, pointer: str) -> tuple[Piece, ...]:
    """Like `parse`, for a text at this place, which its error contains. Raises TemplateError."""
    if "{{" not in text:
        return (text,)
    try:
        return parse(text)
    except TemplateError as error:
        raise TemplateError(error.message, hint=error.hint, pointer=pointer) from None


def parse(text: str) -> tuple[Piece, ...]:
    """Parse a text into literals and names, without adjacent literals. Raises TemplateError.

    Long texts are parsed again each time. The cache holds the texts used most, and at most a few megabytes.
    """
    return _parsed_before(text) if len(text) <= _MAX_CACHED_CHARACTERS else _parsed(text)


@lru_cache(maxsize=1024)
def _parsed_before(text: str) -> tuple[Piece, ...]:
    return _parsed(text)


def _parsed(text: str) -> tuple[Piece, ...]:
    """Parse a text into literals and names, without adjacent literals, in linear time. Raises TemplateError."""
    pieces: list[Piece] = []
    literal: list[str] = []
    at = 0
    while mark := _MARK.search(text, at):
        literal.append(text[at : mark.start()])
        if mark[1]:
            literal.append("{{")
            at = mark.end()
            continue
        end = text.find("}}", mark.end())
        if end < 0:
            hint = "Close it, or write \\{{ for the two characters themselves."
            raise TemplateError(f"{{{{ at position {mark.start()} is not closed by }}}}", hint=hint)
        if before := "".join(literal):
            pieces.append(before)
        pieces.append(_name(text[mark.end() : end]))
        literal, at = [], end + 2
    literal.append(text[at:])
    if (last := "".join(literal)) or not pieces:
        pieces.append(last)
    return tuple(pieces)


def _name(inside: str) -> Name:
    shown = f"{{{{{inside[:64]}}}}}"
    if not (found := _PATH.match(inside)):
        hint = "A template is a path such as {{input.report.id}} or {{input.items.0}}."
        raise TemplateError(f"{shown} is not a path", hint=hint)
    parts = tuple(found[1].split("."))
    if parts[0] not in ROOTS:
        hint = f"Names start with {', '.join(ROOTS[:-1])} or {ROOTS[-1]}."
        raise TemplateError(f"{{{{{found[1][:64]}}}}}: {parts[0][:64]} is not known", hint=hint)
    if parts[0] == "secret" and len(parts) != 2:
        hint = "Write {{secret.NAME}}: a secret is a string without members."
        raise TemplateError(f"{shown} names no secret", hint=hint)
    _check_members(parts, shown)
    is_local, default, at = False, None, found.end()
    while at < len(inside):
        if not (filtered := _FILTER.match(inside, at)):
            hint = 'A path may be followed by | default: "text", and scheduled_at by | local; a default contains no }}.'
            raise TemplateError(f"{shown} is not a path with a valid filter", hint=hint)
        match filtered[1], filtered[2]:
            case "local", None if parts == ("scheduled_at",) and not is_local:
                is_local = True
            case "default", str() as literal if default is None:
                default = _literal(literal, shown)
            case other, _:
                hint = 'Use | default: "text" once, and | local only after scheduled_at.'
                raise TemplateError(f"{shown}: the filter {other} is not allowed here", hint=hint)
        at = filtered.end()
    return Name(parts, is_local, default)


def _check_members(parts: tuple[str, ...], shown: str) -> None:
    root, rest = parts[0], parts[1:]
    if root == "secret" and not rest:
        raise TemplateError(f"{shown} names no secret", hint="Write its name: {{secret.api-key}}.")
    if (members := _MEMBERS.get(root)) is None or ".".join(rest) in members:
        return
    if members or rest:
        known = " and ".join(f"{root}.{member}" for member in members) or root
        raise TemplateError(f"{shown}: there is no such value", hint=f"Use {known}.")


def _literal(text: str, shown: str) -> str:
    """Return the JSON of a default, which may be in single quotes. Raises TemplateError."""
    if text[0] == "'":
        return json.dumps(text[1:-1])
    try:
        value = json.loads(text, parse_constant=lambda _: {})
    except ValueError:
        value = {}
    if isinstance(value, dict | list) or (isinstance(value, float) and not math.isfinite(value)):  # as 1e999 is
        hint = "Write a quoted string, a number, true, false or null."
        raise TemplateError(f"{shown}: {text[:64]} is not a valid default", hint=hint)
    return text
