"""A JSON object read as it comes: its members one by one, and of those that are lists their items, so that memory holds
one of them, however long the text is."""

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
_CUT = "the text ends before its end"
_MOST_OF_A_VALUE = 64 * 1024 * 1024
"""Characters. What a file of a workspace holds is a hundredth of it: this is no such text."""


class CutError(ValueError):
    """The text is no such object, or ends before its end."""


class _Text:
    """What has come and was not read yet."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0

    def _more(self) -> bool:
        """One more piece, where one comes. Raises CutError."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        try:
            self._text = self._text[self._at :] + self._decoder.decode(piece)
        except UnicodeDecodeError:
            raise CutError("the text is no UTF-8") from None
        self._at = 0
        return True

    def take(self, wanted: str) -> str:
        """The next character that is no space, which is one of these. Raises CutError."""
        found = self.peek()
        if found not in wanted:
            raise CutError(f"{found!r} stands where one of {wanted!r} is expected")
        self._at += 1
        return found

    def peek(self) -> str:
        """The next character that is no space, which is not read yet. Raises CutError."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise CutError(_CUT)

    def value(self) -> Json:
        """The next value. It is tried again once there is half as much more of it. Raises CutError."""
        self.peek()
        comes = True
        while comes:
            tried = len(self._text) - self._at
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
                # Something follows each value; where a number is cut, at its exponent too, more of it does.
                if end < len(self._text) and self._text[end] not in _OF_NUMBERS:
                    self._at = end
                    return found
            except json.JSONDecodeError:
                pass  # more of it may come
            except (ValueError, RecursionError):  # digits without end, or arrays in arrays
                raise CutError("a value is none that Kronos writes") from None
            if tried > _MOST_OF_A_VALUE:
                raise CutError("a value has no end")
            while comes and len(self._text) - self._at < max(tried + 1, int(tried * _GROWS_BY)):
                comes = self._more()
            comes = comes or len(self._text) - self._at > tried
        raise CutError(_CUT)


def members(pieces: Iterable[bytes]) -> Iterator[Member]:
    """Each member's name and value; of a list an iterator over its items, to be read before the next member is asked
    for. Raises CutError."""
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
