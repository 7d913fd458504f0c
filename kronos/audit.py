"""List, export and verify the audit of a workspace or of the instance: who changed what.

PostgreSQL writes its rows together with the change itself (sql/functions/audit, decision 0072).
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from kronos import errors, owner, session
from kronos.database import PAGE_BYTES, InstanceView, WorkspaceView
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.sql import statement

ONE_SHOT = "one_shot"
ONE_SHOT_MADE = "one_shot.create"
LOOKED_AT = 10_000
"""Executions scanned for one page of one-shots (sql/functions/history/one_shots_made.sql)."""
_LINES = 500  # of an export, per statement
_ROWS = 5_000  # of a verification, per statement
_ZERO = UUID(int=0)
_SEALED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows to return; `object_id` is an id, `object` a name."""

    actor: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    object: str | None = None
    request_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change. `before` and `after` hold what was changed, with an input as its SHA-256 and size. `number` and
    `hash` are its place in the chain of its workspace or of the instance; null until it is sealed, seconds later.
    `source`: "apply" if it came from applied files."""

    audit_id: UUID
    workspace: str | None
    at: datetime
    actor: str
    key_id: str | None
    address: str | None
    request_id: str | None
    database_user: str
    action: str
    object_type: str
    object_id: str
    object: str | None
    before: JsonObject | None
    after: JsonObject | None
    number: int | None
    hash: str | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAuditRow(AuditRow):
    """A row in a page, and whether more rows follow the page."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShotMade(AuditRow):
    """A one-shot and who created it. If `place_id` is set, the row only marks where the scan of executions stopped."""

    place_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHead:
    """A chain's ends as they are stored; null if it has no row."""

    workspace: str | None
    number: int | None
    hash: str | None
    sealed_at: datetime | None
    pending: int
    cut_number: int | None
    cut_hash: str | None
    cut_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The last row that retention removed from the beginning of a chain."""

    number: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The last sealed row of a chain. A copy of its number and hash, kept elsewhere, can prove later that nothing up to
    it was changed. `pending`: rows that are not sealed yet."""

    workspace: str | None
    number: int
    hash: str | None
    sealed_at: datetime | None
    pending: int
    cut: Cut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sealed row in its exported form."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain as its owner sees it. `noted_cut`: where it was last cut, as recorded in the chain itself."""

    chain_id: UUID
    workspace: str | None
    number: int
    hash: bytes
    cut_number: int
    cut_hash: bytes
    pending: int
    noted_cut: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """How far a chain was verified, and what is wrong with the next row."""

    number: int
    hash: bytes
    seen: int
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRows:
    """How many rows were added to their chains."""

    sealed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The result of verifying a chain; `fault` is None if it is intact."""

    workspace: str | None
    seen: int
    first: int
    number: int
    hash: str
    pending: int
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A head that was recorded earlier."""

    number: int
    hash: str


_LIST = statement("audit.list_audit", ListedAuditRow)
_LIST_ALL = statement("audit.list_instance_audit", ListedAuditRow)
_LIST_ONE_SHOTS = statement("audit.list_one_shots_made", OneShotMade)
_HEAD = statement("audit.get_head", StoredHead)
_EXPORTED = statement("audit.list_lines", Line)
_CHAINS = statement("audit.list_chains", Chain)
_READ_CHAIN = statement("audit.read_chain", Walked)
_SEAL = statement("audit.seal", SealedRows)


async def list_page(
    view: WorkspaceView | InstanceView, which: AuditFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[ListedAuditRow]:
    """Return up to `limit` rows, newest first, after the position `before`; fewer if they exceed PAGE_BYTES."""
    params = _params(which, limit, before) | {"bytes": PAGE_BYTES}
    return await view.rows(_LIST if isinstance(view, WorkspaceView) else _LIST_ALL, params)


def _params(which: AuditFilter, limit: int, before: tuple[datetime, UUID] | None) -> dict[str, object]:
    at, audit_id = before or (None, None)
    given = {name: value for name, value in asdict(which).items() if value is not None}
    shown = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}
    return {"filter": Jsonb(shown), "limit": limit, "before_at": at, "before_id": audit_id}


async def list_one_shots(
    view: WorkspaceView, which: AuditFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> tuple[list[OneShotMade], tuple[datetime, UUID] | None]:
    """Return up to `limit` of the workspace's one-shots with who created them, newest first, and the position after
    which more may follow. A call that has scanned 10,000 executions returns fewer, or none. Raises
    WorkspaceNotFound."""
    if which.action not in (None, ONE_SHOT_MADE) or which.object_type not in (None, ONE_SHOT):
        return [], None
    rows = await view.rows(_LIST_ONE_SHOTS, _params(which, limit + 1, before))
    if rows and rows[-1].place_id is not None:
        return rows[:-1], (rows[-1].at, rows[-1].place_id)
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], None if last is None else (last.at, last.audit_id)


async def exported_one_shots(view: WorkspaceView, which: AuditFilter) -> AsyncIterator[bytes]:
    """Yield who created the workspace's one-shots, as JSON lines, newest first, a few hundred at a time. Raises
    WorkspaceNotFound."""
    place: tuple[datetime, UUID] | None = None
    while True:
        rows, place = await list_one_shots(view, which, limit=_LINES, before=place)
        shown = ({each.name: getattr(row, each.name) for each in fields(AuditRow)} for row in rows)
        yield b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for each in shown)
        if place is None:
            return


async def head(view: WorkspaceView | InstanceView) -> ChainHead:
    """Return where the chain ends. Raises WorkspaceNotFound."""
    (stored,) = await view.rows(_HEAD, {})
    cut = None
    if stored.cut_number and stored.cut_hash is not None and stored.cut_at is not None:
        cut = Cut(number=stored.cut_number, hash=stored.cut_hash, at=stored.cut_at)
    return ChainHead(
        workspace=stored.workspace,
        number=stored.number or 0,
        hash=stored.hash,
        sealed_at=stored.sealed_at,
        pending=stored.pending,
        cut=cut,
    )


async def exported(view: WorkspaceView | InstanceView, *, after: int) -> AsyncIterator[bytes]:
    """Yield the chain's sealed rows after number `after`, as JSON lines, a few hundred at a time. Raises
    WorkspaceNotFound."""
    while lines := await view.rows(_EXPORTED, {"after": after, "limit": _LINES}):
        yield "".join(f"{line.text}\n" for line in lines).encode()
        after = lines[-1].number
        if len(lines) < _LINES:
            return


def verify(admin_database_url: str, pins: Sequence[tuple[str | None, Pin]] = ()) -> Iterator[Verified]:
    """Seal the committed rows, then recompute all chains in one snapshot and yield the result of each. `pins`: recorded
    heads of workspaces, or of the instance (None). Raises AuditRefused, DatabaseUnavailable."""
    with owner.connected(admin_database_url, errors.AuditRefused) as connection:
        while session.rows(connection, _SEAL, {"limit": _SEALED_AT_ONCE})[0].sealed == _SEALED_AT_ONCE:
            connection.commit()
        connection.commit()
        connection.execute("set transaction isolation level repeatable read, read only")
        chains = session.rows(connection, _CHAINS, {})
        for chain in chains:
            own = [pin for workspace, pin in pins if workspace == chain.workspace]
            yield _verified(connection, chain, sorted(own, key=lambda pin: pin.number))
        known = {chain.workspace for chain in chains}
        for workspace, pin in pins:
            if workspace not in known:
                yield _absent(workspace, pin)


def _absent(workspace: str | None, pin: Pin) -> Verified:
    fault = f"there is no such chain, but its number {pin.number} was recorded"
    return Verified(workspace=workspace, seen=0, first=1, number=0, hash="", pending=0, fault=fault)


def _verified(connection: session.Connection, chain: Chain, pins: Sequence[Pin]) -> Verified:
    number, digest, seen = chain.cut_number, chain.cut_hash, 0
    fault = _fault_of_cut(chain)
    stops = [pin for pin in pins if pin.number >= number]
    while fault is None:
        bound = stops[0].number - number if stops else _ROWS
        if bound == 0:
            if stops.pop(0).hash != digest.hex():
                fault = f"the hash of number {number} differs from the recorded one"
            continue
        params = {"chain_id": chain.chain_id, "after": number, "hash": digest, "limit": min(bound, _ROWS)}
        (walked,) = session.rows(connection, _READ_CHAIN, params)
        number, digest, seen, fault = walked.number, walked.hash, seen + walked.seen, walked.fault
        if walked.seen == 0:
            break
    if fault is None and (number, digest) != (chain.number, chain.hash):
        fault = f"it ends with number {number}, but its head says {chain.number}"
    if fault is None and stops:
        fault = f"it ends with number {number}, but number {stops[0].number} was recorded"
    return Verified(
        workspace=chain.workspace,
        seen=seen,
        first=chain.cut_number + 1,
        number=number,
        hash=digest.hex(),
        pending=chain.pending,
        fault=fault,
    )


def _fault_of_cut(chain: Chain) -> str | None:
    """Return what is wrong with the chain's beginning, or None. A cut is recorded in the chain itself."""
    if chain.cut_number == 0:
        genesis = hashlib.sha256(f"kronos audit {chain.chain_id}".encode()).digest()
        return None if chain.cut_hash == genesis else "it does not begin as a chain must"
    noted = chain.noted_cut or {}
    if (noted.get("number"), noted.get("hash")) != (chain.cut_number, chain.cut_hash.hex()):
        return f"it begins after number {chain.cut_number}, but records no retention that cut it there"
    return None


def verify_export(lines: Iterable[bytes], pins: Sequence[Pin] = ()) -> Verified:
    """Recompute an export without a database. If its first line is not the chain's first, that line is taken as
    given."""
    pinned: dict[int, set[str]] = {}
    for pin in pins:
        pinned.setdefault(pin.number, set()).add(pin.hash)
    number, digest, seen, first = 0, b"", 0, 0
    workspace: str | None = None
    fault: str | None = None
    for line in lines:
        try:
            row, hashed, record, workspace, chain_id = _read(line)
        except (ValueError, KeyError, TypeError):
            fault = f"the line after number {number} is not a line of an export"
            break
        if not seen:
            first = row
            digest = hashlib.sha256(f"kronos audit {chain_id}".encode()).digest() if row == 1 else b""
        elif row != number + 1:
            fault = f"number {number + 1} is missing"
            break
        if digest and hashlib.sha256(digest + record).digest() != hashed:
            fault = f"number {row} is not what was sealed: it, or a row before it, was changed"
            break
        number, digest, seen = row, hashed, seen + 1
        if pinned.pop(row, {hashed.hex()}) != {hashed.hex()}:
            fault = f"the hash of number {row} differs from the recorded one"
            break
    if fault is None and pinned:
        fault = f"number {min(pinned)}, which was recorded, is missing"
    return Verified(
        workspace=workspace, seen=seen, first=first, number=number, hash=digest.hex(), pending=0, fault=fault
    )


def _read(line: bytes) -> tuple[int, bytes, bytes, str | None, UUID]:
    """Return the number, hash and record of a line, and whose chain it is part of. Raises ValueError, KeyError,
    TypeError."""
    head, _, rest = line.rstrip(b"\n").partition(b', "record": ')
    said, record = json.loads(head + b"}"), rest.removesuffix(b"}")
    shown = json.loads(record)
    if shown["number"] != said["number"]:
        raise ValueError("the record has another number")
    chain_id = UUID(str(shown["workspace_id"])) if shown["workspace_id"] else _ZERO
    return int(said["number"]), bytes.fromhex(said["hash"]), record, shown["workspace"], chain_id
