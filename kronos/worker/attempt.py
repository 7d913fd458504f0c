"""One attempt: what is sent is made of the endpoint's version and the execution's input, sent once, and reported as a Result."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from kronos.delivery.http import HttpDelivery, HttpTransport
from kronos.delivery.outcome import Outcome, failed
from kronos.delivery.refused import Refused
from kronos.delivery.sanitise import json_bytes
from kronos.delivery.template import TemplateError, render_body, render_headers, render_url
from kronos.model import Json, JsonObject
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Claim, EndpointVersion, Result

_log = logging.getLogger("kronos.worker")
# After the timeout the result still has to reach PostgreSQL within the lease.
_RESERVE = timedelta(seconds=1)
# Template and input of 64 kB are rendered in some milliseconds. Larger ones are rendered beside the event loop, one after the other: no
# other delivery waits.
_MAX_BYTES_ON_LOOP = 64 * 1024
_RENDERER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="templates")
_RANDOM = Random()  # noqa: S311 - spreads retries, no secret


def boot_time() -> float:
    """Seconds on a clock that no one sets and that goes on while the machine or this process sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A claim with its fence and the boot time at which its lease has certainly not yet ended."""

    claim: Claim
    token: UUID
    ends_at: float

    @property
    def covers_delivery(self) -> bool:
        """Whether the whole timeout fits into what is left of the lease."""
        needed = self.claim.timeout_ms / 1000 + _RESERVE.total_seconds()
        return boot_time() + needed <= self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """A version of an HTTP endpoint, read once."""

    url: str
    method: str
    headers: Mapping[str, str]
    body_template: Json
    expected_status_codes: tuple[int, ...]
    backoff: Backoff
    spec_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A version of an endpoint that cannot be delivered to, and why."""

    why: str


Target = HttpTarget | Unusable


def target(version: EndpointVersion) -> Target:
    """What deliveries to this version of an endpoint are made of."""
    if version.type != "HTTP":
        return Unusable(why=f"this worker cannot deliver to endpoints of type {version.type}")
    try:
        spec, policy = _object(version.spec, "spec"), _object(version.retry_policy, "retry_policy")
        return HttpTarget(
            url=_text(spec.get("url"), "url"),
            method=_text(spec.get("method", "POST"), "method"),
            headers={name: _text(value, f"headers.{name}") for name, value in (spec.get("headers") or {}).items()},
            body_template=spec.get("body_template"),
            expected_status_codes=tuple(int(code) for code in spec.get("expected_status_codes") or ()),
            backoff=Backoff.parse(policy),
            spec_bytes=len(version.spec),
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        return Unusable(why=f"the endpoint's definition cannot be read: {error}")


async def attempt(leased: Leased, to: Target, transport: HttpTransport) -> Result | None:
    """Send one request, or find that none can be made, and say what became of it. Raises nothing.

    None: before anything was sent the worker stopped, or the lease had become too short, so there was no attempt.
    """
    try:
        outcome = await _outcome(leased, to, transport)
        return None if outcome is None or outcome.is_unsent else _result(leased, to, outcome)
    except Exception:  # a claim must end in a result whatever happens, or its slot and lease are held in vain
        _log.exception("execution %s: its attempt met an error in Kronos", leased.claim.execution_id)
        return _result(leased, to, failed("internal", "the attempt met an error in Kronos; its worker's log has the trace"))


async def _outcome(leased: Leased, to: Target, transport: HttpTransport) -> Outcome | None:
    if isinstance(to, Unusable):
        return failed("template", to.why)
    try:
        if to.spec_bytes + len(leased.claim.input) <= _MAX_BYTES_ON_LOOP:
            delivery = _delivery(leased.claim, to)
        else:
            in_turn = await asyncio.get_running_loop().run_in_executor(_RENDERER, _delivery_in_turn, leased, to, transport)
            # A hundred of the worst take 16 s, one after the other: longer than a lease is beyond its timeout.
            if in_turn is None or not leased.covers_delivery:
                return None
            delivery = in_turn
    except TemplateError as error:
        return failed("template", f"{error.message} (at {error.pointer})" if error.pointer else error.message)
    except Refused as refused:
        return failed("bad_url" if refused.code.startswith("url") else "bad_headers", refused.message)
    except (ValueError, RecursionError):
        return failed("template", "the execution's input cannot be read as JSON")
    return await transport.deliver(delivery)


def _result(leased: Leased, to: Target, outcome: Outcome) -> Result:
    """The row that ends the claim; a retry waits from the moment that PostgreSQL stores it."""
    claim = leased.claim
    backoff = to.backoff if isinstance(to, HttpTarget) else Backoff()
    wait = backoff.wait(claim.attempt_count, retry_after=outcome.retry_after, random=_RANDOM) if outcome.retryable else timedelta()
    return Result(
        execution_id=claim.execution_id,
        claim_token=leased.token,
        status=outcome.status,
        is_retryable=outcome.retryable,
        retry_ms=-(-wait // timedelta(milliseconds=1)),
        duration_ms=outcome.duration // timedelta(milliseconds=1),
        request=_json(outcome.request),
        response=_json(_response(outcome, backoff)),
        error=_json(outcome.error),
        is_cut_off=outcome.is_cut_off,
    )


def _response(outcome: Outcome, backoff: Backoff) -> Json:
    """What was answered, with how much of its Retry-After is granted."""
    asked, granted = outcome.retry_after, backoff.granted(outcome.retry_after)
    if asked is None or granted is None or not isinstance(outcome.response, dict):
        return outcome.response
    seconds = timedelta(seconds=1)
    return {**outcome.response, "retry_after": {"asked_seconds": asked // seconds, "granted_seconds": granted // seconds}}


def _delivery(claim: Claim, to: HttpTarget) -> HttpDelivery:
    context = {"input": json.loads(claim.input)}
    return HttpDelivery(
        execution_id=claim.execution_id,
        job_id=claim.job_id,
        attempt_number=claim.attempt_count,
        scheduled_at=claim.scheduled_at,
        url=render_url(to.url, context),
        method=to.method,
        headers=render_headers(to.headers, context) if to.headers else {},
        body=render_body(to.body_template, context),
        timeout=timedelta(milliseconds=claim.timeout_ms),
        expected_status_codes=to.expected_status_codes,
    )


def _delivery_in_turn(leased: Leased, to: HttpTarget, transport: HttpTransport) -> HttpDelivery | None:
    """None where it is not to be sent any more, now that it is its turn: those behind it wait no longer for it."""
    return None if transport.is_cut_off or not leased.covers_delivery else _delivery(leased.claim, to)


def _json(value: Json) -> str | None:
    return None if value is None else json_bytes(value).decode()


def _object(text: bytes, name: str) -> JsonObject:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(f"{name} is no object")
    return value


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"spec.{name} is no text")
    return value
