"""If-Match and If-None-Match as RFC 9110 section 13 has them, of resources whose ETag is their version.

A `+` after it says that the document is still changing without a new version, so nobody keeps it: If-Match takes it as
the version it is, and If-None-Match never knows it.

A list is a list, `*` is any version that there is, a weak tag never matches in If-Match, and a tag that is not one of
ours matches nothing. What is no entity tag at all is refused: a condition that was meant and misread would let an
unguarded write through.
"""

import re
from collections.abc import Iterable
from typing import NoReturn

from kronos import errors

# RFC 9110 8.8.3; a list may have empty elements (5.6.1), and commas within its tags.
_TAG = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"|)[ \t]*(?:,|\Z)')
_MOVING = "+"
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def etag(version: int, *, is_moving: bool = False) -> str:
    """The entity tag of a version; of one whose document is still changing."""
    return f'"{version}{_MOVING if is_moving else ""}"'


def if_match(fields: Iterable[str]) -> frozenset[int] | None:
    """The versions that are asked for; None: any that there is, or the header is not there. Raises InvalidRequest."""
    tags = _tags("If-Match", fields)
    return None if tags is None else _versions(tag.removesuffix(_MOVING) for is_weak, tag in tags if not is_weak)


def if_none_match(fields: Iterable[str]) -> frozenset[int] | None:
    """The versions that are known; None: any that there is. By weak comparison, which tags of ours make the same.
    Raises InvalidRequest."""
    tags = _tags("If-None-Match", fields)
    return None if tags is None else _versions(tag for _, tag in tags)


def is_known(version: int, known: frozenset[int] | None) -> bool:
    """Whether If-None-Match names the version."""
    return known is None or version in known


def held_to(version: int, asked: frozenset[int] | None) -> frozenset[int]:
    """The version, for a change that was compared with it. Raises PreconditionFailed where If-Match does not name
    it."""
    if asked is not None and version not in asked:
        raise errors.PreconditionFailed(f"it is at version {version}, which If-Match does not name")
    return frozenset({version})


def _versions(tags: Iterable[str]) -> frozenset[int]:
    return frozenset(int(tag) for tag in tags if _VERSION.fullmatch(tag))


def _tags(header: str, fields: Iterable[str]) -> list[tuple[bool, str]] | None:
    given = ",".join(fields)  # a header that is sent twice is one list
    if given.strip(" \t,") == "*":
        return None
    tags: list[tuple[bool, str]] = []
    at = 0
    while at < len(given):
        found = _TAG.match(given, at)
        if found is None:
            _refuse(header, f"the header {header} is no list of entity tags: {given[:80]!r}")
        if found[2] is not None:
            tags.append((found[1] is not None, found[2]))
        at = found.end()
    if not tags:
        _refuse(header, f"the header {header} is empty")
    return tags


def _refuse(header: str, detail: str) -> NoReturn:
    hint = 'Send the ETag as it came, quotes included, such as "3"; several with commas; or *.'
    raise errors.InvalidRequest.of(detail, hint, f"/{header}")
