"""Exports a workspace in the format of files: read and written piece by piece, however large it is."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from uuid import UUID

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
from kronos.records import dataclass

_JSON = "application/json"
_AT_ONCE = 50
"""How many resources of one kind are read together; fewer where they are large (managed.fitting)."""
# A full calendar takes 30 ms to write. One thread writes the pieces in turn, so that the event loop stays free.
_WRITER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="exports")


class ExportQuery(Query):
    """Which resources to export."""

    set: Slug | None = Field(
        default=None,
        description="Export only the resources that this set of files manages. Without it: all resources, under the "
        "name of the workspace's only set, or as `default`.",
        examples=["billing"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some resources of one kind, serialized."""

    kind: Kind
    texts: list[bytes]


@dataclass(slots=True, kw_only=True)
class _Export:
    """An export in progress. `left`: the resources still to be read, in file order; `jobs`: which jobs had their names
    when it began."""

    set_name: str
    secrets: list[str]
    left: list[Name]
    jobs: Mapping[str, UUID]

    async def piece(self, view: WorkspaceView) -> _Piece:
        """Return the next resources in their current state, under the names that they had when the export began.
        Resources deleted since are left out."""
        kind = self.left[0][0]
        names = [name for each, name in self.left[:_AT_ONCE] if each == kind]
        rows: list[Writable]
        if kind == "job":
            found, covered = await managed.jobs_as_listed(view, [self.jobs[name] for name in names])
            rows = [each for each in found if each.trigger == "CRON"]
        else:
            rows, covered = await _named_rows(view, kind, names)
        del self.left[:covered]
        written = copy_context().run  # in this context, as the caller may not see payloads
        texts = await asyncio.get_running_loop().run_in_executor(_WRITER, written, _texts, kind, rows)
        return _Piece(kind=kind, texts=texts)


async def _named_rows(view: WorkspaceView, kind: Kind, names: list[str]) -> tuple[list[Writable], int]:
    """Return the first of these resources, as many as a piece holds, and how many of the names that covers."""
    fitting = await managed.fitting(view, kind, names)
    if not fitting:
        return [], len(names)
    rows = _rows(await managed.present(view, [(kind, name) for name in fitting]))
    asked = names[: names.index(fitting[-1]) + 1]
    return [rows[kind, name] for name in asked if (kind, name) in rows], len(asked)


async def export(call: Call, view: WorkspaceView, query: ExportQuery, *, needs: Role) -> Response:
    """Return the file. CRON jobs without a name are left out, as files identify jobs by name; so are one-shots. Raises
    Unprocessable if there is more than a file may hold. `needs`: the role that the caller must keep until the end.

    Each piece is read separately, and no database session is held while it is sent, so a slow client blocks nothing. An
    export of at most one page is sent when it is complete.
    """
    begun, pieces = await _named(view, query.set), list[_Piece]()
    while begun.left and sum(len(text) for piece in pieces for text in piece.texts) < PAGE_BYTES:
        pieces.append(await begun.piece(view))
    text = _text(begun, pieces, view)
    if not begun.left:
        return Response(b"".join([some async for some in text]), media_type=_JSON)
    return streamed(call, needs, text, _JSON)


async def _named(view: WorkspaceView, set_name: str | None) -> _Export:
    """Return what the file will contain."""
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
    ids = {each.name: each.job_id for each in found if each.name and each.job_id}
    wanted = [name for kind, name in names if kind == "job"]
    ids |= await managed.live_jobs(view, [name for name in wanted if name not in ids])
    names = [(kind, name) for kind, name in names if kind != "job" or name in ids]
    name_of_set = set_name or (sets.pop() if len(sets) == 1 else "default")
    return _Export(
        set_name=name_of_set,
        secrets=secrets,
        left=[key for kind in KINDS for key in sorted(names) if key[0] == kind],
        jobs=ids,
    )


async def _text(begun: _Export, pieces: list[_Piece], view: WorkspaceView) -> AsyncIterator[bytes]:
    """Yield the file's text: the JSON of an ExportedFile, whose fields have this order."""
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
    """Return the text between the resources of two kinds: empty lists for the kinds in between."""
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
    """Return the stored texts of these resources that contain invisible characters."""
    found = await view.in_one(lambda inside: managed.present(inside, names), is_trial=True)
    return {(kind, name): unseen.texts_in(apply_files.written(kind, row)) for (kind, name), row in _rows(found).items()}


def _rows(present: Present) -> dict[Name, Writable]:
    rows: dict[Name, Writable] = dict(present.documents)
    rows |= {("endpoint", name): row for name, row in present.endpoints.items()}
    rows |= {("heartbeat", name): row for name, row in present.heartbeats.items()}
    rows |= {("alert_rule", name): row for name, row in present.alert_rules.items()}
    return rows | {("job", name): row for name, row in present.jobs.items() if row.trigger == "CRON"}


async def _secrets_of(view: WorkspaceView, endpoints: list[str]) -> set[str]:
    """Return the secrets that these endpoints need."""
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
            named = f"{kind.replace('_', ' ')}s"
            detail = f"the workspace has more than {MOST_OF_A_KIND:,} {named}, more than a file holds"
            hint = f"Export its sets one by one. No file is written of {named} that belong to no set: list them."
            raise errors.Unprocessable.of(Fault(pointer="/set", detail=detail, hint=hint))
