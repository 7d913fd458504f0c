"""Routes that need no key: the index, liveness and readiness."""

from importlib.metadata import version
from typing import Literal

from starlette.responses import Response

from kronos import errors, readiness
from kronos.api.call import Call, answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.records import dataclass

router = Router(tags=["system"])
_VERSION = version("kronos")
_FOR_POSTGRESQL = 0.9
"""Share of a probe's time limit spent on PostgreSQL. The rest is for sending the response, so that the prober receives
the cause before it times out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Links to the parts of the API."""

    name: str
    version: str
    api: str
    openapi: str
    docs: str
    readiness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The process is alive."""

    status: Literal["ok"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Jobs can be created, and ticks fire on time. `degraded`: deliveries are late or not made; `warnings` has the
    reasons."""

    status: Literal["ok", "degraded"]
    pg_cron_version: str
    internal_jobs: int
    silent_seconds: float
    warnings: list[str]


@router.get("/", needs=None, responses=answers({200: Index}))
async def get_index(call: Call) -> Response:
    """Get the index. Browsers are redirected to the dashboard."""
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
    """Check that the process is alive. Queries nothing else."""
    return answer(Alive(status="ok"))


@router.get("/readyz", needs=None, responses=answers({200: Ready}) | problems(errors.PgCronUnavailable))
async def get_readiness(call: Call, instance: Instance) -> Response:
    """Check that PostgreSQL answers, pg_cron rings, and deliveries are made."""
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
