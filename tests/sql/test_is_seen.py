"""kronos.is_seen judges as the API does: each character by itself, and next to letters of both kinds."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from kronos import unseen
from sql_factory import value, values

_JUDGED: LiteralString = """
    select coalesce(array_agg(code order by code), '{}')
      from unnest(%s::int[]) as code
     where not kronos.is_seen(concat(%s::text, chr(code), %s::text))
"""
# The characters in common use, and all planes that contain invisible ones; no surrogates, no NUL.
_CODES = [*range(1, 0x3400), *range(0xF900, 0x10000), *range(0x1BC00, 0x1BD00), *range(0x1D100, 0x1D200)]
_CODES += range(0xE0000, 0xE0200)


def test_it_judges_each_character_as_the_api_does(shared_superuser: psycopg.Connection) -> None:
    for before, after in (("a", "b"), ("é", "é"), ("a", "é"), ("é", "")):
        refused = value(shared_superuser, _JUDGED, [_CODES, before, after])
        assert refused == [code for code in _CODES if unseen.found(f"{before}{chr(code)}{after}")], (before, after)
        assert len(refused) > 500


def test_what_is_blank_is_not_seen(shared_superuser: psycopg.Connection) -> None:
    judged = "select kronos.is_seen(text) from unnest(%s::text[]) as text"
    assert values(shared_superuser, judged, [["", " ", "a", " é "]]) == [False, False, True, True]


@pytest.mark.parametrize("collation", [None, "C", "en-x-icu"])
def test_a_space_is_one_in_every_locale(shared_superuser: psycopg.Connection, collation: str | None) -> None:
    """A no-break space is a space for Python and for ICU, but neither for glibc nor in the locale C."""
    spaces = [each for each in map(chr, _CODES) if each.isspace()]
    assert {" ", "\u00a0", "\u202f", "\u3000"} < set(spaces)
    under = SQL("collate {}").format(Identifier(collation)) if collation else SQL("")
    judged = SQL("select text from unnest(%s::text[]) as text where kronos.is_seen(text {})").format(under)
    found = shared_superuser.execute(judged, [[each * n for each in spaces for n in (1, 3)]])
    assert found.fetchall() == []
