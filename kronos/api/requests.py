"""Turns request bodies into arguments of operations, with the checks that involve several fields or the settings."""

import math
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import cast

from kronos import errors, schedules
from kronos.api.endpoint_schemas import (
    EmailEndpointPut,
    HttpEndpointPut,
    KafkaEndpointPut,
    LimitsBody,
    RateBody,
    RedisStreamEndpointPut,
    RetryPolicyBody,
)
from kronos.api.job_schemas import BackfillCreate, Callback, JobCreate, JobPatch, JobPause, SchedulePreview
from kronos.api.spec_checks import spec_checks
from kronos.backfills import NewBackfill
from kronos.changes import JobChanges
from kronos.delivery import drivers, template
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.refused import Refused
from kronos.endpoints import KeyLimit, NewEndpoint, Rate, RetryPolicy
from kronos.errors import Fault
from kronos.model import JsonObject
from kronos.new_jobs import TERMS, NewJob
from kronos.pauses import PauseTerms
from kronos.schedules import ScheduleText, instant, local_time

AnyEndpoint = HttpEndpointPut | RedisStreamEndpointPut | KafkaEndpointPut | EmailEndpointPut
_OF_A_JOB = tuple(each.name for each in fields(NewJob) if each.name in JobCreate.model_fields)
_ONLY_CRON = tuple(name for name in JobCreate.model_fields if name in TERMS or name == "catch_up")
_OF_THE_PLAINEST = frozenset({"endpoint", "trigger", "input", "idempotency_key"})
_MOST_SECRETS = 32
# The default burst of a rate: what the rate allows in this time. So deliveries are evenly spaced, and those of a fast
# rate are claimed several at a time.
_BURST_SECONDS = 0.05
_OF_A_LOCAL_TIME = ("timezone", "dst_gap", "dst_overlap")
_CALLBACKS = ("on_success", "on_failure")


def new_job(body: JobCreate, key: str | None) -> NewJob:
    """Return the job that a request with this idempotency key asks for. Raises Unprocessable."""
    if body.trigger == "IMMEDIATE" and body.model_fields_set <= _OF_THE_PLAINEST:  # the most common job in a batch
        return NewJob(endpoint=body.endpoint, trigger=body.trigger, input=body.input, idempotency_key=key)
    _refuse([*_trigger_faults(body), *_window_faults(body.starts_at, body.ends_at), *_callback_faults(body)])
    given: dict[str, object] = {name: getattr(body, name) for name in _OF_A_JOB} | {"idempotency_key": key}
    given |= {name: _callback(getattr(body, name)) for name in _CALLBACKS}
    if body.catch_up is not None:
        given |= {"catch_up_policy": body.catch_up.policy, "catch_up_window_seconds": body.catch_up.window_seconds}
    # Omitted fields take the job's own defaults.
    # checked by JobCreate
    return NewJob(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def schedule_text(body: SchedulePreview) -> ScheduleText:
    """Return the schedule to preview. Raises Unprocessable."""
    zone = body.timezone if "timezone" in body.model_fields_set else None
    _refuse(list(schedules.faults(body.cron, body.every, body.anchor, zone)))
    return ScheduleText(
        cron=body.cron,
        every=body.every,
        anchor=instant(body.anchor),
        anchor_local=local_time(body.anchor),
        timezone=body.timezone,
        dst_gap=body.dst_gap,
        dst_overlap=body.dst_overlap,
    )


def job_edits(edited: JsonObject) -> JsonObject:
    """Return what an edited copy of a job changes. A field that is null because another replaces it is no change of its
    own."""
    heirs = {"cron": ("every",), "every": ("cron",), "anchor": ("cron",)}
    return {
        name: value
        for name, value in edited.items()
        if value is not None or not any(edited.get(heir) is not None for heir in heirs.get(name, ()))
    }


def job_changes(body: JobPatch) -> JobChanges:
    """Return the changes that a request asks for. Raises Unprocessable."""
    given = body.model_fields_set
    if not given:
        _refuse(
            [Fault(pointer="", detail="the body contains no change", hint="Give at least one field, such as cron.")]
        )
    _refuse([*_window_faults(body.starts_at, body.ends_at), *_callback_faults(body)])
    if {"cron", "every"} & given:  # an anchor alone depends on the job's schedule: changes.replace
        cron, every, anchor = (getattr(body, name) if name in given else None for name in ("cron", "every", "anchor"))
        _refuse(list(schedules.faults(cron, every, anchor, body.timezone)))
    changes: dict[str, object] = {name: getattr(body, name) for name in given if name != "catch_up"}
    changes |= {name: _callback(getattr(body, name)) for name in _CALLBACKS if name in given}
    if "catch_up" in given:
        changes |= {f"catch_up_{name}": getattr(body.catch_up, name) for name in body.catch_up.model_fields_set}
    return changes


def new_backfill(body: BackfillCreate) -> NewBackfill:
    """Return the backfill that a request asks for. Raises Unprocessable."""
    if body.to <= body.from_:
        _refuse(
            [
                Fault(
                    pointer="/to",
                    detail="to is not after from",
                    hint="Write a time after from: the window is [from, to).",
                )
            ]
        )
    return NewBackfill(
        from_at=body.from_,
        to_at=body.to,
        max_active=body.max_active,
        include=tuple(dict.fromkeys(body.include)),
        priority=body.priority,
    )


def pause_terms(body: JobPause) -> PauseTerms:
    """Return the pause terms that a request gives, and only those."""
    return cast(
        PauseTerms, {name: getattr(body, name) for name in body.model_fields_set}
    )  # JobPause has PauseTerms' fields


def new_endpoint(name: str, body: AnyEndpoint, policy: EgressPolicy) -> NewEndpoint:
    """Return the endpoint that a request asks for. Raises Unprocessable."""
    spec, retry = body.spec, body.retry_policy
    faults: list[Fault] = []
    if body.type != "HTTP" and drivers.is_missing(body.type):
        detail = f"this server has no driver for endpoints of type {body.type}"
        hint = f"Install it for the API and the workers: {drivers.how_to_install(body.type)}."
        faults.append(Fault(pointer="/type", detail=detail, hint=hint))
    for pointer, check in spec_checks(spec, policy):
        try:
            check()
        except Refused as refused:
            hint = refused.hint or "See endpoints in /openapi.json."
            faults.append(Fault(pointer=pointer + refused.pointer, detail=refused.message, hint=hint))
    if not faults:
        faults += _secret_faults(body)
    faults += _limit_faults(body)
    if retry.max_delay_ms < retry.initial_delay_ms:
        detail = f"{retry.max_delay_ms} is less than initial_delay_ms ({retry.initial_delay_ms})"
        faults.append(
            Fault(pointer="/retry_policy/max_delay_ms", detail=detail, hint="Write at least initial_delay_ms.")
        )
    faults += _retry_faults(retry, is_http=body.type == "HTTP")
    _refuse(faults)
    return NewEndpoint(
        name=name,
        title=body.title,
        type=body.type,
        spec=spec.model_dump(),
        timeout_ms=spec.timeout_ms,
        retry_policy=RetryPolicy(**retry.model_dump()),
        on_disabled=body.on_disabled,
        max_in_flight=body.limits.max_in_flight if body.max_in_flight is None else body.max_in_flight,
        payload_spec=body.payload_spec,
        config=body.config,
        use=body.use,
        secrets=secrets_named(body),
        signing_secrets=tuple(body.signing_secrets),
        rate=_rate(body.limits.rate),
        group=body.group,
        key_limit=_key_limit(body.limits),
    )


def _retry_faults(retry: RetryPolicyBody, *, is_http: bool) -> Iterator[Fault]:
    """Yield the contradictions in a retry policy."""
    if twice := sorted({*(retry.retryable_status_codes or ())} & {*retry.permanent_status_codes}):
        detail = f"{twice[0]} is also in retryable_status_codes"
        yield Fault(pointer="/retry_policy/permanent_status_codes", detail=detail, hint="Remove it from one of them.")
    for name in ("retryable_status_codes", "permanent_status_codes", "slow_down_status_codes"):
        if not is_http and getattr(retry, name) and name in retry.model_fields_set:
            if getattr(retry, name) == RetryPolicyBody.model_fields[name].get_default(call_default_factory=True):
                continue  # as GET returns it
            hint = "Omit it: docs/transports.md lists the broker errors that are retried."
            yield Fault(pointer=f"/retry_policy/{name}", detail="only HTTP responses have status codes", hint=hint)


def _rate(body: RateBody | None) -> Rate | None:
    if body is None:
        return None
    return Rate(count=body.count, per_seconds=body.per_seconds, burst=burst_of(body))


def burst_of(body: RateBody) -> int:
    """Return the burst of a rate, or its default."""
    return body.burst or max(1, math.ceil(body.count * _BURST_SECONDS / body.per_seconds))


def _key_limit(body: LimitsBody) -> KeyLimit | None:
    if body.concurrency_key is None:
        return None
    parts = template.key_parts(body.concurrency_key)
    return KeyLimit(template=body.concurrency_key, parts=parts, max_concurrency=body.max_concurrency_per_key or 1)


def _limit_faults(body: AnyEndpoint) -> Iterator[Fault]:
    """Yield faults of limits: one given twice with different values, or a key limit without a key over the input."""
    limits = body.limits
    if limits.concurrency_key is not None:
        try:
            template.key_parts(limits.concurrency_key)
        except Refused as refused:
            yield Fault(pointer="/limits/concurrency_key", detail=refused.message, hint=refused.hint)
    elif limits.max_concurrency_per_key is not None:
        yield Fault(
            pointer="/limits/max_concurrency_per_key",
            detail="it limits deliveries with the same concurrency_key, which is missing",
            hint='Add one, such as "concurrency_key": "{{input.customer}}".',
        )
    both = "max_in_flight" in body.model_fields_set and "max_in_flight" in body.limits.model_fields_set
    if both and body.max_in_flight != body.limits.max_in_flight:
        yield Fault(
            pointer="/limits/max_in_flight",
            detail=f"{_said(body.limits.max_in_flight)} differs from max_in_flight, {_said(body.max_in_flight)}",
            hint="Both are the same limit: omit one of them.",
        )


def _said(limit: int | None) -> str:
    return "null" if limit is None else str(limit)


def secrets_named(body: AnyEndpoint) -> tuple[str, ...]:
    """Return the names of the secrets that deliveries need. Endpoints are found by them."""
    spec = body.spec.model_dump()
    named = template.names([spec.get(member) for member in template.TEMPLATES], "secret")
    return tuple(sorted(named | set(body.signing_secrets)))


def _secret_faults(body: AnyEndpoint) -> Iterator[Fault]:
    """Yield faults of the named secrets. Whether they exist is for the database to check."""
    if body.signing_secrets and body.type != "HTTP":
        hint = "Omit it: brokers authenticate clients by passwords and certificates."
        yield Fault(pointer="/signing_secrets", detail="only HTTP requests are signed", hint=hint)
    if len(set(body.signing_secrets)) < len(body.signing_secrets):
        yield Fault(pointer="/signing_secrets", detail="a secret is named twice", hint="Name each once.")
    if (count := len(secrets_named(body))) > _MOST_SECRETS:
        detail = f"{count} secrets are named; a delivery may use at most {_MOST_SECRETS}"
        yield Fault(pointer="/spec", detail=detail, hint="Store several values as one secret.")


def _trigger_faults(body: JobCreate) -> Iterator[Fault]:
    """Yield fields that do not fit the trigger, and fields that it lacks."""
    if body.trigger == "CRON":
        yield from schedules.faults(body.cron, body.every, body.anchor, body.timezone)
    else:
        local = local_time(body.run_at) if body.trigger == "DELAYED" else None
        yield from _cron_only_faults(body, is_local=local is not None)
        if local is not None:
            yield from _local_run_faults(body, local)
    if body.trigger != "DELAYED" and body.run_at is not None:
        detail = f"run_at requires trigger DELAYED, not {body.trigger}"
        yield Fault(pointer="/run_at", detail=detail, hint="Omit it, or use trigger DELAYED.")
    if body.trigger == "DELAYED" and body.run_at is None:
        hint = "Add a time such as 2026-12-01T09:00:00Z, or use trigger IMMEDIATE."
        yield Fault(pointer="/run_at", detail="trigger DELAYED needs run_at", hint=hint)


def _cron_only_faults(body: JobCreate, *, is_local: bool) -> Iterator[Fault]:
    """Yield faults for schedule fields in a one-shot. A one-shot at a local time may have a zone and the handling of
    clock changes."""
    for name in _ONLY_CRON:
        if getattr(body, name) is None or (is_local and name in _OF_A_LOCAL_TIME):
            continue
        if body.trigger == "DELAYED" and body.run_at is not None and name in _OF_A_LOCAL_TIME:
            detail = f"{name} requires trigger CRON, or a run_at without an offset"
            yield Fault(
                pointer=f"/{name}",
                detail=detail,
                hint="Omit it, or write run_at as a local time, such as 2026-12-01T09:00:00.",
            )
        else:
            detail = f"{name} requires trigger CRON, not {body.trigger}"
            yield Fault(pointer=f"/{name}", detail=detail, hint="Omit it, or use trigger CRON.")


def _local_run_faults(body: JobCreate, local: datetime) -> Iterator[Fault]:
    """Yield faults of a one-shot at a local time: it needs a zone and runs exactly once."""
    if body.timezone is None:
        yield schedules.zoneless("run_at", local)
    if body.dst_gap == "SKIP":
        detail = "a one-shot cannot be skipped when clocks go forward"
        yield Fault(pointer="/dst_gap", detail=detail, hint="Use SHIFT (to the end of the gap) or SHIFT_BY_GAP.")
    if body.dst_overlap == "BOTH":
        detail = "a one-shot cannot run twice when clocks go back"
        yield Fault(
            pointer="/dst_overlap", detail=detail, hint="Use FIRST, or write run_at with the offset of the second time."
        )


def _window_faults(starts_at: datetime | None, ends_at: datetime | None) -> Iterator[Fault]:
    if ends_at is None:
        return
    if starts_at is not None and ends_at <= starts_at:
        yield Fault(
            pointer="/ends_at",
            detail="ends_at is not after starts_at",
            hint="Write a time after starts_at, or omit it.",
        )


def _callback(body: Callback | None) -> JsonObject | None:
    """Return a callback without the members that were omitted."""
    return None if body is None else body.model_dump(exclude_none=True)


def _callback_faults(body: JobCreate | JobPatch) -> Iterator[Fault]:
    """Yield faults of callbacks. Whether their endpoints and jobs exist is for the database to check."""
    for name in _CALLBACKS:
        callback: Callback | None = getattr(body, name)
        if callback is None:
            continue
        if (callback.endpoint is None) == (callback.job is None):
            hint = 'Write {"endpoint": "on-call"} or {"job": "load-warehouse"}.'
            yield Fault(pointer=f"/{name}", detail="exactly one of endpoint and job must be given", hint=hint)
        elif callback.input is not None and callback.job is None:
            hint = "Omit it: an endpoint receives a description of the run."
            yield Fault(pointer=f"/{name}/input", detail="input requires job", hint=hint)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise errors.Unprocessable.of(*faults)
