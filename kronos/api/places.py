"""Places in the stream of events, as sent in Last-Event-ID. A place is a PostgreSQL snapshot, tied to a workspace and
to one generation of the change notes. Changes that the snapshot could not see come after it."""

import base64
import binascii
import hashlib
import struct
from itertools import pairwise
from uuid import UUID

from kronos import errors
from kronos.records import dataclass

_VERSION = 1
_HEAD = struct.Struct(">B8s16sQQB")  # version, digest of the workspace and the rest, generation, xmin, xmax, xips
_XIP = struct.Struct(">Q")
_BEYOND = 2**63
_EPOCH = 2**32
_MOST_XIPS = 48
"""Maximum transactions in progress that a place names, so that the header stays at some hundred bytes. If there are
more, the place is that of an earlier one, and later changes are reported twice."""
MAX_CHARACTERS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlace:
    """A listener's place. `snapshot` is in PostgreSQL's format."""

    workspace_id: UUID
    generation: UUID
    snapshot: str

    def __str__(self) -> str:
        """Return the place in the form that listeners store."""
        xmin, xmax, xips = _read(self.snapshot)
        if len(xips) > _MOST_XIPS:
            xmax = xips[_MOST_XIPS]
            xips = xips[:_MOST_XIPS]
        rest = b"".join(map(_XIP.pack, xips))
        body = _HEAD.pack(_VERSION, bytes(8), self.generation.bytes, xmin, xmax, len(xips))[9:] + rest
        head = struct.pack(">B8s", _VERSION, _digest(self.workspace_id, body))
        return base64.urlsafe_b64encode(head + body).decode().rstrip("=")


def place_of(given: str, workspace_id: UUID, pointer: str) -> EventPlace:
    """Return the place that a listener sent. Raises InvalidRequest if it is not a place of this workspace."""
    try:
        raw = base64.b64decode(given.encode("ascii") + b"=" * (-len(given) % 4), altchars=b"-_", validate=True)
        version, digest, generation, xmin, xmax, count = _HEAD.unpack_from(raw)
        xips = [each for (each,) in _XIP.iter_unpack(raw[_HEAD.size :])]
    except (UnicodeEncodeError, binascii.Error, struct.error):
        raise _refused("is malformed", pointer) from None
    # No epoch has a transaction 0, and PostgreSQL rejects snapshots that name one.
    is_snapshot = (
        bool(xmin % _EPOCH and xmax % _EPOCH)
        and xmin <= xmax < _BEYOND
        and all(low < high for low, high in pairwise([xmin - 1, *xips, xmax]))
    )
    if version != _VERSION or digest != _digest(workspace_id, raw[9:]) or count != len(xips) or not is_snapshot:
        raise _refused("belongs to another workspace, or was changed", pointer)
    snapshot = f"{xmin}:{xmax}:{','.join(map(str, xips))}"
    return EventPlace(workspace_id=workspace_id, generation=UUID(bytes=generation), snapshot=snapshot)


def _read(snapshot: str) -> tuple[int, int, list[int]]:
    xmin, xmax, xips = snapshot.split(":")
    return int(xmin), int(xmax), [int(each) for each in xips.split(",") if each]


def _digest(workspace_id: UUID, body: bytes) -> bytes:
    return hashlib.sha256(b"kronos.live" + workspace_id.bytes + body).digest()[:8]


def _refused(why: str, pointer: str) -> errors.InvalidRequest:
    hint = "Send the id of the last event received, unchanged, to the same workspace. Omit it to start now."
    return errors.InvalidRequest.of(f"the place {why}", hint, pointer)
