"""Spans of requests and of their operations. The API creates spans only here.

A span contains the template of its path, not the path, and no headers or bodies, as those may hold keys and secrets.
"""

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kronos.api.fields import WORKSPACE_FORM
from kronos.traces.parent import of_headers
from kronos.traces.switch import SWITCH

if TYPE_CHECKING:
    from kronos.traces.pipeline import Pipeline

# Requested every few seconds, and of no interest.
_UNTOLD = ("/healthz", "/readyz", "/metrics")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traced:
    """Wraps the whole application, including its boundary, so that the response is known."""

    def __init__(self, app: ASGIApp, pipeline: "Pipeline") -> None:
        self._app = app
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request in a span."""
        if scope["type"] != "http" or scope["path"].endswith(_UNTOLD):
            await self._app(scope, receive, send)
            return
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        parent = of_headers(scope["headers"])
        attributes = {"http.request.method": method}
        with self._pipeline.request(method, attributes, parent) as span:
            try:
                await self._app(scope, receive, told)
            finally:
                if span.is_recording():
                    if (route := getattr(scope.get("route"), "path", None)) is not None:
                        span.update_name(f"{method} {route}")
                        span.set_attribute("http.route", route)
                    span.set_attributes(_known(scope, status))
                    if status >= 500:
                        self._pipeline.fail(span, str(status))


def _known(scope: Scope, status: int) -> dict[str, str | int]:
    """Return the attributes of a finished request. The workspace in its path is included only if the caller was
    authenticated; other callers can write anything there."""
    known: dict[str, str | int] = {"kronos.request_id": scope.get("kronos.request_id", "")}
    if status:
        known["http.response.status_code"] = status
    workspace = scope.get("path_params", {}).get("w")
    if workspace is not None and "kronos.actor" in scope and WORKSPACE_FORM.fullmatch(workspace):
        known["kronos.workspace"] = workspace.lower()
    return known


def operating(app: ASGIApp, name: str) -> ASGIApp:
    """Wrap a route's application in the span of its operation."""
    pipeline = SWITCH.pipeline
    if pipeline is None:
        return app

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if not pipeline.is_within:  # a probe
            await app(scope, receive, send)
            return
        with pipeline.running(name):
            await app(scope, receive, send)

    return traced
