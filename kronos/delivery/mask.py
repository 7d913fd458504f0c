"""Mask secrets in everything stored about a delivery, in any form in which a receiver may return them."""

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
"""In characters. A shorter piece of a value, left at a text's end when it was cut, is not masked."""
_LONGEST = MAX_STORED_BODY_BYTES
"""Maximum characters of a value to search for: no stored text is longer."""
_AFTER_URL, _BODY_BYTES = '","headers":["', '"],"body_bytes":'
_SHORTEST_CODED = 6
"""The same for base64 forms: shorter ones occur in other words."""


class Mask:
    """Masks these values in texts: verbatim, percent-encoded, in base64, in hex, and escaped as in JSON and HTML."""

    __slots__ = ("_begins", "_clean", "_forms")

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form.translate(_SMALL) for value in values for form in _forms(value)}
        self._forms = [form for form in forms if len(form) >= _SHORTEST]
        # In JSON's form: a document that contains none of these contains none of the values, complete or cut off.
        self._begins = tuple({orjson.dumps(form[:_SHORTEST])[1:-1].decode().casefold() for form in self._forms})

        # The last documents found clean: a request, its parts, a response.
        self._clean: tuple[str, str, str, str] = "", "", "", ""

    @property
    def size(self) -> int:
        """The total number of characters searched for, in all forms."""
        return sum(map(len, self._forms))

    def text(self, text: str) -> str:
        """Return the text with *** for each value, and for the beginning of a value cut off at the text's end."""
        small = text.translate(_SMALL)  # hex and percent-encoding ignore case
        spans = [span for form in self._forms for span in _places(small, form)]
        if not spans:
            return text
        pieces: list[str] = []
        end = 0
        for first, last in sorted(spans):  # values may contain each other, or overlap
            if first > end or not pieces:
                pieces += (text[end:first], MASKED)
            end = max(end, last)
        return "".join([*pieces, text[end:]])

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return the outcome with all its texts masked."""
        request, response = outcome.request, outcome.response
        # A success usually has nothing to mask.
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
        """Whether both contain no value. Only parts that differ from the last ones are searched.

        Requests to one URL and most responses are the same; if the URL differs, the rest of the request usually does
        not. No searched beginning contains a line end."""
        last, head, names, last_response = self._clean
        differs = ""
        if request != last:
            new_head, new_names = _parts(request, names)
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
        """Mask the strings inside JSON text, not the raw text, whose syntax could look like a value."""
        if document is None:
            return None
        # Most documents contain none: checking takes 3 us, parsing and writing them again 70 us.
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
        if isinstance(value, dict):  # the names are ours
            return {name: self._json(item) for name, item in value.items()}
        return value


def _parts(request: str, names: str) -> tuple[str, str]:
    """Split a request written by outcome.described: up to the end of its URL, and the names of its headers.

    Only a number follows them, with nothing to mask. Quotes inside JSON strings are escaped, so no string contains the
    separator, and no value spans both parts. A request of another form is returned whole, with an empty second part.
    `names`: the last request's names, which are usually the same."""
    end = request.rfind(_BODY_BYTES)
    if end <= 0 or not request[end + len(_BODY_BYTES) : -1].isdecimal():
        return request, ""
    if names and request.startswith(names, at := end - len(names)):
        return request[:at], names
    at = request.find(_AFTER_URL)
    return (request, "") if not 0 <= at <= end else (request[:at], request[at:end])


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Yield the places of a form in a text, including its beginning at the text's end.

    str.find takes linear time. A regular expression does not: a value of 60,000 equal letters took seconds."""
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
    """Yield a value in the forms that a response may contain: verbatim or JSON-escaped (twice, if a body is returned
    inside a JSON string), and each of these in the encodings used on the web."""
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
        for offset in range(3):  # it may follow other bytes, as in Basic auth, which shifts its bits
            coded = base64.b64encode(bytes(offset) + raw).decode()
            whole = coded[(0, 2, 3)[offset] : (offset + len(raw)) * 8 // 6]
            if len(whole) >= _SHORTEST_CODED:
                yield whole
                yield whole.replace("+", "-").replace("/", "_")


def _in_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_utf8(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
