"""What a worker looks for, claims and reads (sql/queries/claims.sql), with what each statement promises when its answer
is lost. How claims end stands in results.py.

Ids are text, as PostgreSQL writes them: they are compared, sent and given back, and nothing else. Rows are
tuples: there are several for each delivery, and a frozen dataclass takes ten times as long to make.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from kronos.lines import Log
from kronos.sql import statement
from kronos.worker.arrays import literal
from kronos.worker.link import Link

EVERYTHING = datetime.min.replace(tzinfo=UTC)  # as a floor: from the beginning of the index
# What a lease has beyond the endpoint's timeout: waiting for the claim's answer before, and for the finalize after.
MARGIN = timedelta(seconds=5)
_UPKEEP_AT_ONCE = 1000
_log = Log("kronos.worker")


class DueEndpoint(NamedTuple):
    """An endpoint with something to claim, now or in `due_in_ms`, which is `due_at` by the database's clock."""

    endpoint_id: str
    due_in_ms: float
    due_at: datetime
    workspace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """How many leases of dead workers were ended, how many executions go that had waited for another of their job, and
    how many backfills made; `backfilled` is None while no backfill is RUNNING."""

    requeued: int
    failed: int
    released: int
    backfilled: int | None


class Claim(NamedTuple):
    """An execution that is leased to this worker; `input` is JSON as text."""

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
    place: str | None = None  # of its row, as long as nobody changes that: (block, number)
    opens_in_ms: float | None = None  # of a row without an execution: see Closed


class Closed(NamedTuple):
    """A limited endpoint that gave all that it could: more is claimed of it in `opens_in_ms`, when its next token
    comes, or, where that is None, once a slot of it, or of its workspace, is given back."""

    endpoint_id: str
    workspace_id: str
    opens_in_ms: float | None


class EndpointVersion(NamedTuple):
    """What deliveries to an endpoint are made of; the documents are JSON as text. `secrets`: the names of those that
    are needed, `signing_secrets` of those among them that sign, the newest first."""

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
    """What a delivery's templates may name and a claim does not carry."""

    execution_id: str
    cause: str
    job_name: str | None
    scheduled_local: str


class TraceFacts(NamedTuple):
    """What spans of a delivery are made of, and a claim does not carry. `traceparent`: the span that has made the
    execution, of which it is a part (`is_part`), or its job."""

    execution_id: str
    cause: str
    created_at: datetime | None
    claimed_at: datetime | None
    traceparent: str | None
    is_part: bool


class Held(NamedTuple):
    """An execution that a worker is delivering, and the token that it has it under."""

    execution_id: str
    claim_token: str


class Wanted(NamedTuple):
    """How many executions of an endpoint to claim, and from which time and which rank on its index is worth reading."""

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
    """Endpoints with something to claim, now or later: a hint. Raises psycopg.Error.

    Those in `floors` are read from there on, the others from `since` ago on, or, where that is None, from the
    beginning.
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
    """End leases of dead workers, and let go what need not wait any longer, up to a thousand of each. Raises
    psycopg.Error where the connection is lost. None where something in it failed: what is due is delivered all the
    same.

    Without `all_leases` of those that ended within the last three seconds.
    """
    try:
        (kept,) = await link.rows(_UPKEEP, {"limit": _UPKEEP_AT_ONCE, "all_leases": all_leases}, may_fail=True)
    except psycopg.Error as error:
        if not link.is_connected:
            raise
        _log.warning(
            "upkeep.failed",
            "deadlines, backfills and what else need not wait are not seen to by this worker: %s",
            error.diag.message_primary or error,
        )
        return None
    return kept


async def expire_leases(link: Link) -> Upkeep | None:
    """End leases of dead workers, up to a thousand, and nothing else, as `upkeep` does: for while that fails."""
    try:
        (kept,) = await link.rows(_EXPIRE_LEASES, {"limit": _UPKEEP_AT_ONCE}, may_fail=True)
    except psycopg.Error as error:
        if not link.is_connected:
            raise
        _log.warning(
            "leases.not_seen_to",
            "leases of lost attempts are not ended by this worker: %s",
            error.diag.message_primary or error,
        )
        return None
    return kept


async def claim(
    link: Link, wanted: Sequence[Wanted], *, token: str, worker_id: str, shortest_lease: timedelta
) -> tuple[list[Claim], list[Closed]]:
    """Due executions, leased to this worker under `token`: each for its timeout and MARGIN, at least `shortest_lease`;
    and which endpoints their limits kept from giving more.

    Waits for nobody. Raises psycopg.Error: what was claimed is then found by `recover`.
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
    while taken and not rows[taken - 1].execution_id:  # they come last, where there are any
        taken -= 1
    return rows[:taken], [Closed(row.endpoint_id, row.workspace_id, row.opens_in_ms) for row in rows[taken:]]


def _floor(at: datetime) -> str:
    """As PostgreSQL has it: a row written by SQL may be due before all that Python can tell."""
    return "-infinity" if at == EVERYTHING else at.isoformat()


async def recover(link: Link, wanted: Sequence[Wanted], *, token: str) -> list[Claim]:
    """What the claim of this token took, whose answer was lost. Raises psycopg.Error."""
    return await link.texts(_RECOVER, {"claim_token": UUID(token), "endpoint_ids": [one.endpoint_id for one in wanted]})


async def unwanted(link: Link, held: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of these executions, with the tokens of their claims, those that were cancelled or that the token does not hold
    any more. Raises psycopg.Error."""
    params = {"execution_ids": [each[0] for each in held], "claim_tokens": [each[1] for each in held]}
    return {(row.execution_id, row.claim_token) for row in await link.texts(_UNWANTED, params)}


async def endpoint_versions(link: Link, keys: Iterable[tuple[str, int]]) -> list[EndpointVersion]:
    """These versions of endpoints, as far as they exist. Raises psycopg.Error."""
    wanted = list(keys)
    return await link.texts(
        _VERSIONS, {"endpoint_ids": [key[0] for key in wanted], "versions": [key[1] for key in wanted]}
    )


async def run_facts(link: Link, execution_ids: Sequence[str]) -> dict[str, RunFacts]:
    """Of executions that are leased to this worker, by their ids. Raises psycopg.Error."""
    return {each.execution_id: each for each in await link.texts(_FACTS, {"execution_ids": literal(execution_ids)})}


async def trace_facts(link: Link, execution_ids: Sequence[str]) -> list[TraceFacts]:
    """Of executions that are leased to this worker. Raises psycopg.Error."""
    return await link.texts(_TRACES, {"execution_ids": literal(execution_ids)})


async def secrets(link: Link, wanted: Iterable[tuple[str, str]]) -> list[SealedSecret]:
    """The secrets of these workspaces and names, as far as they exist. Raises psycopg.Error."""
    keys = list(wanted)
    return await link.texts(_SECRETS, {"workspace_ids": [key[0] for key in keys], "names": [key[1] for key in keys]})


def _milliseconds(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))
