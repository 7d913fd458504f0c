"""A route of this API: FastAPI's route with stricter reading and more detail in /openapi.json.

What FastAPI would do in another order, or not at all, happens before it runs: the key is checked before the body is
read, the query string is read strictly, and the body must be strict JSON; large bodies are parsed in a thread. FastAPI
passes typed parameters to the route and generates the document.
"""

import inspect
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast, get_args

from fastapi import APIRouter, Security, params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette._utils import get_route_path  # of each route's own matching: a path without its root_path
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from kronos import errors
from kronos.api import query
from kronos.api.binding import Binding, UnusualError, binding, response_of
from kronos.api.call import Call
from kronos.api.dependencies import IDEMPOTENCY_KEY, KEY, note_idempotency_key
from kronos.api.tracing import operating
from kronos.api.validation import faults_in
from kronos.model import Role

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


class _Decorator(Protocol):
    """Returns the function unchanged."""

    def __call__(self, endpoint: Endpoint, /) -> Endpoint: ...


_SAFE = frozenset({"GET", "HEAD"})
_KEYED = frozenset({"POST", "PATCH"})  # not repeatable by their method: RFC 9110 9.2.2
_MAKING = threading.RLock()  # a route under construction reads its own missing attributes
_CONDITIONS = {b"if-match": "If-Match", b"if-none-match": "If-None-Match"}
_SHOWN_AT = "_kronos_shown_at"
_SETS_A_STATE = "_kronos_sets_a_state"
_SHAPE = "kronos.shape"
_RESOURCE = 4  # the part of /v1/workspaces/{w}/RESOURCE


def shown_at(path: str) -> Callable[[Endpoint], Endpoint]:
    """Set the path whose GET shows whether the decorated write was done. Default: its own path or, for an action such
    as …/pause, the path of the object."""

    def keep(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SHOWN_AT, path)
        return endpoint

    return keep


def sets_a_state(endpoint: Endpoint) -> Endpoint:
    """Mark a POST or PATCH that changes nothing more when it is repeated, or nothing at all. An idempotency key is not
    missed there, so any is accepted: each delivery of Kronos has one, and a job may call these routes."""
    setattr(endpoint, _SETS_A_STATE, True)
    return endpoint


class Router:
    """The routes of one resource. `needs`: the lowest role that may call a route; None: no key is needed."""

    def __init__(self, prefix: str = "", *, tags: list[str]) -> None:
        self._router = APIRouter(prefix=prefix, tags=list(tags), route_class=Operation)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in order of declaration."""
        return self._router.routes

    def get(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare a GET route, like FastAPI's APIRouter.get. The other methods work the same way."""
        return self._declare("GET", path, needs, declared)

    def post(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare a POST route."""
        return self._declare("POST", path, needs, declared)

    def put(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare a PUT route."""
        return self._declare("PUT", path, needs, declared)

    def patch(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare a PATCH route."""
        return self._declare("PATCH", path, needs, declared)

    def delete(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare a DELETE route."""
        return self._declare("DELETE", path, needs, declared)

    def _declare(self, method: str, path: str, needs: Role | None, declared: dict[str, Any]) -> _Decorator:
        # OpenAPI 3.1 has a place for roles: the list in the operation's security requirement.
        keys = [] if needs is None else [Security(KEY, scopes=[needs.value])]
        return self._router.api_route(path, methods=[method], dependencies=keys, **declared)


class Operation(APIRoute):
    """One method of one path. Its summary is the first line of the function's docstring, its id the function's name.

    FastAPI's model of its parameters and responses is built on first use: by the route's first request, in 3 ms, or by
    the document. Building all of them at startup took a third of an API's startup time.
    """

    # as APIRoute takes them
    def __init__(self, path: str, endpoint: Callable[..., Any], **declared: Any) -> None:  # noqa: ANN401
        declared["summary"] = declared.get("summary") or (endpoint.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")
        declared["operation_id"] = declared.get("operation_id") or endpoint.__name__
        self.needs = _role_of(declared["dependencies"] or ())
        """The lowest role that may call it; None: no key is needed."""
        self._declared: dict[str, Any] | None = declared
        # The attributes by which starlette's Route is matched, except for those that its path is compiled to.
        self.path, self.endpoint, self.name = path, endpoint, endpoint.__name__
        self.methods = set(declared["methods"])
        self._parts, self._resource = _shape(path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as FastAPI does, but only a path of this route's length and resource: each regular expression that is
        not tried saves 2 µs, and the last of 151 routes was found after 240 µs.
        """
        shape = scope.get(_SHAPE)
        if shape is None:
            shape = scope[_SHAPE] = _shape(get_route_path(scope))
        if shape[0] != self._parts or (self._resource is not None and self._resource != shape[1]):
            return Match.NONE, {}
        if "path_regex" not in self.__dict__:  # compiling the paths of all routes took 50 ms of an API's start
            self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        return super().matches(scope)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # attributes of APIRoute that are not built yet
        with _MAKING:  # a separate thread builds the document during the first requests
            if name not in self.__dict__:
                if self.__dict__.get("_declared") is None:
                    raise AttributeError(f"{type(self).__name__} has no {name!r}")
                self._make()
        return getattr(self, name)

    def _make(self) -> None:
        declared, self._declared = self._declared, None
        for model in _models(self.endpoint):
            _build(model)
        super().__init__(self.path, self.endpoint, **(declared or {}))
        plain = binding(self._asked()) if _answers_itself(self.endpoint) else None
        self.is_plain = plain is not None
        if plain is not None:
            self.app = self._served_by(plain, self.app)
        self.app = operating(self.app, self.name)

    def _served_by(self, plain: Binding, otherwise: ASGIApp) -> ASGIApp:
        """Return an application that calls the route through its binding, or through FastAPI (`otherwise`)."""
        prepare = self._prepare

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            call = Call(scope, receive)
            await prepare(call)
            try:
                response = await response_of(plain, call)
            except UnusualError:
                scope["kronos.call"] = call
                await otherwise(scope, receive, send)
            else:
                await response(scope, receive, send)

        return app

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of requests that FastAPI serves."""
        serve = self._without_key()
        parameters = list(_parameters(self.endpoint))
        query_model = next(
            (cast(type[BaseModel], kind) for kind, each in parameters if isinstance(each, params.Query)), None
        )
        self._prepare = prepare = self._preparation(parameters, query_model)

        async def handle(request: Request) -> Response:
            call: Call | None = request.scope.pop("kronos.call", None)  # already prepared
            if call is None:
                call = Call(request.scope, request.receive)
                await prepare(call)
            refusals: list[Exception] = []
            try:
                return await serve(call)
            except RequestValidationError as error:
                refusals.append(_refusal(call, error.with_traceback(None), query_model))
            # If a frame of its traceback or its own context referred to the error, this request and its body would be
            # kept until the next garbage collection.
            raise refusals.pop()

        return handle

    def _preparation(
        self, parameters: list[tuple[object, params.Param]], query_model: type[BaseModel] | None
    ) -> Callable[[Call], Coroutine[Any, Any, None]]:
        """Return what runs before the parameters are read."""
        headers = frozenset(each.alias or "" for _, each in parameters if isinstance(each, params.Header))
        needs = self.needs
        writes = not _SAFE.issuperset(self.methods or ())
        takes_idempotency_key = IDEMPOTENCY_KEY in headers
        needs_key = not _KEYED.isdisjoint(self.methods or ()) and not getattr(self.endpoint, _SETS_A_STATE, False)
        find_out = HowToFindOut(self.path, self.endpoint, writes=writes, takes_idempotency_key=takes_idempotency_key)
        body = self.body_field.field_info if self.body_field is not None else None

        async def prepare(call: Call) -> None:
            call.scope["kronos.how_to_find_out"] = find_out
            if needs is not None:
                await call.authenticate(needs, writes=writes)
                if writes:
                    _refuse_conditions(call, headers)
                if needs_key and not takes_idempotency_key:
                    refuse_unread_key(call)
                query.check(call.scope["query_string"], query_model)
            if takes_idempotency_key:
                note_idempotency_key(call)
            if body is not None:
                await call.judge(body.annotation, is_needed=body.is_required())

        return prepare

    def _without_key(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler without the key dependency, unless a parameter needs the caller: the key is already
        checked, and only the document needs the dependency."""
        declared, self.dependant = self.dependant, self._asked()
        try:
            return super().get_route_handler()
        finally:
            self.dependant = declared

    def _asked(self) -> Dependant:
        """Return the dependencies that the route is called with."""
        declared = self.dependant
        return replace(
            declared,
            dependencies=[each for each in declared.dependencies if each.call is not KEY or each.name is not None],
        )


def _shape(path: str) -> tuple[int, str | None]:
    """Return how many parts a path has, and its resource. None: any, or no resource."""
    parts = path.split("/")
    resource = parts[_RESOURCE] if len(parts) > _RESOURCE else None
    return len(parts), None if resource is not None and "{" in resource else resource


def _role_of(dependencies: Iterable[params.Depends]) -> Role | None:
    """Return the role named by the route's decorator. Raises TypeError for a route with a key but without a role."""
    for each in dependencies:
        if each.dependency is KEY:
            if not isinstance(each, params.Security) or not each.scopes:
                raise TypeError("a route that needs a key must name the lowest role of its callers: see Router")
            return Role(each.scopes[0])
    return None


def _answers_itself(endpoint: Callable[..., Any]) -> bool:
    """Return whether the route returns a finished response."""
    given = inspect.signature(endpoint, eval_str=True).return_annotation
    return inspect.iscoroutinefunction(endpoint) and isinstance(given, type) and issubclass(given, Response)


def _models(function: Callable[..., Any]) -> Iterator[type[BaseModel]]:
    """Yield the models of the parameters that a route and its dependencies declare."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        declared = getattr(parameter.annotation, "__metadata__", ())
        kind = get_args(parameter.annotation)[0] if declared else parameter.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        for each in declared:
            if isinstance(each, params.Depends) and each.dependency is not None:
                yield from _models(each.dependency)


def _build(model: type[BaseModel]) -> None:
    """Build a model's validator, which FastAPI then uses. Otherwise FastAPI would build one, and the model another."""
    model.model_rebuild()
    model.model_config["defer_build"] = False  # FastAPI's adapter of it is also built now, not by a request


class HowToFindOut:
    """Tells a caller how to check whether a write was done."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, writes: bool, takes_idempotency_key: bool) -> None:
        self._shown_at: str = getattr(endpoint, _SHOWN_AT, "") or (
            path.rpartition("/")[0] if writes and _is_action(path) else path
        )
        self._takes_idempotency_key = takes_idempotency_key

    def __call__(self, scope: Scope) -> str:
        """Return the sentence for this request."""
        if scope.get("kronos.is_repeatable"):
            return (
                f"Repeat the call with the same {IDEMPOTENCY_KEY}: it returns what was created, and creates nothing "
                "twice."
            )
        shown = f"{scope.get('root_path', '')}{self._shown_at.format_map(scope['path_params'])}"
        repeat = (
            f" With the header {IDEMPOTENCY_KEY}, a call can simply be repeated." if self._takes_idempotency_key else ""
        )
        read = "The page" if self._shown_at.startswith("/w/") else "GET"
        return f"{read} {shown} shows whether it was done.{repeat}"


def _is_action(path: str) -> bool:
    """Return whether the path is an action on the object before it, such as …/jobs/{j}/pause, and not …/{w}/jobs or
    …/{w}/retention."""
    parameter, _, rest = path.rpartition("{")[2].partition("}")
    return bool(rest) and parameter != "w"


def _parameters(function: Callable[..., Any]) -> Iterator[tuple[object, params.Param]]:
    """Yield the parameters that a route and its dependencies declare: their types, and FastAPI's declarations."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for each in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(each, params.Depends) and each.dependency is not None:
                yield from _parameters(each.dependency)
            elif isinstance(each, params.Param):
                yield get_args(parameter.annotation)[0], each


def _refuse_conditions(call: Call, headers: frozenset[str]) -> None:
    """Reject conditions on a path without a version: they never hold (RFC 9110 13.1.1). Raises PreconditionFailed."""
    sent = {name for name, _ in call.scope["headers"]}
    for name, header in _CONDITIONS.items():
        if name in sent and header not in headers:
            detail = f"{call.method} on this path has no version to compare with {header}; nothing was done"
            raise errors.PreconditionFailed(detail)


def refuse_unread_key(call: Call) -> None:
    """Reject an idempotency key that would be ignored: its caller would repeat the call. Raises InvalidRequest."""
    if IDEMPOTENCY_KEY in call.headers:
        raise errors.InvalidRequest.of(
            f"{call.method} on this path takes no header {IDEMPOTENCY_KEY}; nothing was done",
            "Omit the header. The jobs of jobs:batch and the trigger of jobs:bulk take idempotency_key in the body.",
            f"/{IDEMPOTENCY_KEY}",
        )


def _refusal(call: Call, error: RequestValidationError, query_model: type[BaseModel] | None) -> Exception:
    """Return the error to report: of the path first, then the body, the headers, the query string."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in error.errors():
        found.setdefault(each["loc"][0], []).append(each | {"loc": each["loc"][1:]})
    refusal, call.refusal = call.refusal, None  # a body's, raised where the call is referenced
    if "path" in found:
        return cast(errors.KronosError, found["path"][0]["ctx"]["error"])  # kept by judged_later
    if "body" in found:
        return refusal or error
    if "header" in found:
        return cast(errors.KronosError, found["header"][0]["ctx"]["error"])
    if query_model is None:
        return error
    return query.refused(faults_in(found["query"], query_model, what="parameter"))
