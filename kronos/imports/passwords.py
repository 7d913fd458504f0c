"""Detects probable passwords in other schedulers' entries, by name or by context."""

import re
from typing import Final
from urllib.parse import urlsplit

from kronos.model import Json

_WORDS: Final = "PASS(?:W(?:OR)?D|PHRASE)?|PWD|SECRET|TOKEN|(?:API|ACCESS|PRIVATE|AUTH)[_-]?KEY|CREDENTIALS?"
_NAME: Final = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|COOKIE|SIGNATURE", re.IGNORECASE)
_NO_NAME: Final = frozenset({"PWD", "OLDPWD"})
_TEXT: Final = re.compile(
    rf"""
    (?:{_WORDS})["']?\s*[=:]\s*[^\s$]                            # PGPASSWORD=x, ?token=x, "password": "x"
    |--?(?:{_WORDS})[ =]+[^\s$-]                                  # --password x
    |\b(?:mysql|mariadb)\S*\s(?:[^|;&]{{0,500}}\s)?(?-i:-p)[^\s$]               # mysqldump -px
    |\bsshpass\s+-p\s*[^\s$]
    |\b(?:curl|wget)\b[^|;&]{{0,500}}\s(?:-u|--user)[ =]?[^\s:$]+:[^\s$]
    |://[^/\s:@]*:[^/\s@$]+@
    |\b(?:Bearer|Basic)\s+[^\s$<{{]
    |\bidentified\s+by\s|\bpassword\s+'                           # of SQL
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MOST: Final = 65_536


def is_named_so(name: str) -> bool:
    """Return whether a variable or header of this name probably holds a password."""
    return name.upper() not in _NO_NAME and _NAME.search(name) is not None


def place_in(text: str) -> int | None:
    """Return where a probable password begins, with the word that indicates it."""
    found = _TEXT.search(text[:_MOST])
    return None if found is None else found.start()


def is_in_url(url: str) -> bool:
    """Return whether the login or a parameter of a URL looks like a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    named = [pair.partition("=")[0] for pair in parts.query.split("&") if "=" in pair]
    return "@" in parts.netloc or any(is_named_so(name) for name in named)


def is_in(value: Json) -> bool:
    """Return whether a text in the value looks like a password, or has a name that suggests one."""
    if isinstance(value, str):
        return place_in(value) is not None
    if isinstance(value, list):
        return any(map(is_in, value))
    if isinstance(value, dict):
        return any((is_named_so(name) and isinstance(each, str)) or is_in(each) for name, each in value.items())
    return False
