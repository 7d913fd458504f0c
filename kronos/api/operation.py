"""A route of this API: FastAPI's own, which is stricter about what it reads and says more of itself in /openapi.json.

What FastAPI would do in another order, or not at all, is done before it is asked: the key comes before the body is
read, the query string is read strictly, the body is strict JSON and judged beside the event loop where it is large.
FastAPI gives the route its typed parameters and makes the document.
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
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path
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
    """Keeps the function as it is."""

    def __call__(self, endpoint: Endpoint, /) -> Endpoint: ...


_SAFE = frozenset({"GET", "HEAD"})
_MAKING = threading.RLock()  # a route that is being made asks for what it does not have yet
_CONDITIONS = {b"if-match": "If-Match", b"if-none-match": "If-None-Match"}
_SHOWN_AT = "_kronos_shown_at"


def shown_at(path: str) -> Callable[[Endpoint], Endpoint]:
    """Say which path's GET shows whether the write below was done; by default its own, or of an action (…/pause) what
    it is done to."""

    def keep(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SHOWN_AT, path)
        return endpoint

    return keep


class Router:
    """The routes of one resource. Each names the least role that it needs (`needs`); None: it needs no key."""

    def __init__(self, prefix: str = "", *, tags: list[str]) -> None:
        self._router = APIRouter(prefix=prefix, tags=list(tags), route_class=Operation)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, in the order in which they were declared."""
        return self._router.routes

    def get(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """Declare what GET does, as FastAPI's APIRouter.get; so the others."""
        return self._declare("GET", path, needs, declared)

    def post(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """POST."""
        return self._declare("POST", path, needs, declared)

    def put(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """PUT."""
        return self._declare("PUT", path, needs, declared)

    def patch(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """PATCH."""
        return self._declare("PATCH", path, needs, declared)

    def delete(self, path: str, *, needs: Role | None, **declared: Any) -> _Decorator:  # noqa: ANN401
        """DELETE."""
        return self._declare("DELETE", path, needs, declared)

    def _declare(self, method: str, path: str, needs: Role | None, declared: dict[str, Any]) -> _Decorator:
        # A role stands in the document where OpenAPI 3.1 has it: in the list of the operation's security requirement.
        keys = [] if needs is None else [Security(KEY, scopes=[needs.value])]
        return self._router.api_route(path, methods=[method], dependencies=keys, **declared)


class Operation(APIRoute):
    """One method of one path. Its summary is the first line of the function's docstring, its id the function's name.

    What FastAPI makes of its parameters and answers is made when it is first asked for: by the route's first request,
    in 3 ms, or by the document. For all of them at once it was a third of what an API took to start.
    """

    # as APIRoute takes them
    def __init__(self, path: str, endpoint: Callable[..., Any], **declared: Any) -> None:  # noqa: ANN401
        declared["summary"] = declared.get("summary") or (endpoint.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")
        declared["operation_id"] = declared.get("operation_id") or endpoint.__name__
        self.needs = _role_of(declared["dependencies"] or ())
        """The least role of its callers; None: it needs no key."""
        self._declared: dict[str, Any] | None = declared
        # What it is found by (starlette's Route).
        self.path, self.endpoint, self.name = path, endpoint, endpoint.__name__
        self.methods = set(declared["methods"])
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # what APIRoute has, which is not there yet
        with _MAKING:  # the document is made in a thread of its own, while the first requests come
            if name not in self.__dict__:
                if self.__dict__.get("_declared") is None:
                    raise AttributeError(f"{type(self).__name__} has no {name!r}")
                self._make()
        return getattr(self, name)

    def _make(self) -> None:
        declared, self._declared = self._declared, None
        super().__init__(self.path, self.endpoint, **(declared or {}))
        plain = binding(self._asked()) if _answers_itself(self.endpoint) else None
        self.is_plain = plain is not None
        if plain is not None:
            self.app = self._served_by(plain, self.app)
        self.app = operating(self.app, self.name)

    def _served_by(self, plain: Binding, otherwise: ASGIApp) -> ASGIApp:
        """The route by its binding, `otherwise` by FastAPI."""
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
        """What serves one request where FastAPI does."""
        serve = self._without_key()
        parameters = list(_parameters(self.endpoint))
        query_model = next(
            (cast(type[BaseModel], kind) for kind, each in parameters if isinstance(each, params.Query)), None
        )
        self._prepare = prepare = self._preparation(parameters, query_model)

        async def handle(request: Request) -> Response:
            call: Call | None = request.scope.pop("kronos.call", None)  # which was prepared
            if call is None:
                call = Call(request.scope, request.receive)
                await prepare(call)
            refusals: list[Exception] = []
            try:
                return await serve(call)
            except RequestValidationError as error:
                refusals.append(_refusal(call, error.with_traceback(None), query_model))
            # An error that a frame of its traceback keeps, or that its own context keeps, would hold this request and
            # its body until somebody looks for garbage.
            raise refusals.pop()

        return handle

    def _preparation(
        self, parameters: list[tuple[object, params.Param]], query_model: type[BaseModel] | None
    ) -> Callable[[Call], Coroutine[Any, Any, None]]:
        """What is done before the parameters are read."""
        headers = frozenset(each.alias or "" for _, each in parameters if isinstance(each, params.Header))
        needs = self.needs
        writes = not _SAFE.issuperset(self.methods or ())
        takes_idempotency_key = IDEMPOTENCY_KEY in headers
        find_out = _HowToFindOut(self.path, self.endpoint, writes=writes, takes_idempotency_key=takes_idempotency_key)
        body = self.body_field.field_info if self.body_field is not None else None

        async def prepare(call: Call) -> None:
            call.scope["kronos.how_to_find_out"] = find_out
            if needs is not None:
                await call.authenticate(needs, writes=writes)
                if writes:
                    _refuse_conditions(call, headers)
                query.check(call.scope["query_string"], query_model)
            if takes_idempotency_key:
                note_idempotency_key(call)
            if body is not None:
                await call.judge(body.annotation, is_needed=body.is_required())

        return prepare

    def _without_key(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's part, which need not ask for the key once more where no parameter wants the caller: it stands in
        the document."""
        declared, self.dependant = self.dependant, self._asked()
        try:
            return super().get_route_handler()
        finally:
            self.dependant = declared

    def _asked(self) -> Dependant:
        """What the route is called with."""
        declared = self.dependant
        return replace(
            declared,
            dependencies=[each for each in declared.dependencies if each.call is not KEY or each.name is not None],
        )


def _role_of(dependencies: Iterable[params.Depends]) -> Role | None:
    """The role that the routes' decorator names. Raises TypeError for a route that needs a key and names none."""
    for each in dependencies:
        if each.dependency is KEY:
            if not isinstance(each, params.Security) or not each.scopes:
                raise TypeError("a route that needs a key names the least role of its callers: see Router")
            return Role(each.scopes[0])
    return None


def _answers_itself(endpoint: Callable[..., Any]) -> bool:
    """Whether what the route gives is the answer as it goes out."""
    given = inspect.signature(endpoint, eval_str=True).return_annotation
    return inspect.iscoroutinefunction(endpoint) and isinstance(given, type) and issubclass(given, Response)


class _HowToFindOut:
    """What a caller does who must know whether a write was done."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, writes: bool, takes_idempotency_key: bool) -> None:
        self._shown_at: str = getattr(endpoint, _SHOWN_AT, "") or (
            path.rpartition("/")[0] if writes and _is_action(path) else path
        )
        self._takes_idempotency_key = takes_idempotency_key

    def __call__(self, scope: Scope) -> str:
        if scope.get("kronos.is_repeatable"):
            return (
                f"Repeat the call with the same {IDEMPOTENCY_KEY}: what was made is answered, and nothing is made "
                "twice."
            )
        shown = f"{scope.get('root_path', '')}{self._shown_at.format_map(scope['path_params'])}"
        repeat = (
            f" A call with the header {IDEMPOTENCY_KEY} can simply be repeated." if self._takes_idempotency_key else ""
        )
        return f"GET {shown} shows whether it was.{repeat}"


def _is_action(path: str) -> bool:
    """Whether what is called is done to the thing before it in the path: …/jobs/{j}/pause, and not …/{w}/jobs or
    …/{w}/retention."""
    parameter, _, rest = path.rpartition("{")[2].partition("}")
    return bool(rest) and parameter != "w"


def _parameters(function: Callable[..., Any]) -> Iterator[tuple[object, params.Param]]:
    """The parameters that a route declares, itself and by what it depends on: their types, and what FastAPI knows of
    them."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for each in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(each, params.Depends) and each.dependency is not None:
                yield from _parameters(each.dependency)
            elif isinstance(each, params.Param):
                yield get_args(parameter.annotation)[0], each


def _refuse_conditions(call: Call, headers: frozenset[str]) -> None:
    """A condition on a path without a version does not hold (RFC 9110 13.1.1). Raises PreconditionFailed."""
    sent = {name for name, _ in call.scope["headers"]}
    for name, header in _CONDITIONS.items():
        if name in sent and header not in headers:
            detail = f"{call.method} on this path has no version for {header} to be compared with: nothing was done"
            raise errors.PreconditionFailed(detail)


def _refusal(call: Call, error: RequestValidationError, query_model: type[BaseModel] | None) -> Exception:
    """What is reported first of all that is wrong: the path, the body, the headers, the query string."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in error.errors():
        found.setdefault(each["loc"][0], []).append(each | {"loc": each["loc"][1:]})
    if "path" in found:
        return cast(errors.KronosError, found["path"][0]["ctx"]["error"])  # as judged_later keeps it
    if "body" in found:
        refusal, call.refusal = call.refusal, None  # it is raised where the call is held
        return refusal or error
    if "header" in found:
        return cast(errors.KronosError, found["header"][0]["ctx"]["error"])
    if query_model is None:
        return error
    faults = faults_in(found["query"], query_model)
    return errors.InvalidRequest(errors.summary("query parameter", faults), faults=faults)
