"""The HTTP API as an ASGI application."""

import socket
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from kronos import config, errors
from kronos.api import (
    alert_schemas,
    alerts,
    apply,
    apply_schemas,
    audit,
    auth,
    backfills,
    batch,
    bulk,
    calendar_schemas,
    calendars,
    closed_schedules,
    configs,
    dead_letters,
    docs,
    document,
    endpoints,
    events,
    executions,
    heartbeat_schemas,
    heartbeats,
    instance,
    job_schemas,
    jobs,
    live_events,
    metering,
    organizations,
    overview,
    payload_specs,
    pings,
    problems,
    quotas,
    retention,
    role_mappings,
    schedules,
    schemas,
    secrets,
    system,
    workspace_keys,
    workspaces,
)
from kronos.api.fields import Body, Listing
from kronos.api.heads import Heads
from kronos.api.lifespan import Lifespan
from kronos.api.meter import ApiMeter
from kronos.api.middleware import Boundary
from kronos.api.origins import Origins
from kronos.api.tracing import Traced
from kronos.api.urls import Urls
from kronos.config import Settings
from kronos.encryption import Keyring
from kronos.lines import Log
from kronos.model import JsonObject
from kronos.traces.switch import SWITCH

_log = Log("kronos.api")
_DESCRIPTION = (
    "A job scheduler on PostgreSQL and pg_cron. Errors are problem documents (RFC 9457) with a stable `code`. Lists "
    "are paged with `cursor`, newest first. Every response has a `Request-Id`."
)
_REF = "#/components/schemas/{model}"
_NO_BODIES = (Body, Listing, apply_schemas.WorkspaceFile)
"""Base classes of bodies, which no request uses themselves."""
# Most requested first: a request is compared with one path after another, at 2 µs each.
_RESOURCES = (
    jobs,
    batch,
    bulk,
    executions,
    pings,
    events,
    backfills,
    dead_letters,
    overview,
    heartbeats,
    endpoints,
    calendars,
    configs,
    payload_specs,
    secrets,
    apply,
    workspaces,
    workspace_keys,
    organizations,
    quotas,
    role_mappings,
    auth,
    retention,
    alerts,
    audit,
    schedules,
    closed_schedules,
    system,
    instance,
    metering,
    docs,
)


class Application(FastAPI):
    """FastAPI with our problem documents, and with the parts of the OpenAPI document that hold for every path."""

    def openapi(self) -> JsonObject:
        """Return the OpenAPI 3.1 document, built once."""
        if self.openapi_schema is None:
            made = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
                servers=self.servers,
                tags=document.TAGS,
                contact=document.CONTACT,
            )
            # pydantic's schemas: FastAPI drops defaults of null, and turns bounds of 1 and 100 into 1.0 and 100.0.
            bodies = [
                each
                for name, each in (
                    vars(schemas)
                    | vars(job_schemas)
                    | vars(calendar_schemas)
                    | vars(alert_schemas)
                    | vars(apply_schemas)
                    | vars(heartbeat_schemas)
                ).items()
                if isinstance(each, type)
                and issubclass(each, Body)
                and each not in _NO_BODIES
                and not name.startswith("_")
            ]
            _, definitions = models_json_schema([(each, "validation") for each in bodies], ref_template=_REF)
            problem = TypeAdapter(problems.Problem).json_schema(ref_template=_REF)
            made["components"]["schemas"] |= definitions["$defs"] | problem.pop("$defs") | {"Problem": problem}
            happened = TypeAdapter(
                live_events.JobEvent
                | live_events.ExecutionEvent
                | live_events.HeartbeatEvent
                | live_events.ResourceEvent
                | live_events.OperationEvent
                | live_events.AuditEvent
                | live_events.ResetEvent
            )
            made["components"]["schemas"] |= happened.json_schema(ref_template=_REF, mode="serialization")["$defs"]
            self.openapi_schema = document.finished(made)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """Return the stack from the boundary inward. The boundary answers everything raised inside it; FastAPI's layers
        around it are for applications that have none."""
        stack: Any = super().build_middleware_stack()
        while not isinstance(stack, Boundary):
            stack = stack.app
        return stack if SWITCH.pipeline is None else Traced(stack, SWITCH.pipeline)


def create(
    settings: Settings,
    keys: Keyring | None = None,
    *,
    pages: Sequence[BaseRoute] = (),
    metrics: socket.socket | None = None,
) -> FastAPI:
    """Create the application. It starts and answers 503 while PostgreSQL is unavailable, and recovers automatically.
    `keys`: the encryption keys read at startup. `pages`: the routes of the dashboard. `metrics`: the socket on which
    /metrics is served without a key.

    Raises ValueError if settings.egress_allow is not a list of networks, or if the settings of an identity provider are
    incomplete.
    """
    meter = ApiMeter()
    lifespan = Lifespan.of(settings, keys, meter=meter, metrics=metrics)
    app = Application(
        title="Kronos",
        version=version("kronos"),
        description=_DESCRIPTION,
        root_path=settings.path_prefix,
        root_path_in_servers=False,
        servers=[{"url": settings.path_prefix or "/"}],
        lifespan=lifespan.run,
        redirect_slashes=False,
        openapi_url=None,  # docs.py serves it: FastAPI would serialize it for each request, 4 ms
        docs_url=None,  # docs.py serves it without a CDN
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # never set up, and checking for it costs 5 µs per request
    )
    app.state.has_dashboard = bool(pages)
    # Not include_router: it matches each path against a resource's routes twice, and hides them from app.routes.
    app.router.routes[:0] = [*(route for resource in _RESOURCES for route in resource.router.routes), *pages]
    app.add_middleware(Heads)  # inside the boundary, which is added last
    app.add_middleware(Urls)
    app.add_middleware(
        Boundary,
        timeout_seconds=settings.request_seconds,
        max_in_flight=settings.max_requests,
        origins=Origins(config.origins(settings.cors_origins)),
        meter=meter,
    )
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(errors.KronosError, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Return the problem document of a KronosError."""
    assert isinstance(error, errors.KronosError)  # noqa: S101  # the handler is registered for these
    if error.status >= 500:
        # The caller gets only the id and the log has the rest: PostgreSQL's message may quote rows.
        unforeseen = not isinstance(error, errors.Unavailable | errors.OutcomeUnknown)
        traced = error if unforeseen else None
        _log.error(
            "request.unserved",
            "%s %s: %s",
            request.scope["kronos.request_id"],
            error.code,
            error.__cause__ or error,
            traced=traced,
            code=error.code,
        )
    return problems.problem(error, request.scope)


async def _http_error(request: Request, error: Exception) -> Response:
    """Return a problem document for an unknown path or method, with the allowed ones."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        allow = ", ".join(sorted(_methods(request)))
        detail = f"{request.method} is not allowed for this path; allowed: {allow}"
        return problems.http_problem(
            405, "method_not_allowed", "Method not allowed", detail, request.scope, {"Allow": allow}
        )
    detail = "no such path; /openapi.json lists the paths"
    return problems.http_problem(status, "not_found", "Not found", detail, request.scope)


def _methods(request: Request) -> set[str]:
    """Return the methods of the request's path."""
    routes = [
        route
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE
    ]
    found = {method for route in routes for method in route.methods or ()}
    return found | {"HEAD"} if "GET" in found else found
