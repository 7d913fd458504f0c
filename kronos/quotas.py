"""A workspace's quotas and their use. They are counted only where they are set, and cost nothing where they are not
(sql/functions/quotas)."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from kronos import database_errors, errors, json_sizes, workspaces
from kronos.counting import counted
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.new_jobs import NewJob
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """A workspace's limits; null: no limit. ACTIVE and PAUSED CRON jobs; executions created per day (UTC); bytes of one
    input as JSON; concurrent deliveries; pg_cron entries that may ring in one minute; heartbeats; alert rules."""

    max_cron_jobs: int | None
    max_executions_per_day: int | None
    max_input_bytes: int | None
    max_concurrency: int | None
    max_alarms_per_minute: int | None
    max_heartbeats: int | None
    max_alert_rules: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas(QuotaLimits):
    """A workspace's limits; `version` is the workspace's."""

    workspace: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How much of a limit is used. limit null: there is none; used null: it is not counted without a limit. resets_at:
    when it is 0 again."""

    used: int | None
    limit: int | None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A workspace's use of its quotas."""

    workspace: str
    cron_jobs: Used
    executions_per_day: Used
    input_bytes: Used
    concurrency: Used
    alarms_per_minute: Used
    heartbeats: Used
    alert_rules: Used


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """The row that the database returns."""

    workspace: str
    version: int
    cron_jobs: int
    max_cron_jobs: int | None
    executions: int | None
    max_executions_per_day: int | None
    resets_at: datetime
    max_input_bytes: int | None
    in_flight: int | None
    max_concurrency: int | None
    alarms: int
    max_alarms_per_minute: int | None
    heartbeats: int
    max_heartbeats: int | None
    alert_rules: int
    max_alert_rules: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotasStored:
    """The version at which quotas were stored."""

    version: int


class Item(Protocol):
    """A job of a batch, with its answer."""

    @property
    def new(self) -> NewJob:
        """The job that is asked for."""

    answer: Any


_GET = statement("workspaces.get_usage", UsageRow)
_UPDATE = statement("workspaces.update_quotas", QuotasStored)


async def usage(view: WorkspaceView) -> Usage:
    """Return the workspace's usage. Raises WorkspaceNotFound."""
    row = _present(view, await view.rows(_GET, {}))
    return Usage(
        workspace=row.workspace,
        cron_jobs=Used(used=row.cron_jobs, limit=row.max_cron_jobs),
        executions_per_day=Used(
            used=row.executions,
            limit=row.max_executions_per_day,
            resets_at=None if row.max_executions_per_day is None else row.resets_at,
        ),
        input_bytes=Used(used=None, limit=row.max_input_bytes),
        concurrency=Used(used=row.in_flight, limit=row.max_concurrency),
        alarms_per_minute=Used(used=row.alarms, limit=row.max_alarms_per_minute),
        heartbeats=Used(used=row.heartbeats, limit=row.max_heartbeats),
        alert_rules=Used(used=row.alert_rules, limit=row.max_alert_rules),
    )


async def get(view: WorkspaceView) -> Quotas:
    """Return the limits. Raises WorkspaceNotFound."""
    return _shown(_present(view, await view.rows(_GET, {})))


async def put(view: WorkspaceView, limits: QuotaLimits, *, if_match: Collection[int] | None = None) -> Quotas:
    """Set all limits. They apply to what is created from now on: existing objects stay, even above a limit. Raises
    WorkspaceNotFound, Forbidden, PreconditionFailed."""
    workspaces.refuse_system(view)
    params = asdict(limits) | {"if_match": None if if_match is None else list(if_match)}
    stored, found = await view.even_suspended.write_then_read(_UPDATE, params, _GET, {})
    row = _present(view, found)
    if not stored:
        raise errors.PreconditionFailed(f"the workspace is at version {row.version}, which If-Match does not name")
    return _shown(row)


# PostgreSQL's: check_inputs, check_cron_quotas, count_executions.
_OF_INPUTS = "Store the data elsewhere, and pass its address."
_OF_CRON_JOBS = "Cancel a job first, or ask the instance's administrator for a higher quota."
_OF_EXECUTIONS = "Ask the instance's administrator for a higher quota, or wait for the next day."


def refuse_each(room: JsonObject, items: Iterable[Item]) -> None:
    """Give each job of a batch that exceeds a quota its error, in order: the first ones fit.

    `room` is kronos.quota_room's.
    """
    left, cron_jobs = room["executions_left"], room["cron_jobs"]
    for each in items:
        is_cron = each.new.trigger == "CRON"
        size = 0 if room["max_input_bytes"] is None else _bytes(each.new.input)
        if size > (room["max_input_bytes"] or size):
            numbers: JsonObject = {"quota": "input_bytes", "asked": size, "limit": room["max_input_bytes"]}
            text = f"the input has {size} bytes, but the workspace's limit is {room['max_input_bytes']}"
            each.answer = database_errors.quota_refused(
                errors.QuotaTooSmall, text, numbers, pointer="/input", hint=_OF_INPUTS
            )
        elif is_cron and cron_jobs is not None and cron_jobs >= room["max_cron_jobs"]:
            numbers = {"quota": "cron_jobs", "used": cron_jobs + 1, "limit": room["max_cron_jobs"]}
            text = f"the workspace has {cron_jobs} ACTIVE and PAUSED CRON jobs; its limit is {room['max_cron_jobs']}"
            each.answer = database_errors.quota_refused(errors.QuotaTooSmall, text, numbers, hint=_OF_CRON_JOBS)
        elif is_cron and cron_jobs is not None:
            cron_jobs += 1
        elif not is_cron and left == 0:
            limit = room["max_executions_per_day"]
            used = max(limit, room["executions_used"] or 0)  # more than a limit that was lowered meanwhile
            numbers = {"quota": "executions_per_day", "used": used, "limit": limit, "asked": 1}
            numbers |= {name: room[name] for name in ("resets_at", "retry_after_seconds")}
            text = (
                f"the workspace used up its {counted(limit, 'execution')} of the day; they are reset "
                f"at {room['resets_at']}"
            )
            each.answer = database_errors.quota_refused(errors.QuotaUsedUp, text, numbers, hint=_OF_EXECUTIONS)
        elif not is_cron and left is not None:
            left -= 1


def _bytes(input: JsonObject) -> int:
    """Return the size of the text that PostgreSQL would store."""
    return len(json.dumps(input, ensure_ascii=False).encode()) + json_sizes.growth(input, repr)


def _present(view: WorkspaceView, found: list[UsageRow]) -> UsageRow:
    if not found:
        raise errors.WorkspaceNotFound.of(view.workspace)
    return found[0]


def _shown(row: UsageRow) -> Quotas:
    return Quotas(
        workspace=row.workspace,
        version=row.version,
        max_cron_jobs=row.max_cron_jobs,
        max_executions_per_day=row.max_executions_per_day,
        max_input_bytes=row.max_input_bytes,
        max_concurrency=row.max_concurrency,
        max_alarms_per_minute=row.max_alarms_per_minute,
        max_heartbeats=row.max_heartbeats,
        max_alert_rules=row.max_alert_rules,
    )
