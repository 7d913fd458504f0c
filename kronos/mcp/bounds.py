"""Limits on the size of responses: what a model reads has a cost, and text beyond its context is lost.

Texts are cut first, then lists and objects. Each response says what was cut.
"""

import json

from kronos.model import Json, JsonObject

MAX_BYTES = 48 * 1024
"""Size of a response's JSON: about 12,000 tokens."""
MAX_TEXT = 4000
MAX_NAMED = 60
_ROOM = 1024
# Maximum characters of a text and members of a list or object, for each attempt in turn.
_TRIES = ((MAX_TEXT, 100_000), (1000, 500), (250, 100), (100, 25), (60, 8))


def compact(value: Json) -> str:
    """Return the JSON as it is sent; its length counts. Unlike the API's own writer, it accepts integers of any size
    and any depth that was read: a dry run shows values that the API would reject."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def told(text: str) -> str:
    """Shorten an argument's name, or similar, to fit into a message."""
    return text if len(text) <= MAX_NAMED else f"{text[:MAX_NAMED]}…"


def fitting(rows: list[JsonObject]) -> int:
    """Return how many of the first rows fit into one response; at least one."""
    used = 0
    for place, row in enumerate(rows):
        used += _size(_cut(row, *_TRIES[0], [])) + 1
        if used > MAX_BYTES - _ROOM:
            return max(place, 1)
    return max(len(rows), 1)


def bounded(value: Json) -> tuple[Json, str | None]:
    """Return the value, reduced to the maximum size, and a note of what was cut."""
    for characters, members in _TRIES:
        cut: list[str] = []
        shown = _cut(value, characters, members, cut)
        if _size(shown) <= MAX_BYTES:
            return shown, _said(cut)
    named = {name[:60]: "… (too large)" for name in list(value)[:50]} if isinstance(value, dict) else []
    return named, "This is too large to show: only its field names are listed."


def _said(cut: list[str]) -> str | None:
    if not cut:
        return None
    more = f" and {len(cut) - 5} more" if len(cut) > 5 else ""
    return f"Shortened, and marked with …: {', '.join(cut[:5])}{more}."


def _cut(value: Json, characters: int, members: int, cut: list[str], pointer: str = "") -> Json:
    """Return the value with texts and members limited; the places are added to `cut`."""
    if isinstance(value, str) and len(value) > characters:
        cut.append(pointer or "/")
        return f"{value[:characters]}… ({len(value)} characters)"
    if isinstance(value, list):
        if len(value) > members:
            cut.append(pointer or "/")
        shown = [_cut(each, characters, members, cut, f"{pointer}/{n}") for n, each in enumerate(value[:members])]
        return shown if len(value) <= members else [*shown, f"… ({len(value)} in all)"]
    if isinstance(value, dict):
        if len(value) > members:
            cut.append(pointer or "/")
        first = list(value.items())[:members]
        found = {name: _cut(each, characters, members, cut, f"{pointer}/{name}"[:80]) for name, each in first}
        return found if len(value) <= members else {**found, "…": f"{len(value)} in all"}
    return value


def _size(value: Json) -> int:
    return len(compact(value).encode())
