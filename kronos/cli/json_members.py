"""A JSON object read as it arrives: member by member, and lists item by item. Memory holds only one of them, however
long the text is."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from kronos.model import Json

Member: TypeAlias = tuple[str, Json | Iterator[Json]]
_DECODER = json.JSONDecoder()
_SPACE = " \t\n\r"
_OF_NUMBERS = "0123456789+-.eE"
_GROWS_BY = 1.5
_CUT = "the text is incomplete"
_MOST_OF_A_VALUE = 64 * 1024 * 1024
"""Characters. The values of a workspace file have a hundredth of that: a longer one is something else."""


class CutError(ValueError):
    """The text is not such an object, or is incomplete."""


class _Text:
    """Text that has arrived and was not read yet."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0

    def _more(self) -> bool:
        """Read one more piece, if there is one. Raises CutError."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        try:
            self._text = self._text[self._at :] + self._decoder.decode(piece)
        except UnicodeDecodeError:
            raise CutError("the text is not UTF-8") from None
        self._at = 0
        return True

    def take(self, wanted: str) -> str:
        """Return the next non-blank character, which must be one of `wanted`. Raises CutError."""
        found = self.peek()
        if found not in wanted:
            raise CutError(f"found {found!r}, expected one of {wanted!r}")
        self._at += 1
        return found

    def peek(self) -> str:
        """Return the next non-blank character without reading it. Raises CutError."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise CutError(_CUT)

    def value(self) -> Json:
        """Return the next value. Parsing is retried when the text has grown by half. Raises CutError."""
        self.peek()
        comes = True
        while comes:
            tried = len(self._text) - self._at
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
                # A character follows each value. If a number is cut off, even in its exponent, more digits follow.
                if end < len(self._text) and self._text[end] not in _OF_NUMBERS:
                    self._at = end
                    return found
            except json.JSONDecodeError:
                pass  # more text may arrive
            except (ValueError, RecursionError):  # endless digits, or deeply nested arrays
                raise CutError("a value is not one that Kronos writes") from None
            if tried > _MOST_OF_A_VALUE:
                raise CutError("a value has no end")
            while comes and len(self._text) - self._at < max(tried + 1, int(tried * _GROWS_BY)):
                comes = self._more()
            comes = comes or len(self._text) - self._at > tried
        raise CutError(_CUT)


def members(pieces: Iterable[bytes]) -> Iterator[Member]:
    """Yield each member's name and value. A list is an iterator over its items, to be consumed before the next member.
    Raises CutError."""
    text = _Text(pieces)
    text.take("{")
    if text.peek() == "}":
        return
    while True:
        name = text.value()
        if not isinstance(name, str):
            raise CutError("a member has no name")
        text.take(":")
        if text.peek() == "[":
            yield name, _items(text)
        else:
            yield name, text.value()
        if text.take(",}") == "}":
            return


def _items(text: _Text) -> Iterator[Json]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return
