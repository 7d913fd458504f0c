"""Cursors of lists: the place after a page's last row, tied to its list, workspace and filter."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from kronos import errors
from kronos.reading import counted, instant
from kronos.records import dataclass

Row = TypeVar("Row")


class _Listed(Protocol):
    """A row of a page that is limited in bytes."""

    @property
    def _more(self) -> bool: ...


Listed = TypeVar("Listed", bound=_Listed)
Place = tuple[datetime, UUID]
_LAYOUT = struct.Struct(">B8sq16s")  # version, digest of the list, instant in PostgreSQL's microseconds, id
_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """One page of a list, newest first. `next_cursor` is null on the last page."""

    data: Sequence[Row]
    next_cursor: str | None


def page(rows: Sequence[Row], *, limit: int, of: bytes, place: Callable[[Row], Place]) -> Page[Row]:
    """Return a page of rows that were fetched with limit + 1, to know whether more follow."""
    if len(rows) <= limit:
        return Page(data=rows[:limit], next_cursor=None)
    return Page(data=rows[:limit], next_cursor=encoded(of, place(rows[limit - 1])))


def bounded(rows: Sequence[Listed], *, of: bytes, place: Callable[[Listed], Place]) -> Page[Listed]:
    """Return a page of rows that report themselves whether more follow."""
    more = bool(rows) and rows[-1]._more  # not private: fields with _ are left out of the response
    return Page(data=rows, next_cursor=encoded(of, place(rows[-1])) if more else None)


def list_digest(name: str, workspace: str, filters: Mapping[str, object]) -> bytes:
    """Return the digest of the list, workspace and filters that a cursor is valid for."""
    parts = "\0".join(
        [name, workspace, *(f"{key}={value!r}" for key, value in sorted(filters.items()) if value is not None)]
    )
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).digest()[:8]


def decoded(cursor: str | None, of: bytes) -> Place | None:
    """Return the place of a cursor; None without a cursor. Raises InvalidRequest."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        version, digest, microseconds, row_id = _LAYOUT.unpack(raw)
        place = instant(microseconds), UUID(bytes=row_id)
    except (UnicodeEncodeError, binascii.Error, struct.error, OverflowError):
        raise _refused("the cursor is malformed") from None
    if version != _VERSION or digest != of:
        raise _refused("the cursor belongs to another list or filter")
    return place


def encoded_text(of: bytes, text: str, row_id: UUID) -> str:
    """Return the cursor of a place in a list ordered by a text."""
    raw = _LAYOUT.pack(_VERSION, of, 0, row_id.bytes) + text.encode()
    return base64.urlsafe_b64encode(raw).decode()


def decoded_text(cursor: str | None, of: bytes) -> tuple[str, UUID] | None:
    """Return the place of such a cursor; None without a cursor. Raises InvalidRequest."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        version, digest, _, row_id = _LAYOUT.unpack(raw[: _LAYOUT.size])
        text = raw[_LAYOUT.size :].decode()
    except (UnicodeError, binascii.Error, struct.error):
        raise _refused("the cursor is malformed") from None
    if version != _VERSION or digest != of or "\0" in text:
        raise _refused("the cursor belongs to another list or filter")
    return text, UUID(bytes=row_id)


def numbered(number: int, row_id: UUID) -> Place:
    """Return the place of a row in a list ordered by a number. The number is stored as the instant."""
    return instant(number), row_id


def number_of(place: Place | None) -> int | None:
    """Return the number of such a place; None without a place."""
    return None if place is None else counted(place[0])


def encoded(of: bytes, place: Place) -> str:
    """Return the cursor of a place."""
    created_at, row_id = place
    return base64.urlsafe_b64encode(_LAYOUT.pack(_VERSION, of, counted(created_at), row_id.bytes)).decode()


def _refused(detail: str) -> errors.InvalidRequest:
    hint = "Pass next_cursor of the previous page unchanged, with the same filters. Omit it for the first page."
    return errors.InvalidRequest.of(detail, hint, "/cursor")
