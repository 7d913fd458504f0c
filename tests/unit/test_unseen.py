"""Invisible characters: which are rejected in names, while those that some script needs are accepted."""

import pytest

from kronos import unseen
from kronos.cli.output import printable


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("re\u200bport", "U+200B"),
        ("\ufeffreport", "U+FEFF"),
        ("report\u00ad", "U+00AD"),
        ("\u202etropel", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("\u3164", "U+3164"),
        ("\u2800", "U+2800"),
        ("\u200d", "U+200D"),
        ("a\u200db", "U+200D"),
        ("report\u200c", "U+200C"),
        ("a\nb", "U+000A"),
        ("a\u2028b", "U+2028"),
        ("\U000e0061a", "U+E0061"),
    ],
)
def test_what_is_not_seen_is_named(text: str, first: str) -> None:
    assert unseen.found(text) == first


@pytest.mark.parametrize(
    "text",
    [
        "Weekly report, Mondays",
        "Bücher — “neu”",
        "גיבוי יומי",
        "नहीं\u200cहै",
        "क्\u200dष",
        "👨\u200d👩\u200d👧 ❤️",
        "1\u00a0000",
        "�",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert unseen.found(text) is None
    assert printable(text) == text


def test_a_terminal_shows_them_as_python_writes_them() -> None:
    assert printable("re\u200bport\u202e \ufeff\x1b[2J") == r"re\u200bport\u202e \ufeff\x1b[2J"
