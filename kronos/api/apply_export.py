"""What a workspace has, as files hold it: written as it is read, a piece at a time, however much it is."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import orjson
from pydantic import Field
from starlette.responses import Response

from kronos import errors, managed, reading, unseen
from kronos.api import apply_files, withheld
from kronos.api.apply_files import FIELDS, Writable
from kronos.api.call import Call
from kronos.api.fields import Query, Slug
from kronos.api.streams import streamed
from kronos.apply_terms import MOST_OF_A_KIND
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.errors import Fault
from kronos.managed import KINDS, AnyName, Kind, Name, Present
from kronos.model import Role

_JSON = "application/json"
_AT_ONCE = 50
"""Resources of one kind, read together; fewer where they are large (managed.fitting)."""
# A full calendar takes 30 ms to write. Beside the event loop, one piece after the other: nobody else waits.
_WRITER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="exports")


class ExportQuery(Query):
    """Which resources."""

    set: Slug | None = Field(
        default=None,
        description="What this set of files manages; else all, whoever made it, under the name of the set that there "
        "is, or as `default`.",
        examples=["billing"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some resources of one kind, written."""

    kind: Kind
    texts: list[bytes]


@dataclass(slots=True, kw_only=True)
class _Export:
    """A file that is being written. `left`: what is still to be read, in the order of the file."""

    set_name: str
    secrets: list[str]
    left: list[Name]

    async def piece(self, view: WorkspaceView) -> _Piece:
        """The next resources, as they are now; what was deleted since they were named is left out."""
        kind = self.left[0][0]
        names = [name for each, name in self.left[:_AT_ONCE] if each == kind]
        fitting = await managed.fitting(view, kind, names)
        rows = _rows(await managed.present(view, [(kind, name) for name in fitting])) if fitting else {}
        asked = names[: names.index(fitting[-1]) + 1] if fitting else names
        del self.left[: len(asked)]
        written = copy_context().run  # who asks may not see all
        texts = await asyncio.get_running_loop().run_in_executor(
            _WRITER, written, _texts, kind, [rows[kind, name] for name in asked if (kind, name) in rows]
        )
        return _Piece(kind=kind, texts=texts)


async def export(call: Call, view: WorkspaceView, query: ExportQuery, *, needs: Role) -> Response:
    """The file. CRON jobs without a name cannot stand in one and are left out, as one-shots are. Raises Unprocessable
    where there is more than a file may hold. `needs`: what its caller is to be while it is written.

    Each piece is read by itself, and no session is held while it is written and sent: who reads slowly holds nothing.
    What makes no more than a page is sent once all of it is there.
    """
    begun, pieces = await _named(view, query.set), list[_Piece]()
    while begun.left and sum(len(text) for piece in pieces for text in piece.texts) < PAGE_BYTES:
        pieces.append(await begun.piece(view))
    text = _text(begun, pieces, view)
    if not begun.left:
        return Response(b"".join([some async for some in text]), media_type=_JSON)
    return streamed(call, needs, text, _JSON)


async def _named(view: WorkspaceView, set_name: str | None) -> _Export:
    """What the file is going to hold."""
    found = await managed.all_names(view, limit=MOST_OF_A_KIND + 1)
    notes = await managed.of_workspace(view)
    sets = {note.set_name for note in notes.values() if note.is_same}
    secrets = [each.name for each in found if each.kind == "secret" and each.name]
    if set_name is None:
        _require_few(found)
        names: list[Name] = [(each.kind, each.name) for each in found if each.kind != "secret" and each.name]
    else:
        names = [key for key, note in notes.items() if note.set_name == set_name and note.is_same]
        used = await _secrets_of(view, sorted(name for kind, name in names if kind == "endpoint"))
        secrets = [name for name in secrets if name in used]
    name_of_set = set_name or (sets.pop() if len(sets) == 1 else "default")
    return _Export(
        set_name=name_of_set, secrets=secrets, left=[key for kind in KINDS for key in sorted(names) if key[0] == kind]
    )


async def _text(begun: _Export, pieces: list[_Piece], view: WorkspaceView) -> AsyncIterator[bytes]:
    """The file's text: as ExportedFile would be written, whose fields stand in this order."""
    secrets = [{"name": name} for name in begun.secrets]
    yield orjson.dumps({"set": begun.set_name, "secrets": secrets})[:-1]
    open_kind: Kind | None = None
    async for piece in _all_pieces(begun, pieces, view):
        if piece.kind != open_kind:
            yield _between(open_kind, piece.kind)
            open_kind, is_first = piece.kind, True
        if piece.texts:
            yield (b"" if is_first else b",") + b",".join(piece.texts)
            is_first = False
    yield _between(open_kind, None) + b"}"


async def _all_pieces(begun: _Export, pieces: list[_Piece], view: WorkspaceView) -> AsyncIterator[_Piece]:
    while pieces:
        yield pieces.pop(0)
    while begun.left:
        yield await begun.piece(view)


def _between(before: Kind | None, after: Kind | None) -> bytes:
    """What stands between the resources of one kind and those of another: kinds of which there are none."""
    places = list(KINDS)
    first = 0 if before is None else places.index(before) + 1
    last = len(places) if after is None else places.index(after)
    closed = b"" if before is None else b"]"
    empty = b"".join(f',"{FIELDS[kind]}":[]'.encode() for kind in places[first:last])
    return closed + empty + (b"" if after is None else f',"{FIELDS[after]}":['.encode())


def _texts(kind: Kind, rows: list[Writable]) -> list[bytes]:
    return [
        orjson.dumps(withheld.shown(apply_files.written(kind, row)), reading.plain, orjson.OPT_UTC_Z) for row in rows
    ]


async def unseen_there(view: WorkspaceView, names: Collection[Name]) -> dict[Name, unseen.Texts]:
    """What of these resources, as they are now, holds a character that is not seen."""
    found = await view.in_one(lambda inside: managed.present(inside, names), is_trial=True)
    return {(kind, name): unseen.texts_in(apply_files.written(kind, row)) for (kind, name), row in _rows(found).items()}


def _rows(present: Present) -> dict[Name, Writable]:
    rows: dict[Name, Writable] = dict(present.documents)
    rows |= {("endpoint", name): row for name, row in present.endpoints.items()}
    rows |= {("heartbeat", name): row for name, row in present.heartbeats.items()}
    rows |= {("alert_rule", name): row for name, row in present.alert_rules.items()}
    return rows | {("job", name): row for name, row in present.jobs.items() if row.trigger == "CRON"}


async def _secrets_of(view: WorkspaceView, endpoints: list[str]) -> set[str]:
    """The secrets that these endpoints need."""
    found: set[str] = set()
    for names in _parts(endpoints):
        present = await managed.present(view, [("endpoint", name) for name in names])
        found |= {name for row in present.endpoints.values() for name in apply_files.secrets_of(row)}
    return found


def _parts(names: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(names), _AT_ONCE):
        yield names[at : at + _AT_ONCE]


def _require_few(found: list[AnyName]) -> None:
    for kind in ("secret", *KINDS):
        if sum(each.kind == kind for each in found) > MOST_OF_A_KIND:
            detail = f"the workspace has more than {MOST_OF_A_KIND} {kind.replace('_', ' ')}s, more than a file holds"
            hint = "Export the sets that manage them, one by one: ?set=NAME."
            raise errors.Unprocessable.of(Fault(pointer="/set", detail=detail, hint=hint))
