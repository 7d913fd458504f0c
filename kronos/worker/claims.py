"""The worker's claim statements (sql/queries/claims.sql), and what each guarantees when its answer is lost. results.py
finishes claims.

Ids stay text, as PostgreSQL sends them: they are only compared and sent back. Rows are tuples: each delivery needs
several, and a frozen dataclass takes ten times as long to create.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from kronos.lines import Log
from kronos.records import dataclass
from kronos.sql import statement
from kronos.worker.arrays import literal
from kronos.worker.link import Link

EVERYTHING = datetime.min.replace(tzinfo=UTC)  # as a floor: the beginning of the index
# A lease lasts this much longer than the endpoint's timeout: time for the claim's answer before, and to finalize after.
MARGIN = timedelta(seconds=5)
_UPKEEP_AT_ONCE = 1000
_log = Log("kronos.worker")


class DueEndpoint(NamedTuple):
    """An endpoint with something to claim, now or in `due_in_ms`; `due_at` is that time on the database's clock."""

    endpoint_id: str
    due_in_ms: float
    due_at: datetime
    workspace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Counts of one upkeep: ended leases of dead workers, executions released that had waited for another of their job,
    and executions created by backfills. `backfilled` is None while no backfill is RUNNING."""

    requeued: int
    failed: int
    released: int
    backfilled: int | None


class Claim(NamedTuple):
    """An execution leased to this worker; `input` is JSON as text."""

    execution_id: str
    workspace_id: str
    job_id: str
    endpoint_id: str
    endpoint_version: int
    attempt_count: int
    max_attempts: int
    scheduled_at: datetime
    timeout_ms: int
    holds_slot: bool
    input: str
    due_at: datetime
    priority: int | None = None  # 0
    place: str | None = None  # of its row, valid until the row changes: (block, number)
    opens_in_ms: float | None = None  # of a row without an execution: see Closed


class Closed(NamedTuple):
    """A limited endpoint with no capacity left.

    It has more in `opens_in_ms`, when its next token comes. None: once one of its own or its workspace's slots is given
    back."""

    endpoint_id: str
    workspace_id: str
    opens_in_ms: float | None


class EndpointVersion(NamedTuple):
    """The version of an endpoint that deliveries are made from; documents are JSON as text.

    `secrets`: the names of all secrets needed; `signing_secrets`: those among them that sign, newest first."""

    endpoint_id: str
    version: int
    type: str
    spec: str
    retry_policy: str
    workspace_id: str
    secrets: list[str]
    signing_secrets: list[str]
    config: str | None = None


class SealedSecret(NamedTuple):
    """A secret as it is stored; without a key_id its value is lost."""

    workspace_id: str
    name: str
    version: int
    key_id: str | None
    nonce: bytes | None
    ciphertext: bytes | None


class RunFacts(NamedTuple):
    """Values that a delivery's templates may name, but that a claim does not carry."""

    execution_id: str
    cause: str
    job_name: str | None
    scheduled_local: str


class TraceFacts(NamedTuple):
    """Values for a delivery's spans that a claim does not carry.

    `traceparent`: the span that created the execution, whose trace it is part of (`is_part`), or that created its
    job."""

    execution_id: str
    cause: str
    created_at: datetime | None
    claimed_at: datetime | None
    traceparent: str | None
    is_part: bool


class Held(NamedTuple):
    """An execution that a worker is delivering, and the token of its claim."""

    execution_id: str
    claim_token: str


class Wanted(NamedTuple):
    """How many executions of an endpoint to claim, and the time and rank from which to read its index."""

    endpoint_id: str
    quota: int
    floor: datetime
    rank: datetime = EVERYTHING


_DUE = statement("claims.list_due_endpoints", DueEndpoint)
_UPKEEP = statement("claims.upkeep", Upkeep)
_EXPIRE_LEASES = statement("claims.expire_leases", Upkeep)
_CLAIM = statement("claims.claim_executions", Claim)
_UNWANTED = statement("claims.list_unwanted", Held)
_RECOVER = statement("claims.recover_claim", Claim)
_VERSIONS = statement("claims.get_endpoint_versions", EndpointVersion)
_FACTS = statement("claims.get_run_facts", RunFacts)
_TRACES = statement("claims.get_trace_facts", TraceFacts)
_SECRETS = statement("claims.get_secrets", SealedSecret)


async def due_endpoints(link: Link, *, floors: Mapping[str, datetime], since: timedelta | None) -> list[DueEndpoint]:
    """Return endpoints with something to claim, now or later, as a hint. Raises psycopg.Error.

    Endpoints in `floors` are read from their floor, the others from `since` ago; None: from the beginning.
    """
    seconds = None if since is None else since.total_seconds()
    return await link.texts(
        _DUE,
        {
            "endpoint_ids": literal(floors),
            "floors": literal([_floor(at) for at in floors.values()]),
            "since_seconds": seconds,
        },
    )


async def upkeep(link: Link, *, all_leases: bool) -> Upkeep | None:
    """End leases of dead workers and release executions that need not wait any longer, up to a thousand of each.

    Without `all_leases`, only leases that expired within the last three seconds are ended. Returns None if part of it
    failed; due executions are delivered anyway. Raises psycopg.Error if the connection is lost.
    """
    try:
        (kept,) = await link.rows(_UPKEEP, {"limit": _UPKEEP_AT_ONCE, "all_leases": all_leases}, may_fail=True)
    except psycopg.Error as error:
        if not link.is_connected:
            raise
        _log.warning(
            "upkeep.failed",
            "upkeep failed: this worker cannot process deadlines, backfills and held executions: %s",
            error.diag.message_primary or error,
        )
        return None
    return kept


async def expire_leases(link: Link) -> Upkeep | None:
    """End up to a thousand leases of dead workers like `upkeep`, and nothing else. Used while `upkeep` fails."""
    try:
        (kept,) = await link.rows(_EXPIRE_LEASES, {"limit": _UPKEEP_AT_ONCE}, may_fail=True)
    except psycopg.Error as error:
        if not link.is_connected:
            raise
        _log.warning(
            "leases.not_seen_to",
            "this worker cannot end leases of lost attempts: %s",
            error.diag.message_primary or error,
        )
        return None
    return kept


async def claim(
    link: Link, wanted: Sequence[Wanted], *, token: str, worker_id: str, shortest_lease: timedelta
) -> tuple[list[Claim], list[Closed]]:
    """Claim due executions for this worker under `token`, and return the endpoints whose limits allowed no more.

    Each lease lasts for the endpoint's timeout plus MARGIN, at least `shortest_lease`. Waits for no lock. Raises
    psycopg.Error; `recover` then finds what was claimed.
    """
    rows = await link.texts(
        _CLAIM,
        {
            "endpoint_ids": literal([one.endpoint_id for one in wanted]),
            "quotas": literal([str(one.quota) for one in wanted]),
            "floors": literal([_floor(one.floor) for one in wanted]),
            "ranks": literal([_floor(one.rank) for one in wanted]),
            "claim_token": token,
            "worker_id": worker_id,
            "margin_ms": _milliseconds(MARGIN),
            "shortest_lease_ms": _milliseconds(shortest_lease),
        },
    )
    taken = len(rows)
    while taken and not rows[taken - 1].execution_id:  # these come last, if there are any
        taken -= 1
    return rows[:taken], [Closed(row.endpoint_id, row.workspace_id, row.opens_in_ms) for row in rows[taken:]]


def _floor(at: datetime) -> str:
    """Return a floor for PostgreSQL: a row written by SQL may be due earlier than Python's datetime can express."""
    return "-infinity" if at == EVERYTHING else at.isoformat()


async def recover(link: Link, wanted: Sequence[Wanted], *, token: str) -> list[Claim]:
    """Return the executions claimed under this token, after the claim's answer was lost. Raises psycopg.Error."""
    return await link.texts(_RECOVER, {"claim_token": UUID(token), "endpoint_ids": [one.endpoint_id for one in wanted]})


async def unwanted(link: Link, held: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of these executions that were cancelled or that their token no longer holds. Raises psycopg.Error.

    `held` are pairs of an execution's id and its claim's token."""
    params = {"execution_ids": [each[0] for each in held], "claim_tokens": [each[1] for each in held]}
    return {(row.execution_id, row.claim_token) for row in await link.texts(_UNWANTED, params)}


async def endpoint_versions(link: Link, keys: Iterable[tuple[str, int]]) -> list[EndpointVersion]:
    """Return those of these endpoint versions that exist. Raises psycopg.Error."""
    wanted = list(keys)
    return await link.texts(
        _VERSIONS, {"endpoint_ids": [key[0] for key in wanted], "versions": [key[1] for key in wanted]}
    )


async def run_facts(link: Link, execution_ids: Sequence[str]) -> dict[str, RunFacts]:
    """Return the facts of executions leased to this worker, by id. Raises psycopg.Error."""
    return {each.execution_id: each for each in await link.texts(_FACTS, {"execution_ids": literal(execution_ids)})}


async def trace_facts(link: Link, execution_ids: Sequence[str]) -> list[TraceFacts]:
    """Return the trace facts of executions leased to this worker. Raises psycopg.Error."""
    return await link.texts(_TRACES, {"execution_ids": literal(execution_ids)})


async def secrets(link: Link, wanted: Iterable[tuple[str, str]]) -> list[SealedSecret]:
    """Return those of these secrets (workspace, name) that exist. Raises psycopg.Error."""
    keys = list(wanted)
    return await link.texts(_SECRETS, {"workspace_ids": [key[0] for key in keys], "names": [key[1] for key in keys]})


def _milliseconds(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))
