"""The worker's log line for each attempt."""

import logging

import orjson

from kronos.lines import Known, Log
from kronos.worker.attempt import Leased
from kronos.worker.results import Result, Verdict

_log = Log("kronos.worker")
# Maximum length of an attempt's error in the log; the attempt's row has the rest.
_LOGGED_CHARACTERS = 200
_LINE = "execution %s of job %s, attempt %d of %d: %s after %d ms%s, %s"


def is_all_told() -> bool:
    """Whether successful attempts are logged too."""
    return _log.is_told(logging.DEBUG)


def tell(leased: Leased, result: Result, verdict: Verdict) -> None:
    """Log one line per attempt: successes at DEBUG, everything else always."""
    claim = leased.claim
    said = (
        claim.execution_id,
        claim.job_id,
        claim.attempt_count,
        claim.max_attempts,
        result.status,
        result.duration_ms,
        _why(result.error),
        verdict if verdict != "RETRY" else f"again in {result.retry_ms} ms",
    )
    known: dict[str, Known] = {
        "execution_id": claim.execution_id,
        "job_id": claim.job_id,
        "workspace": claim.workspace_id,
        "endpoint_id": claim.endpoint_id,
        "attempt": claim.attempt_count,
        "status": result.status,
        "verdict": verdict,
        "milliseconds": result.duration_ms,
    }
    if leased.span is not None:
        known["trace_id"] = leased.span.trace_id
    match verdict:
        case "SUCCESS" | "ALREADY":
            _log.debug("attempt.succeeded", _LINE, *said, **known)
        case "RETRY":
            _log.info("attempt.retried", _LINE, *said, **known)
        case _:
            _log.warning("attempt.failed", _LINE, *said, **known)


def _why(error: str | None) -> str:
    """Return an attempt's error in one line, as stored in its row, which holds no secret.

    It is quoted, because a receiver or resolver may have written anything into it."""
    said = orjson.loads(error) if error is not None else None
    if not isinstance(said, dict) or "type" not in said:
        return ""
    message = orjson.dumps(str(said.get("message", ""))[:_LOGGED_CHARACTERS]).decode()
    return f" ({said['type']}: {message})"
