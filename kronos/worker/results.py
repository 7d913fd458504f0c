"""Finish claims (sql/queries/results.sql): store results, and give back claims that were never sent. Each function
documents its guarantees if the statement's answer is lost."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import psycopg

from kronos.delivery.sanitise import json_bytes
from kronos.lines import Log
from kronos.sql import Statement, statement
from kronos.worker.arrays import Documents, literal
from kronos.worker.link import Link

Verdict = Literal["SUCCESS", "FAILED", "RETRY", "CANCELLED", "ALREADY", "FENCED", "DROPPED"]


_log = Log("kronos.worker")


class Result(NamedTuple):
    """The result of a claim: the row that ends it. Documents are JSON as text.

    `is_cut_off`: the worker stopped during the delivery. `slow_ms`: how long nothing is delivered to the endpoint.
    `is_gone`: the endpoint reported that it is gone for good. `max_age_ms`: an older execution is not retried; None: no
    limit."""

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
    holds_slot: bool = False  # copied from the claim
    place: str | None = None  # for a success: copied from the claim


class Judged(NamedTuple):
    """The effect of a result or a release on its execution."""

    execution_id: str
    verdict: str


class Left(NamedTuple):
    """An execution that finalize_successes did not end."""

    execution_id: str


class Locked(NamedTuple):
    """An execution that another session has locked."""

    execution_id: str


_SUCCEED = statement("results.finalize_successes", Left)
_SUCCEED_LIMITED = statement("results.finalize_limited_successes", Left)
_FINALIZE = statement("results.finalize_executions", Judged)
_LOCKED = statement("results.list_locked", Locked)
_JUDGE = statement("results.judge_unapplied", Judged)
_RELEASE = statement("results.release_executions", Judged)


async def finalize(link: Link, results: Sequence[Result], *, worker_id: str) -> dict[str, Verdict]:
    """End these claims and return each result's verdict. Retries through any outage of PostgreSQL.

    Executions locked by another session have no verdict; they hold up no others and must be passed again (`locked`).

    A result counts only while its claim's token holds; otherwise it is ALREADY counted, or FENCED. A result that cannot
    be stored is stored without its documents; if that fails too, it is DROPPED and left to its lease.
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
                    "result.dropped",
                    "execution %s: the result cannot be stored (%s); its lease will expire",
                    only.execution_id,
                    type(error).__name__,
                    execution_id=only.execution_id,
                )
                return ended | {only.execution_id: "DROPPED"}
            _log.warning(
                "result.bare",
                "execution %s: the result is stored without its documents (%s)",
                only.execution_id,
                type(error).__name__,
                execution_id=only.execution_id,
            )
            results = [bare]
        except psycopg.errors.LockNotAvailable:
            if waiting := await locked(link, results):
                free = [result for result in results if result.execution_id not in waiting]
                return ended | (await finalize(link, free, worker_id=worker_id) if free else {})
        except psycopg.Error as error:
            # The statement may have been committed; sent again, it returns ALREADY.
            _log.debug("results.again", "%d results are sent again: %s", len(results), error)
            await link.pause()


async def locked(link: Link, results: Sequence[Result]) -> set[str]:
    """Return those results' executions that another session has locked, or none if PostgreSQL cannot be queried."""
    params = {
        "execution_ids": [result.execution_id for result in results],
        "failed_ids": [result.execution_id for result in results if result.status != "SUCCESS"],
    }
    try:
        return {row.execution_id for row in await link.texts(_LOCKED, params)}
    except psycopg.Error as error:
        _log.debug("worker.read_failed", "reading locks failed: %s", error)
        await link.pause()
        return set()


async def release(link: Link, claims: Mapping[str, str]) -> int:
    """Give back claims (execution -> token) that were never sent.

    They are due again immediately, or ended if they were cancelled; their attempt does not count. Returns how many were
    still this worker's. Raises psycopg.Error.
    """
    return len(await link.texts(_RELEASE, {"execution_ids": list(claims), "claim_tokens": list(set(claims.values()))}))


async def _succeeded(link: Link, results: Sequence[Result]) -> dict[str, Verdict]:
    """Return the verdicts of results ended by finalize_successes and finalize_limited_successes, usually most of them.

    `_finalized` ends the others."""
    free = [result for result in results if result.status == "SUCCESS" and not result.holds_slot]
    limited = [result for result in results if result.status == "SUCCESS" and result.holds_slot]
    ended = await _succeeded_by(link, _SUCCEED, free) if free else {}
    return ended | (await _succeeded_by(link, _SUCCEED_LIMITED, limited) if limited else {})


async def _succeeded_by(link: Link, ends: Statement[Left], successes: Sequence[Result]) -> dict[str, Verdict]:
    documents: dict[str, int] = {}  # each text once, with its place: most requests and responses are the same
    params: dict[str, object] = {
        "execution_ids": literal([result.execution_id for result in successes]),
        "claim_tokens": literal([result.claim_token for result in successes]),
        "duration_ms": literal([str(result.duration_ms) for result in successes]),
        "request_nths": literal([_nth(documents, result.request) for result in successes]),
        "response_nths": literal([_nth(documents, result.response) for result in successes]),
        "places": literal([f'"{result.place}"' if result.place else "NULL" for result in successes]),
    }
    params["documents"] = Documents(list(documents))
    try:
        left = {row.execution_id for row in await link.texts(ends, params, may_be_locked=True)}
    except psycopg.errors.UniqueViolation:  # one of them is already in the history
        return {}
    return {result.execution_id: "SUCCESS" for result in successes if result.execution_id not in left}


async def _finalized(link: Link, results: Sequence[Result], worker_id: str) -> dict[str, Verdict]:
    ids, tokens, statuses, are_retryable, retries, durations, requests, responses, errors, *endings = zip(
        *results, strict=True
    )
    are_cut_off, slow_ms, are_gone, max_ages, _, _ = endings
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


def _nth(documents: dict[str, int], text: str | None) -> str:
    """Return a document's place in the batch, as the element of an array literal."""
    return "NULL" if text is None else str(documents.setdefault(text, len(documents) + 1))


def _verdict(row: Judged) -> Verdict:
    match row.verdict:
        case "SUCCESS" | "FAILED" | "RETRY" | "CANCELLED" | "ALREADY" | "FENCED" as verdict:
            return verdict
        case unknown:
            raise ValueError(f"{unknown!r} is not a verdict")


def _without_documents(result: Result) -> Result:
    error = {"type": "internal", "message": "the endpoint's response cannot be stored"}
    return result._replace(
        request=None, response=None, error=None if result.status == "SUCCESS" else json_bytes(error).decode()
    )
