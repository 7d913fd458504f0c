"""What a workspace has, as files hold it."""

from collections.abc import Collection

from pydantic import Field

from kronos import errors, managed, unseen
from kronos.api import apply_files
from kronos.api.apply_files import FIELDS, Writable
from kronos.api.fields import Query, Slug
from kronos.apply_terms import MOST_OF_A_KIND, ExportedFile
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.managed import KINDS, AnyName, Name, Present
from kronos.model import Endpoint


class ExportQuery(Query):
    """Which resources."""

    set: Slug | None = Field(
        default=None,
        description="What this set of files manages; else all, whoever made it, under the name of the set that there "
        "is, or as `default`.",
        examples=["billing"],
    )


async def export(view: WorkspaceView, query: ExportQuery) -> ExportedFile:
    """The file. CRON jobs without a name cannot stand in one and are left out, as one-shots are. Raises Unprocessable
    where there is more than a file may hold."""

    return await view.in_one(lambda inside: _read(inside, query.set), is_trial=True)


async def _read(view: WorkspaceView, set_name: str | None) -> ExportedFile:
    found = await managed.all_names(view, limit=MOST_OF_A_KIND + 1)
    notes = await managed.of_workspace(view)
    sets = {note.set_name for note in notes.values() if note.is_same}
    if set_name is None:
        _require_few(found)
        names: list[Name] = [(each.kind, each.name) for each in found if each.kind != "secret" and each.name]
    else:
        names = [key for key, note in notes.items() if note.set_name == set_name and note.is_same]
    rows = _rows(await managed.present(view, names))
    of_kind = {
        FIELDS[kind]: [apply_files.written(kind, rows[key]) for key in sorted(rows) if key[0] == kind] for kind in KINDS
    }
    secrets = [{"name": name} for name in _secrets(found, rows, is_of_all=set_name is None)]
    return ExportedFile(set=set_name or (sets.pop() if len(sets) == 1 else "default"), secrets=secrets, **of_kind)


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


def _secrets(found: list[AnyName], rows: dict[Name, Writable], *, is_of_all: bool) -> list[str]:
    """Those that there are; of a set those that its endpoints name."""
    there = [each.name for each in found if each.kind == "secret" and each.name]
    if is_of_all:
        return there
    named = {name for row in rows.values() if isinstance(row, Endpoint) for name in apply_files.secrets_of(row)}
    return [name for name in there if name in named]


def _require_few(found: list[AnyName]) -> None:
    for kind in ("secret", *KINDS):
        if sum(each.kind == kind for each in found) > MOST_OF_A_KIND:
            detail = f"the workspace has more than {MOST_OF_A_KIND} {kind.replace('_', ' ')}s, more than a file holds"
            hint = "Export the sets that manage them, one by one: ?set=NAME."
            raise errors.Unprocessable.of(Fault(pointer="/set", detail=detail, hint=hint))
