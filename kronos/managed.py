"""What apply manages of a workspace, and what is there of what files name: the rows of sql/queries/managed.sql."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from kronos import alerts, batches, beats
from kronos.alert_rows import AlertRule
from kronos.beats import Heartbeat
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import Document, DocumentKind, Endpoint, Job, JsonObject
from kronos.sql import statement

Kind = Literal["config", "payload_spec", "calendar", "endpoint", "job", "heartbeat", "alert_rule"]
Name = tuple[Kind, str]
KINDS: Final[tuple[Kind, ...]] = (
    "config",
    "payload_spec",
    "calendar",
    "endpoint",
    "job",
    "heartbeat",
    "alert_rule",
)
"""In the order in which they are made: each may name what stands before it."""
_DOCUMENT_KINDS: Final[dict[Kind, DocumentKind]] = {
    "config": "CONFIG",
    "payload_spec": "PAYLOAD_SPEC",
    "calendar": "CALENDAR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedApplies:
    """The workspace whose applies wait for this one."""

    workspace_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A resource that files made, or took over. `is_same`: the one of its name is still that one; None: there is
    none. `is_over`: a job that nobody cancelled, and that there is none of any more."""

    kind: Kind
    name: str
    set_name: str
    fields: JsonObject
    applied_at: datetime
    is_same: bool | None
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveJob:
    """The live job of a name."""

    job_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyName:
    """Something that could stand in files; a job without a name could not."""

    kind: Literal["config", "payload_spec", "calendar", "secret", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingName:
    """A resource that is read together with others."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """Who changed a resource last without files, when and how, from the audit."""

    kind: Kind
    name: str
    actor: str
    at: datetime
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingRuns:
    """The runs that a job is going to have: how many, and the first of them."""

    job_id: UUID
    name: str | None
    runs: int
    first_runs: list[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A resource that was marked as a set's, or is no more."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPatience:
    """How long a statement waits for a lock: before it was set, and since."""

    before: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is there of what files name."""

    documents: Mapping[Name, Document]
    endpoints: Mapping[str, Endpoint]
    jobs: Mapping[str, Job]
    heartbeats: Mapping[str, Heartbeat]
    alert_rules: Mapping[str, AlertRule]


COMING_SECONDS = 10.0
"""So long an apply looks at the runs of jobs that it makes, as long at those of jobs that it changes."""
_STEP_SECONDS = 1.0
_LOCK = statement("managed.lock_applies", LockedApplies)
_LIST = statement("managed.list_managed", Managed)
_LIVE_JOBS = statement("managed.list_live_jobs", LiveJob)
_LOCK_JOBS = statement("managed.lock_jobs", LiveJob)
_ENDPOINTS = statement("managed.list_endpoints", Endpoint)
_DOCUMENTS = statement("managed.list_documents", Document)
_ALL_NAMES = statement("managed.list_all_names", AnyName)
_FITTING = statement("managed.list_fitting", FittingName)
_LAST_CHANGES = statement("managed.list_last_changes", LastChange)
_COMING_RUNS = statement("managed.list_coming_runs", ComingRuns)
_SET = statement("managed.set_managed", Marked)
_SET_PATIENCE = statement("managed.set_patience", LockPatience)
_DELETE = statement("managed.delete_managed", Marked)


async def lock(view: WorkspaceView) -> None:
    """Let no other apply of the workspace begin until the transaction ends."""
    await view.rows(_LOCK, {})


async def of_workspace(view: WorkspaceView) -> dict[Name, Managed]:
    """All that files manage of the workspace."""
    return {(each.kind, each.name): each for each in await view.rows(_LIST, {})}


async def present(view: WorkspaceView, names: Collection[Name]) -> Present:
    """What is there of these names."""
    documents: dict[Name, Document] = {}
    for kind, stored_as in _DOCUMENT_KINDS.items():
        if wanted := _of_kind(kind, names):
            found = await view.rows(_DOCUMENTS, {"kind": stored_as, "names": wanted})
            documents |= {(kind, each.name): each for each in found}
    wanted = _of_kind("endpoint", names)
    endpoints = await view.rows(_ENDPOINTS, {"names": wanted}) if wanted else []
    jobs: list[Job] = []
    if wanted := _of_kind("job", names):
        live = await view.rows(_LIVE_JOBS, {"names": wanted})
        jobs = await view.rows(batches.LIST_BY_IDS, {"ids": [each.job_id for each in live]}) if live else []
    return Present(
        documents=documents,
        endpoints={each.name: each for each in endpoints},
        jobs={each.name: each for each in jobs if each.name is not None},
        heartbeats=await beats.of_names(view, _of_kind("heartbeat", names)),
        alert_rules=await alerts.of_names(view, _of_kind("alert_rule", names)),
    )


async def lock_jobs(view: WorkspaceView, names: Collection[str]) -> dict[str, UUID]:
    """The live jobs of these names: nobody changes them until the transaction ends. Raises DatabaseUnavailable where
    somebody does and takes long."""
    return {each.name: each.job_id for each in await view.rows(_LOCK_JOBS, {"names": list(names)})} if names else {}


async def set_patience(view: WorkspaceView, patience: str) -> str:
    """How long each statement of this transaction waits for a lock from now on, as lock_timeout has it; how long it did
    before."""
    (patience_now,) = await view.rows(_SET_PATIENCE, {"patience": patience})
    return patience_now.before


async def all_names(view: WorkspaceView, *, limit: int) -> list[AnyName]:
    """The names of all that could stand in files, up to `limit` of each kind."""
    return await view.rows(_ALL_NAMES, {"limit": limit})


async def fitting(view: WorkspaceView, kind: Kind, names: Sequence[str]) -> list[str]:
    """The first of these that there are: as many as hold no more than PAGE_BYTES of what users wrote, one at least;
    none where there is none any more."""
    params = {"kind": kind, "names": list(names), "bytes": PAGE_BYTES}
    return [each.name for each in await view.rows(_FITTING, params)]


async def last_changes(view: WorkspaceView, names: Collection[Name]) -> dict[Name, LastChange]:
    """Who changed each of these last without files."""
    if not names:
        return {}
    found = await view.rows(
        _LAST_CHANGES, {"objects": _written([{"kind": kind, "name": name} for kind, name in names])}
    )
    return {(each.kind, each.name): each for each in found}


async def coming_runs(
    view: WorkspaceView, job_ids: Sequence[UUID], *, within: timedelta, shown: int
) -> dict[UUID, ComingRuns]:
    """The runs of these jobs; of a paused one none, and none of those that COMING_SECONDS do not suffice for: large
    calendars that move each minute of a day take a second a job. Some at a time, so that no statement takes long."""
    found: dict[UUID, ComingRuns] = {}
    until, first, some = time.monotonic() + COMING_SECONDS, 0, 1
    while first < len(job_ids) and (began := time.monotonic()) < until:
        params = {"job_ids": list(job_ids[first : first + some]), "within": within, "shown": shown}
        found |= {each.job_id: each for each in await view.rows(_COMING_RUNS, params)}
        first += some
        some = some * 2 if time.monotonic() - began < _STEP_SECONDS else max(1, some // 4)
    return found


async def mark(view: WorkspaceView, set_name: str, fields: Mapping[Name, JsonObject]) -> None:
    """These are the set's from now on, and files say this of them."""
    if fields:
        resources = [{"kind": kind, "name": name, "fields": of_it} for (kind, name), of_it in fields.items()]
        await view.rows(_SET, {"set_name": set_name, "resources": _written(resources)})


async def unmark(view: WorkspaceView, names: Collection[Name]) -> None:
    """These are no set's any more."""
    if names:
        await view.rows(_DELETE, {"resources": _written([{"kind": kind, "name": name} for kind, name in names])})


def _of_kind(kind: Kind, names: Collection[Name]) -> list[str]:
    return [name for of_kind, name in names if of_kind == kind]


def _written(records: list[JsonObject]) -> Jsonb:
    return Jsonb(records, dumps=orjson.dumps)
