"""Routes that need no key: what this is, whether it lives, whether it can do its work."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from starlette.responses import Response

from kronos import errors, readiness
from kronos.api.call import Call, answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers, problems
from kronos.api.operation import Router

router = Router(tags=["system"])
_VERSION = version("kronos")
_FOR_POSTGRESQL = 0.9
"""Of the time that a probe may take: in the rest the answer is on its way, so who waits no longer hears the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Where to go from here."""

    name: str
    version: str
    api: str
    openapi: str
    docs: str
    readiness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The process answers."""

    status: Literal["ok"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Jobs can be made, and ticks are fired in time; `degraded`, with the reasons in `warnings`: but deliveries are
    late, or not made."""

    status: Literal["ok", "degraded"]
    pg_cron_version: str
    internal_jobs: int
    silent_seconds: float
    warnings: list[str]


@router.get("/", needs=None, responses=answers({200: Index}))
async def get_index(call: Call) -> Response:
    """What this is; a browser is sent on to the dashboard."""
    prefix = call.scope.get("root_path", "")
    if call.app.state.has_dashboard and "text/html" in call.headers.get("accept", ""):
        return Response(status_code=303, headers={"Location": f"{prefix}/w", "Vary": "Accept"})
    index = Index(
        name="kronos",
        version=_VERSION,
        api=f"{prefix}/v1",
        openapi=f"{prefix}/openapi.json",
        docs=f"{prefix}/docs",
        readiness=f"{prefix}/readyz",
    )
    return answer(index)


@router.get("/healthz", needs=None, responses=answers({200: Alive}))
async def get_health() -> Response:
    """Whether the process answers; asks nobody else."""
    return answer(Alive(status="ok"))


@router.get("/readyz", needs=None, responses=answers({200: Ready}) | problems(errors.PgCronUnavailable))
async def get_readiness(call: Call, instance: Instance) -> Response:
    """Whether PostgreSQL answers and pg_cron rings, and whether deliveries are made."""
    pool, seconds = call.context.pool, call.context.settings.ready_seconds * _FOR_POSTGRESQL
    found = await call.context.probe.ask(lambda: readiness.get(instance), seconds)
    if found is None:
        raise pool.why_no_answer(seconds)
    if pool.is_disk_full:
        raise errors.DatabaseUnavailable(readiness.DISK_FULL)
    if found.is_read_only:
        raise errors.DatabaseUnavailable(readiness.READ_ONLY)
    if reason := readiness.why_not_ready(found):
        raise errors.PgCronUnavailable(reason)
    warnings = readiness.why_degraded(found)
    ready = Ready(
        status="degraded" if warnings else "ok",
        pg_cron_version=found.extension_version or "",
        internal_jobs=found.internal_jobs,
        silent_seconds=round(found.silent_seconds, 3),
        warnings=warnings,
    )
    return answer(ready)
