"""What a person may write where a schedule is asked for: a cron text, an interval, or a sentence."""

import re
from typing import Literal

_INTERVAL = re.compile(r"\d+(\.\d+)?\s?[a-z]{1,8}|p[\dt].*", re.IGNORECASE)
_FIRST = re.compile(r"[\d*,/?-]+")
_MACRO = re.compile(r"@[a-z]+", re.IGNORECASE)


def kind_of(text: str) -> Literal["cron", "every", "sentence"]:
    """Which of the three it is meant as; whether it is one says the API.

    The minutes and the hours of a cron text have no letter. So has no other text of two words or more: of "9 am on
    Mondays" the second word has some.
    """
    words = text.split()
    if _MACRO.fullmatch(text.strip()) or (
        len(words) > 1 and all(_FIRST.fullmatch(word) for word in words[: min(2, len(words))])
    ):
        return "cron"
    if _INTERVAL.fullmatch(text.strip()):
        return "every"
    return "sentence"
