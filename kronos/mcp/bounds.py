"""How large an answer may be: what a model reads costs, and what it cannot hold it loses.

Texts are cut first, then lists and objects, and each answer says that it was.
"""

import json

from kronos.model import Json, JsonObject

MAX_BYTES = 48 * 1024
"""Of an answer's JSON: about 12,000 tokens."""
MAX_TEXT = 4000
MAX_NAMED = 60
_ROOM = 1024
# Characters of a text, and members of a list or object, from one try to the next.
_TRIES = ((MAX_TEXT, 100_000), (1000, 500), (250, 100), (100, 25), (60, 8))


def compact(value: Json) -> str:
    """As it is sent: what a model is told is as large as this. Unlike the API's own writer it has integers of any size
    and any depth that was read: a dry run shows what the API would refuse."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def told(text: str) -> str:
    """An argument's name, or the like, as long as a message has room for."""
    return text if len(text) <= MAX_NAMED else f"{text[:MAX_NAMED]}…"


def fitting(rows: list[JsonObject]) -> int:
    """How many of the first rows one answer has room for; at least one."""
    used = 0
    for place, row in enumerate(rows):
        used += _size(_cut(row, *_TRIES[0], [])) + 1
        if used > MAX_BYTES - _ROOM:
            return max(place, 1)
    return max(len(rows), 1)


def bounded(value: Json) -> tuple[Json, str | None]:
    """It, as large as an answer may be; and what was cut."""
    for characters, members in _TRIES:
        cut: list[str] = []
        shown = _cut(value, characters, members, cut)
        if _size(shown) <= MAX_BYTES:
            return shown, _said(cut)
    named = {name[:60]: "… (too large)" for name in list(value)[:50]} if isinstance(value, dict) else []
    return named, "It is too large to be shown: only its fields are named."


def _said(cut: list[str]) -> str | None:
    if not cut:
        return None
    more = f" and {len(cut) - 5} more" if len(cut) > 5 else ""
    return f"Cut, and marked with …: {', '.join(cut[:5])}{more}."


def _cut(value: Json, characters: int, members: int, cut: list[str], pointer: str = "") -> Json:
    """It, with texts of so many characters and lists and objects of so many members; `cut` gets where."""
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
