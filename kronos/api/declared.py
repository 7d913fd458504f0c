"""How a route is declared: one call that serves it and documents it, without FastAPI's parsing and encoding on the way.

FastAPI resolves dependencies, validates and encodes per request: a route that answers a constant costs it twice what these cost.
An Operation is FastAPI's route to OpenAPI and the router, and a plain function call to a request.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kronos import errors
from kronos.api.call import Call
from kronos.api.document import PATH_PARAMETERS, _of_parameter, headers_of
from kronos.api.operation import Operation
from kronos.api.problems import MEDIA_TYPE, problem
from kronos.model import JsonObject

_log = logging.getLogger("kronos.api")
Handler = Callable[[Call], Awaitable[Response]]
_SAFE = frozenset({"GET", "HEAD"})
_TAGS = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'
_HEADERS = {
    "If-Match": "The versions, as ETag gave them, that the change is meant for; at any other it is answered with 412 and nothing is done.",
    "If-None-Match": "Versions: of GET those that the caller has (304), of PUT those that stay as they are (412). `*`: any that there is.",
    "Idempotency-Key": (
        'Makes the call repeatable: the same key and request make nothing twice. "abc" and abc are the same key. '
        "Remembered for 24 hours; that of a job as long as the job is kept."
    ),
}
_TEXTS: Mapping[str, JsonObject] = {
    "If-Match": {"type": "string", "pattern": _TAGS, "examples": ['"3"']},
    "If-None-Match": {"type": "string", "pattern": _TAGS, "examples": ['"3"']},
    "Idempotency-Key": {
        "type": "string",
        "pattern": r'^([!#-~][!-~]{0,254}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
        "examples": ["order-17"],
    },
}
_CONDITIONS = ("If-Match", "If-None-Match")
_ALWAYS = (errors.KronosError, errors.DatabaseUnavailable)
_WITH_KEY = (errors.InvalidRequest, errors.Unauthorized)
_KEY_HEADER = "Idempotency-Key"


class Declared(Operation):
    """One method of one path."""

    handler: Handler
    headers: frozenset[str]
    needs_key: bool
    shown_at: str

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Not asked for: `handle` serves."""
        return APIRoute.get_route_handler(self)

    def how_to_find_out(self, scope: Scope) -> str:
        """What a caller does who must know whether a write was done."""
        if scope.get("kronos.is_repeatable"):
            return f"Repeat the call with the same {_KEY_HEADER}: what was made is answered, and nothing is made twice."
        shown = f"{scope.get('root_path', '')}{self.shown_at.format_map(scope['path_params'])}"
        repeat = f" A call with the header {_KEY_HEADER} can simply be repeated." if _KEY_HEADER in self.headers else ""
        return f"GET {shown} shows whether it was.{repeat}"

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an error of ours becomes its problem document."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405)
        call = Call(scope, receive, send)
        scope["kronos.how_to_find_out"] = self.how_to_find_out
        try:
            if self.needs_key:
                await call.authenticate(writes=scope["method"] not in _SAFE)
            if scope["method"] not in _SAFE:
                self._refuse_conditions(call)
            response = await self.handler(call)
        except errors.KronosError as error:
            if error.status >= 500:
                # The caller gets the id, the log the rest: PostgreSQL's own message may quote rows.
                unforeseen = not isinstance(error, errors.Unavailable | errors.OutcomeUnknown)
                _log.error("%s %s: %s", scope["kronos.request_id"], error.code, error.__cause__ or error, exc_info=unforeseen)
            response = problem(error, scope)
        await response(scope, receive, send)

    def _refuse_conditions(self, call: Call) -> None:
        """A condition on a path without a version does not hold (RFC 9110 13.1.1). Raises PreconditionFailed."""
        for header in _CONDITIONS:
            if header in call.headers and header not in self.headers:
                detail = f"{call.method} on this path has no version for {header} to be compared with: nothing was done"
                raise errors.PreconditionFailed(detail)


@dataclass(frozen=True, slots=True)
class Routes:
    """The operations of one resource."""

    tag: str
    needs_key: bool = True
    routes: list[Declared] = field(default_factory=list)

    def operation(
        self,
        method: str,
        path: str,
        *,
        answers: Mapping[int, object],
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        headers: Iterable[str] = (),
        tells: Iterable[str] = (),
        raises: Iterable[type[errors.KronosError]] = (),
        needs_body: bool = True,
        shown_at: str = "",
    ) -> Callable[[Handler], Handler]:
        """Declare the function below as what answers `method path`; the rest is what /openapi.json says of it.

        `headers`: of the request; `tells`: those of the answer; a `body` that is not needed may be left out.
        `shown_at`: the path whose GET shows whether a write was done; by default this one, or of an action (…/pause) what it is done to.
        """

        def declare(handler: Handler) -> Handler:
            made = Declared(
                path,
                handler,
                methods=[method],
                name=handler.__name__,
                operation_id=handler.__name__,
                summary=(handler.__doc__ or "").strip().split("\n", 1)[0].rstrip("."),
                tags=[self.tag],
                status_code=next(iter(answers)),
                responses=_responses(
                    answers,
                    (*tells, "Idempotent-Replayed") if _KEY_HEADER in headers else tuple(tells),
                    [*raises, *_always(method, needs_key=self.needs_key)],
                ),
                response_model=None,
                openapi_extra=_extra(path, body, query, headers, needs_key=self.needs_key, needs_body=needs_body),
            )
            made.needs_key, made.handler, made.headers = self.needs_key, handler, frozenset(headers)
            made.shown_at = shown_at or (path.rpartition("/")[0] if _is_action(method, path) else path)
            self.routes.append(made)
            return handler

        return declare


def _is_action(method: str, path: str) -> bool:
    """Whether what is called is done to the thing before it in the path: …/jobs/{j}/pause, and not …/{w}/jobs."""
    parameter, _, rest = path.rpartition("{")[2].partition("}")
    return method == "POST" and bool(rest) and parameter != "w"


def _always(method: str, *, needs_key: bool) -> Iterable[type[errors.KronosError]]:
    yield from _ALWAYS
    if method not in _SAFE:
        yield errors.OutcomeUnknown
    if needs_key:
        yield from _WITH_KEY


def _responses(
    answers: Mapping[int, object], tells: tuple[str, ...], raises: Iterable[type[errors.KronosError]]
) -> dict[int | str, JsonObject]:
    documented: dict[int | str, JsonObject] = {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": headers_of(status, ("ETag",) if status == 304 else tells),
            **({"model": model} if model is not None else {}),
        }
        for status, model in answers.items()
    }
    codes: dict[int, list[str]] = {}
    for error in raises:
        told = "Kronos did not foresee it." if error is errors.KronosError else (error.__doc__ or "").strip()
        codes.setdefault(error.status, []).append(f"`{error.code}`: {told}")
    for status, each in sorted(codes.items()):
        schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
        documented[status] = {"description": " ".join(dict.fromkeys(each)), "headers": headers_of(status), "content": {MEDIA_TYPE: schema}}
    return documented


def _extra(
    path: str, body: type[BaseModel] | None, query: type[BaseModel] | None, headers: Iterable[str], *, needs_key: bool, needs_body: bool
) -> JsonObject:
    parameters: list[JsonObject] = [
        {"name": name, "in": "path", "required": True, **told} for name, told in PATH_PARAMETERS.items() if f"{{{name}}}" in path
    ]
    if query is not None:
        schema = query.model_json_schema()
        for name, each in schema["properties"].items():
            required = name in schema.get("required", ())
            told = each.pop("description", "")
            parameters.append({"name": name, "in": "query", "required": required, "description": told, "schema": _of_parameter(each)})
    parameters += [
        {"name": name, "in": "header", "required": False, "description": _HEADERS[name], "schema": _TEXTS[name]} for name in headers
    ]
    extra: JsonObject = {"parameters": parameters, "security": [{"key": []}] if needs_key else []}
    if body is not None:
        content: JsonObject = {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}
        extra["requestBody"] = {"required": needs_body, "content": {"application/json": content}}
    return extra
