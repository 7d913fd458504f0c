"""The resources of a workspace that apply manages, and those that files name: the rows of sql/queries/managed.sql."""

import time
from collections.abc import Collection, Mapping, Sequence
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
from kronos.records import dataclass
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
"""In the order of their creation: each may refer to the kinds before it."""
_DOCUMENT_KINDS: Final[dict[Kind, DocumentKind]] = {
    "config": "CONFIG",
    "payload_spec": "PAYLOAD_SPEC",
    "calendar": "CALENDAR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedApplies:
    """The workspace whose other applies wait for this one."""

    workspace_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A resource that files created or took over. `is_same`: the resource of that name is still the same one; None:
    there is none. `is_over`: a job that was not cancelled by anyone, but no longer exists."""

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
    """A resource that files could describe; a job without a name could not be. `job_id`: a job's live version."""

    kind: Literal["config", "payload_spec", "calendar", "secret", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str | None
    job_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingName:
    """A resource that fits into a page with others."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingJob:
    """A job that fits into a page with others: the version to show, and its place in the list, from 1 on."""

    job_id: UUID
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """The last change of a resource that was not made by files: who, when and how, from the audit."""

    kind: Kind
    name: str
    actor: str
    at: datetime
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingRuns:
    """A job's future runs: their number, and the first of them."""

    job_id: UUID
    name: str | None
    runs: int
    first_runs: list[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A resource that was added to a set, or removed from it."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPatience:
    """How long a statement waits for a lock: before the change, and since."""

    before: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The existing resources among those that files name."""

    documents: Mapping[Name, Document]
    endpoints: Mapping[str, Endpoint]
    jobs: Mapping[str, Job]
    heartbeats: Mapping[str, Heartbeat]
    alert_rules: Mapping[str, AlertRule]


COMING_SECONDS = 10.0
"""How long an apply computes the runs of jobs that it creates; as long again for jobs that it changes."""
_STEP_SECONDS = 1.0
_LOCK = statement("managed.lock_applies", LockedApplies)
_LIST = statement("managed.list_managed", Managed)
_LIVE_JOBS = statement("managed.list_live_jobs", LiveJob)
_LOCK_JOBS = statement("managed.lock_jobs", LiveJob)
_ENDPOINTS = statement("managed.list_endpoints", Endpoint)
_DOCUMENTS = statement("managed.list_documents", Document)
_ALL_NAMES = statement("managed.list_all_names", AnyName)
_FITTING = statement("managed.list_fitting", FittingName)
_FITTING_JOBS = statement("managed.list_fitting_jobs", FittingJob)
_LAST_CHANGES = statement("managed.list_last_changes", LastChange)
_COMING_RUNS = statement("managed.list_coming_runs", ComingRuns)
_SET = statement("managed.set_managed", Marked)
_SET_PATIENCE = statement("managed.set_patience", LockPatience)
_DELETE = statement("managed.delete_managed", Marked)


async def lock(view: WorkspaceView) -> None:
    """Block other applies of the workspace until the transaction ends."""
    await view.rows(_LOCK, {})


async def of_workspace(view: WorkspaceView) -> dict[Name, Managed]:
    """Return all resources of the workspace that files manage."""
    return {(each.kind, each.name): each for each in await view.rows(_LIST, {})}


async def present(view: WorkspaceView, names: Collection[Name]) -> Present:
    """Return the existing resources of these names."""
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
    """Return the live jobs of these names, locked against changes until the transaction ends. Raises
    DatabaseUnavailable if another session changes one and takes long."""
    return {each.name: each.job_id for each in await view.rows(_LOCK_JOBS, {"names": list(names)})} if names else {}


async def set_patience(view: WorkspaceView, patience: str) -> str:
    """Set how long each further statement of this transaction waits for a lock, in lock_timeout's format. Returns the
    previous value."""
    (patience_now,) = await view.rows(_SET_PATIENCE, {"patience": patience})
    return patience_now.before


async def all_names(view: WorkspaceView, *, limit: int) -> list[AnyName]:
    """Return the names of all resources that files could describe, up to `limit` of each kind."""
    return await view.rows(_ALL_NAMES, {"limit": limit})


async def fitting(view: WorkspaceView, kind: Kind, names: Sequence[str]) -> list[str]:
    """Return the first of these that exist: as many as hold at most PAGE_BYTES of user text, but at least one; empty
    if none exists any more."""
    params = {"kind": kind, "names": list(names), "bytes": PAGE_BYTES}
    return [each.name for each in await view.rows(_FITTING, params)]


async def live_jobs(view: WorkspaceView, names: Sequence[str]) -> dict[str, UUID]:
    """Return the live versions of the jobs of these names."""
    return {each.name: each.job_id for each in await view.rows(_LIVE_JOBS, {"names": list(names)})} if names else {}


async def jobs_as_listed(view: WorkspaceView, listed: Sequence[UUID]) -> tuple[list[Job], int]:
    """Return the first of these jobs that still exist, as many as hold at most PAGE_BYTES of inputs, but at least one;
    and how many of the list that covers.

    Each is as it is now, or as it was listed if it was renamed since: names stay those of the list, so that no job
    comes twice or not at all."""
    fitting = await view.rows(_FITTING_JOBS, {"job_ids": list(listed), "bytes": PAGE_BYTES})
    ids = [each.job_id for each in fitting]
    found = {each.job_id: each for each in await view.rows(batches.LIST_BY_IDS, {"ids": ids})} if ids else {}
    return [found[each] for each in ids if each in found], fitting[-1].nth if fitting else len(listed)


async def last_changes(view: WorkspaceView, names: Collection[Name]) -> dict[Name, LastChange]:
    """Return for each of these the last change that was not made by files."""
    if not names:
        return {}
    found = await view.rows(
        _LAST_CHANGES, {"objects": _written([{"kind": kind, "name": name} for kind, name in names])}
    )
    return {(each.kind, each.name): each for each in found}


async def coming_runs(
    view: WorkspaceView, job_ids: Sequence[UUID], *, within: timedelta, shown: int
) -> dict[UUID, ComingRuns]:
    """Return the future runs of these jobs. Left out are paused jobs, and those that do not fit into COMING_SECONDS:
    large calendars that move every minute of a day take a second per job. Runs in batches, to keep statements short."""
    found: dict[UUID, ComingRuns] = {}
    until, first, some = time.monotonic() + COMING_SECONDS, 0, 1
    while first < len(job_ids) and (began := time.monotonic()) < until:
        params = {"job_ids": list(job_ids[first : first + some]), "within": within, "shown": shown}
        found |= {each.job_id: each for each in await view.rows(_COMING_RUNS, params)}
        first += some
        some = some * 2 if time.monotonic() - began < _STEP_SECONDS else max(1, some // 4)
    return found


async def mark(view: WorkspaceView, set_name: str, fields: Mapping[Name, JsonObject]) -> None:
    """Add these to the set, with their fields from files."""
    if fields:
        resources = [{"kind": kind, "name": name, "fields": of_it} for (kind, name), of_it in fields.items()]
        await view.rows(_SET, {"set_name": set_name, "resources": _written(resources)})


async def unmark(view: WorkspaceView, names: Collection[Name]) -> None:
    """Remove these from their sets."""
    if names:
        await view.rows(_DELETE, {"resources": _written([{"kind": kind, "name": name} for kind, name in names])})


def _of_kind(kind: Kind, names: Collection[Name]) -> list[str]:
    return [name for of_kind, name in names if of_kind == kind]


def _written(records: list[JsonObject]) -> Jsonb:
    return Jsonb(records, dumps=orjson.dumps)
