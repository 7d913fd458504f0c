"""Characters that a reader cannot see, or that reverse the order of the text around them.

With one of these, two names can look alike, or a name can look like another text. Letters that resemble each other are
allowed: a Cyrillic a is another letter than a Latin one, but both are visible. For the choice see docs/decisions/0130.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from kronos.model import Json

UNSEEN: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufeff\uffa0\ufff9-\ufffb"
)
"""For a character class of a regular expression. sql/functions/ground/is_seen.sql has the same; a test compares."""
FAR: Final = r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
JOINERS: Final = "\u200c\u200d"
PATTERN: Final = f"^[^{CONTROL}{UNSEEN}]*$"
"""For a JSON Schema, whose expressions cannot write characters beyond U+FFFF."""
EACH: Final = re.compile(
    # Joiners belong to letters in Persian, Hindi and emoji: visible between these, invisible next to a Latin letter.
    f"[{CONTROL}{UNSEEN}{FAR}]|(?<![^\\x00-\\x7f])[{JOINERS}]|[{JOINERS}](?![^\\x00-\\x7f])"
)


Texts: TypeAlias = frozenset[tuple[str, str]]
"""Fields, and texts in them that contain an invisible character."""


def texts_in(value: Json) -> Texts:
    """Return those of a resource, in the form of a body or a row."""
    return frozenset(_texts_in(value, ""))


def _texts_in(value: Json, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and EACH.search(value):
        yield field, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts_in(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each, field)


def found(text: str) -> str | None:
    """Return a text's first invisible character, in the form U+200B; None: there is none."""
    first = EACH.search(text)
    return f"U+{ord(first[0]):04X}" if first else None
