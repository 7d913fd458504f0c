"""If-Match and If-None-Match (RFC 9110 section 13) for resources whose ETag is their version.

A `+` after the version means that the document still changes without a new version, so clients must not cache it.
If-Match treats it as that version; If-None-Match never matches it.

A list is a list, `*` is any existing version, a weak tag never matches in If-Match, and a tag that is not one of ours
matches nothing. Anything that is not an entity tag is rejected: a condition that was intended but misread would let an
unguarded write through.
"""

import re
from collections.abc import Iterable
from typing import NoReturn

from kronos import errors

# RFC 9110 8.8.3. A list may have empty elements (5.6.1), and tags may contain commas.
_TAG = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"|)[ \t]*(?:,|\Z)')
_MOVING = "+"
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def etag(version: int, *, is_moving: bool = False) -> str:
    """Return the entity tag of a version, marked if its document is still changing."""
    return f'"{version}{_MOVING if is_moving else ""}"'


def if_match(fields: Iterable[str]) -> frozenset[int] | None:
    """Return the requested versions. None: any existing one, or no header. Raises InvalidRequest."""
    tags = _tags("If-Match", fields)
    return None if tags is None else _versions(tag.removesuffix(_MOVING) for is_weak, tag in tags if not is_weak)


def if_none_match(fields: Iterable[str]) -> frozenset[int] | None:
    """Return the versions that the caller knows. None: any existing one. Comparison is weak, which for our tags makes
    no difference. Raises InvalidRequest."""
    tags = _tags("If-None-Match", fields)
    return None if tags is None else _versions(tag for _, tag in tags)


def is_known(version: int, known: frozenset[int] | None) -> bool:
    """Return whether If-None-Match matches the version."""
    return known is None or version in known


def held_to(version: int, asked: frozenset[int] | None) -> frozenset[int]:
    """Return the version, for a change that was compared with it. Raises PreconditionFailed if If-Match does not name
    it."""
    if asked is not None and version not in asked:
        raise errors.PreconditionFailed(f"the current version is {version}, which If-Match does not name")
    return frozenset({version})


def _versions(tags: Iterable[str]) -> frozenset[int]:
    return frozenset(int(tag) for tag in tags if _VERSION.fullmatch(tag))


def _tags(header: str, fields: Iterable[str]) -> list[tuple[bool, str]] | None:
    given = ",".join(fields)  # a header sent twice is one list
    if given.strip(" \t,") == "*":
        return None
    tags: list[tuple[bool, str]] = []
    at = 0
    while at < len(given):
        found = _TAG.match(given, at)
        if found is None:
            _refuse(header, f"the header {header} is not a list of entity tags: {given[:80]!r}")
        if found[2] is not None:
            tags.append((found[1] is not None, found[2]))
        at = found.end()
    if not tags:
        _refuse(header, f"the header {header} is empty")
    return tags


def _refuse(header: str, detail: str) -> NoReturn:
    hint = 'Send the ETag unchanged, with its quotes, such as "3"; several separated by commas; or *.'
    raise errors.InvalidRequest.of(detail, hint, f"/{header}")
