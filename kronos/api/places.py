"""Places in the stream of events: what Last-Event-ID carries. A snapshot of PostgreSQL's, of one workspace and of one
life of what is noted: what it could not see is what comes after it."""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from kronos import errors

_VERSION = 1
_HEAD = struct.Struct(">B8s16sQQB")  # version, digest of the workspace and the rest, generation, xmin, xmax, xips
_XIP = struct.Struct(">Q")
_BEYOND = 2**63
_EPOCH = 2**32
_MOST_XIPS = 48
"""Transactions under way that a place names, so that it is a header of some hundred bytes. Of more it begins at an
earlier one: what comes after that is reported twice."""
MAX_CHARACTERS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlace:
    """Where a listener is. `snapshot` as PostgreSQL writes it."""

    workspace_id: UUID
    generation: UUID
    snapshot: str

    def __str__(self) -> str:
        """As a listener has it."""
        xmin, xmax, xips = _read(self.snapshot)
        if len(xips) > _MOST_XIPS:
            xmax = xips[_MOST_XIPS]
            xips = xips[:_MOST_XIPS]
        rest = b"".join(map(_XIP.pack, xips))
        body = _HEAD.pack(_VERSION, bytes(8), self.generation.bytes, xmin, xmax, len(xips))[9:] + rest
        head = struct.pack(">B8s", _VERSION, _digest(self.workspace_id, body))
        return base64.urlsafe_b64encode(head + body).decode().rstrip("=")


def place_of(given: str, workspace_id: UUID, pointer: str) -> EventPlace:
    """The place that a listener says it has come to. Raises InvalidRequest: it is none of this workspace's."""
    try:
        raw = base64.b64decode(given.encode("ascii") + b"=" * (-len(given) % 4), altchars=b"-_", validate=True)
        version, digest, generation, xmin, xmax, count = _HEAD.unpack_from(raw)
        xips = [each for (each,) in _XIP.iter_unpack(raw[_HEAD.size :])]
    except (UnicodeEncodeError, binascii.Error, struct.error):
        raise _refused("is malformed", pointer) from None
    # Of no epoch is there a transaction 0, and PostgreSQL reads no snapshot that names one.
    is_snapshot = (
        bool(xmin % _EPOCH and xmax % _EPOCH)
        and xmin <= xmax < _BEYOND
        and all(low < high for low, high in pairwise([xmin - 1, *xips, xmax]))
    )
    if version != _VERSION or digest != _digest(workspace_id, raw[9:]) or count != len(xips) or not is_snapshot:
        raise _refused("is of another workspace, or was changed", pointer)
    snapshot = f"{xmin}:{xmax}:{','.join(map(str, xips))}"
    return EventPlace(workspace_id=workspace_id, generation=UUID(bytes=generation), snapshot=snapshot)


def _read(snapshot: str) -> tuple[int, int, list[int]]:
    xmin, xmax, xips = snapshot.split(":")
    return int(xmin), int(xmax), [int(each) for each in xips.split(",") if each]


def _digest(workspace_id: UUID, body: bytes) -> bytes:
    return hashlib.sha256(b"kronos.live" + workspace_id.bytes + body).digest()[:8]


def _refused(why: str, pointer: str) -> errors.InvalidRequest:
    hint = "Send the id of the last event that came, as it is, to the same workspace; leave it out to begin now."
    return errors.InvalidRequest.of(f"the place {why}", hint, pointer)
