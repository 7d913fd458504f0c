"""The forms in which a person may write a schedule: a cron expression, an interval, or a sentence."""

import re
from typing import Literal

_INTERVAL = re.compile(r"\d+(\.\d+)?\s?[a-z]{1,8}|p[\dt].*", re.IGNORECASE)
_FIRST = re.compile(r"[\d*,/?-]+")
_MACRO = re.compile(r"@[a-z]+", re.IGNORECASE)


def kind_of(text: str) -> Literal["cron", "every", "sentence"]:
    """Return which of the three forms a text has. Whether it is valid is decided by the API.

    The minute and hour fields of a cron expression contain no letters. Any other text of two or more words has letters
    in one of its first two words: in "9 am on Mondays" the second has some.
    """
    words = text.split()
    if _MACRO.fullmatch(text.strip()) or (
        len(words) > 1 and all(_FIRST.fullmatch(word) for word in words[: min(2, len(words))])
    ):
        return "cron"
    if _INTERVAL.fullmatch(text.strip()):
        return "every"
    return "sentence"
