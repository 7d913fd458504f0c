"""Secrets' values kept out of what is stored of a delivery: in whichever form a receiver may give them back."""

import base64
import html
import json
import string
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote, quote_plus

import orjson

from kronos.delivery.outcome import MAX_STORED_BODY_BYTES, Outcome
from kronos.delivery.sanitise import json_bytes
from kronos.model import Json

MASKED = "***"
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SHORTEST = 4
"""Characters: a shorter piece of a value, which a cut may leave at a text's end, is left there."""
_LONGEST = MAX_STORED_BODY_BYTES
"""Characters of a value that are looked for: no text that is stored has more."""
_AFTER_URL, _BODY_BYTES = '","headers":["', '"],"body_bytes":'
_SHORTEST_CODED = 6
"""The same of a form in base64: shorter ones stand in other words."""


class Mask:
    """What hides these values in texts: as they are, percent-encoded, in base64, in hex, as JSON and HTML do."""

    __slots__ = ("_begins", "_clean", "_forms")

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form.translate(_SMALL) for value in values for form in _forms(value)}
        self._forms = [form for form in forms if len(form) >= _SHORTEST]
        # As JSON writes them: where none of these stands in a document, none of the values does, whole or cut off.
        self._begins = tuple({orjson.dumps(form[:_SHORTEST])[1:-1].decode().casefold() for form in self._forms})

        # The last documents in which none of these stood: a request, its parts, an answer.
        self._clean: tuple[str, str, str, str] = "", "", "", ""

    @property
    def size(self) -> int:
        """The characters that are looked for, of all forms together."""
        return sum(map(len, self._forms))

    def text(self, text: str) -> str:
        """The text with *** for each value, and for the beginning of one that was cut off at the text's end."""
        small = text.translate(_SMALL)  # in hex and percent-encoded capitals and small letters are the same
        spans = [span for form in self._forms for span in _places(small, form)]
        if not spans:
            return text
        pieces: list[str] = []
        end = 0
        for first, last in sorted(spans):  # values may hold one another, or overlap
            if first > end or not pieces:
                pieces += (text[end:first], MASKED)
            end = max(end, last)
        return "".join([*pieces, text[end:]])

    def outcome(self, outcome: Outcome) -> Outcome:
        """The outcome with all its texts masked."""
        request, response = outcome.request, outcome.response
        # A success, mostly with nothing to hide.
        if (
            outcome.error is None
            and request is not None
            and response is not None
            and self._are_clean(request, response)
        ):
            return outcome
        request, response = self._document(request), self._document(response)
        error = self._json(outcome.error)
        if request is outcome.request and response is outcome.response and error == outcome.error:
            return outcome
        return replace(outcome, request=request, response=response, error=error)

    def _are_clean(self, request: str, response: str) -> bool:
        """One look at both, or at what differs from the last ones: requests to one URL and most answers are the same,
        and where a URL is another the rest of the request mostly is. No beginning has a line's end in it."""
        last, head, names, last_response = self._clean
        differs = ""
        if request != last:
            new_head, new_names = _parts(request)
            if new_names != names or not names:
                differs = request
            elif new_head != head:
                differs = new_head
            head, names = new_head, new_names
        if response != last_response:
            differs = f"{differs}\n{response}" if differs else response
        if differs and self._may_stand_in(differs):
            return False
        self._clean = request, head, names, response
        return True

    def _document(self, document: str | None) -> str | None:
        """JSON as text, masked where it holds texts: not as it is written, where a value may look like its syntax."""
        if document is None:
            return None
        # Most documents hold none: 3 us to see that, and 70 to read them and write them again.
        if not self._may_stand_in(document):
            return document
        return json_bytes(self._json(orjson.loads(document))).decode()

    def _may_stand_in(self, documents: str) -> bool:
        folded = documents.casefold()
        for begin in self._begins:  # noqa: SIM110 - any() takes half as long again
            if begin in folded:
                return True
        return False

    def _json(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._json(item) for item in value]
        if isinstance(value, dict):  # its names are ours
            return {name: self._json(item) for name, item in value.items()}
        return value


def _parts(request: str) -> tuple[str, str]:
    """A request up to the end of its URL, and the names of its headers, as outcome.described writes it: what follows
    them is a number, in which nothing is hidden. No text within JSON has its quotes unescaped, so none holds what parts
    them, and no value stands on both sides. All of it and nothing, where it is not of that form."""
    at, end = request.find(_AFTER_URL), request.rfind(_BODY_BYTES)
    if at < 0 or end < at or not request[end + len(_BODY_BYTES) : -1].isdecimal():
        return request, ""
    return request[:at], request[at:end]


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Where a form stands in a text, and where the text's end is its beginning. str.find takes linear time, which a
    regular expression does not: a value of 60,000 times the same letter took it seconds."""
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)
    begin = form[:_SHORTEST]
    at = text.find(begin, max(0, len(text) - len(form) + 1))
    while at >= 0:
        if form.startswith(text[at:]):
            yield at, len(text)
            return
        at = text.find(begin, at + 1)


def _forms(value: str) -> Iterable[str]:
    """A value as it may stand in an answer: itself, or as JSON has it (twice, where a body was given back in a JSON
    text), and each of these in the encodings of the web."""
    value = value[:_LONGEST]
    written = {value, value.strip(), value.lower(), value.upper()}
    escaped = {escape(value) for escape in (_in_ascii, _in_utf8)}
    slashed = {text.replace("/", "\\/") for text in escaped}
    twice = {escape(text) for text in escaped for escape in (_in_ascii, _in_utf8)}
    for text in written | escaped | slashed | twice:
        yield text
        yield from (quote(text, safe=""), quote(text), quote_plus(text), html.escape(text))
        yield quote(quote(text, safe=""), safe="")  # a URL within a URL
        raw = text.encode()
        yield raw.hex()
        for offset in range(3):  # it may stand behind something else, as in Basic: then its bits are moved
            coded = base64.b64encode(bytes(offset) + raw).decode()
            whole = coded[(0, 2, 3)[offset] : (offset + len(raw)) * 8 // 6]
            if len(whole) >= _SHORTEST_CODED:
                yield whole
                yield whole.replace("+", "-").replace("/", "_")


def _in_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_utf8(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
