"""The worker's statements (sql/queries/claims.sql) with what each of them promises when its answer is lost.

Ids are text, as PostgreSQL writes them: they are compared, sent and given back, and nothing else. Rows are
tuples: there are several for each delivery, and a frozen dataclass takes ten times as long to make.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import psycopg

from kronos.delivery.sanitise import json_bytes
from kronos.sql import Statement, statement
from kronos.worker.arrays import Documents, literal
from kronos.worker.link import Link

Verdict = Literal["SUCCESS", "FAILED", "RETRY", "CANCELLED", "ALREADY", "FENCED", "DROPPED"]
EVERYTHING = datetime.min.replace(tzinfo=UTC)  # as a floor: from the beginning of the index
# What a lease has beyond the endpoint's timeout: waiting for the claim's answer before, and for the finalize after.
MARGIN = timedelta(seconds=5)
_UPKEEP_AT_ONCE = 1000
_log = logging.getLogger("kronos.worker")


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


class Result(NamedTuple):
    """What became of a claim: the row that ends it. The documents are JSON as text. `is_cut_off`: its worker stopped
    meanwhile. `slow_ms`: so long nothing is to be delivered to its endpoint. `is_gone`: the endpoint is, by its own
    word. `max_age_ms`: an older execution is not tried again; None: however old."""

    execution_id: str
    claim_token: str
    status: str
    is_retryable: bool
    retry_ms: int
    duration_ms: int
    request: str | None
    response: str | None
    error: str | None
    is_cut_off: bool = False
    slow_ms: int = 0
    is_gone: bool = False
    max_age_ms: int | None = None
    holds_slot: bool = False  # the claim did


class Judged(NamedTuple):
    """What a result or a release did to its execution."""

    execution_id: str
    verdict: str


class Left(NamedTuple):
    """An execution that finalize_successes has not ended."""

    execution_id: str


class Locked(NamedTuple):
    """An execution that another session has locked."""

    execution_id: str


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
_CLAIM = statement("claims.claim_executions", Claim)
_UNWANTED = statement("claims.list_unwanted", Held)
_RECOVER = statement("claims.recover_claim", Claim)
_VERSIONS = statement("claims.get_endpoint_versions", EndpointVersion)
_FACTS = statement("claims.get_run_facts", RunFacts)
_SECRETS = statement("claims.get_secrets", SealedSecret)
_SUCCEED = statement("claims.finalize_successes", Left)
_SUCCEED_LIMITED = statement("claims.finalize_limited_successes", Left)
_FINALIZE = statement("claims.finalize_executions", Judged)
_LOCKED = statement("claims.list_locked", Locked)
_JUDGE = statement("claims.judge_unapplied", Judged)
_RELEASE = statement("claims.release_executions", Judged)


async def due_endpoints(link: Link, *, floors: Mapping[str, datetime], since: timedelta | None) -> list[DueEndpoint]:
    """Endpoints with something to claim, now or later: a hint. Raises psycopg.Error.

    Those in `floors` are read from there on, the others from `since` ago on, or, where that is None, from the
    beginning.
    """
    seconds = None if since is None else since.total_seconds()
    return await link.texts(
        _DUE, {"endpoint_ids": list(floors), "floors": list(floors.values()), "since_seconds": seconds}
    )


async def upkeep(link: Link, *, all_leases: bool) -> Upkeep:
    """End leases of dead workers, and let go what need not wait any longer, up to a thousand of each. Raises
    psycopg.Error.

    Without `all_leases` of those that ended within the last three seconds.
    """
    (kept,) = await link.rows(_UPKEEP, {"limit": _UPKEEP_AT_ONCE, "all_leases": all_leases})
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
            "endpoint_ids": [one.endpoint_id for one in wanted],
            "quotas": [one.quota for one in wanted],
            "floors": [one.floor for one in wanted],
            "ranks": [one.rank for one in wanted],
            "claim_token": UUID(token),
            "worker_id": worker_id,
            "margin_ms": _milliseconds(MARGIN),
            "shortest_lease_ms": _milliseconds(shortest_lease),
        },
    )
    taken = len(rows)
    while taken and not rows[taken - 1].execution_id:  # they come last, where there are any
        taken -= 1
    return rows[:taken], [Closed(row.endpoint_id, row.workspace_id, row.opens_in_ms) for row in rows[taken:]]


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
    return {each.execution_id: each for each in await link.texts(_FACTS, {"execution_ids": list(execution_ids)})}


async def secrets(link: Link, wanted: Iterable[tuple[str, str]]) -> list[SealedSecret]:
    """The secrets of these workspaces and names, as far as they exist. Raises psycopg.Error."""
    keys = list(wanted)
    return await link.texts(_SECRETS, {"workspace_ids": [key[0] for key in keys], "names": [key[1] for key in keys]})


async def finalize(link: Link, results: Sequence[Result], *, worker_id: str) -> dict[str, Verdict]:
    """End these claims, however often PostgreSQL goes away meanwhile; what each result did. Missing is the verdict of
    those whose executions another session has locked: they hold up no others, and are brought again (`locked`).

    A result counts only while its claim's token holds: else it is ALREADY counted, or FENCED. One that cannot be stored
    is stored without its documents; one that even then cannot is DROPPED, and its lease decides.
    """
    ended: dict[str, Verdict] = {}
    while True:
        try:
            if not ended and (ended := await _succeeded(link, results)):
                results = [result for result in results if result.execution_id not in ended]
            return ended | (await _finalized(link, results, worker_id) if results else {})
        except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
            if len(results) > 1:
                middle = len(results) // 2
                first = await finalize(link, results[:middle], worker_id=worker_id)
                return ended | first | await finalize(link, results[middle:], worker_id=worker_id)
            (only,) = results
            bare = _without_documents(only)
            if only == bare:
                _log.error(
                    "execution %s: its result cannot be stored (%s); its lease decides",
                    only.execution_id,
                    type(error).__name__,
                )
                return ended | {only.execution_id: "DROPPED"}
            _log.warning(
                "execution %s: its result is stored without documents (%s)", only.execution_id, type(error).__name__
            )
            results = [bare]
        except psycopg.errors.LockNotAvailable:
            if waiting := await locked(link, results):
                free = [result for result in results if result.execution_id not in waiting]
                return ended | (await finalize(link, free, worker_id=worker_id) if free else {})
        except psycopg.Error as error:
            # The statement may have been committed: sending it again is answered with ALREADY.
            _log.debug("%d results are sent again: %s", len(results), error)
            await link.pause()


async def locked(link: Link, results: Sequence[Result]) -> set[str]:
    """Those of them that cannot be ended now, because another session has locked them; none where PostgreSQL cannot say
    it."""
    params = {
        "execution_ids": [result.execution_id for result in results],
        "failed_ids": [result.execution_id for result in results if result.status != "SUCCESS"],
    }
    try:
        return {row.execution_id for row in await link.texts(_LOCKED, params)}
    except psycopg.Error as error:
        _log.debug("asking for locks failed: %s", error)
        await link.pause()
        return set()


async def release(link: Link, claims: Mapping[str, str]) -> int:
    """Give back claims (execution -> token) that were never sent: they are due at once, or over where they were
    cancelled, and their attempt is not counted.

    Returns how many were still ours. Raises psycopg.Error.
    """
    return len(await link.texts(_RELEASE, {"execution_ids": list(claims), "claim_tokens": list(set(claims.values()))}))


async def _succeeded(link: Link, results: Sequence[Result]) -> dict[str, Verdict]:
    """Those of them that finalize_successes and finalize_limited_successes have ended: most. The others are
    `_finalized`'s."""
    free = [result for result in results if result.status == "SUCCESS" and not result.holds_slot]
    limited = [result for result in results if result.status == "SUCCESS" and result.holds_slot]
    ended = await _succeeded_by(link, _SUCCEED, free) if free else {}
    return ended | (await _succeeded_by(link, _SUCCEED_LIMITED, limited) if limited else {})


async def _succeeded_by(link: Link, ends: Statement[Left], successes: Sequence[Result]) -> dict[str, Verdict]:
    params = {
        "execution_ids": literal([result.execution_id for result in successes]),
        "claim_tokens": literal([result.claim_token for result in successes]),
        "duration_ms": literal([str(result.duration_ms) for result in successes]),
        "requests": Documents([result.request for result in successes]),
        "responses": Documents([result.response for result in successes]),
    }
    try:
        left = {row.execution_id for row in await link.texts(ends, params, may_be_locked=True)}
    except psycopg.errors.UniqueViolation:  # the history has one of them already
        return {}
    return {result.execution_id: "SUCCESS" for result in successes if result.execution_id not in left}


async def _finalized(link: Link, results: Sequence[Result], worker_id: str) -> dict[str, Verdict]:
    ids, tokens, statuses, are_retryable, retries, durations, requests, responses, errors, *endings = zip(
        *results, strict=True
    )
    are_cut_off, slow_ms, are_gone, max_ages, _ = endings
    rows = await link.texts(
        _FINALIZE,
        {
            "execution_ids": literal(ids),
            "claim_tokens": literal(tokens),
            "statuses": literal(statuses),
            "is_retryable": literal(map(str, are_retryable)),
            "retry_ms": literal(map(str, retries)),
            "duration_ms": literal(map(str, durations)),
            "requests": Documents(requests),
            "responses": Documents(responses),
            "errors": Documents(errors),
            "is_cut_off": literal(map(str, are_cut_off)),
            "slow_ms": literal(map(str, slow_ms)),
            "is_gone": literal(map(str, are_gone)),
            "max_age_ms": literal("NULL" if age is None else str(age) for age in max_ages),
        },
        may_be_locked=True,
    )
    verdicts = {row.execution_id: _verdict(row) for row in rows}
    unapplied = [result for result in results if result.execution_id not in verdicts]
    if unapplied:
        judged = await link.texts(
            _JUDGE,
            {
                "execution_ids": [result.execution_id for result in unapplied],
                "claim_tokens": [result.claim_token for result in unapplied],
                "statuses": [result.status for result in unapplied],
                "errors": [result.error for result in unapplied],
                "worker_id": worker_id,
            },
        )
        verdicts |= {row.execution_id: _verdict(row) for row in judged}
    return verdicts


def _verdict(row: Judged) -> Verdict:
    match row.verdict:
        case "SUCCESS" | "FAILED" | "RETRY" | "CANCELLED" | "ALREADY" | "FENCED" as verdict:
            return verdict
        case unknown:
            raise ValueError(f"{unknown!r} is no verdict")


def _without_documents(result: Result) -> Result:
    error = {"type": "internal", "message": "what the endpoint answered cannot be stored"}
    return result._replace(
        request=None, response=None, error=None if result.status == "SUCCESS" else json_bytes(error).decode()
    )


def _milliseconds(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))
