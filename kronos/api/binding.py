"""Reads a route's parameters from what FastAPI derived from its signature, without FastAPI's work per request.

FastAPI works out its routes' parameters again for each request: a third of the time that a creation spends above the
database (decision 0045). Here that is done once per route, for the plain kind that most of our routes are. Anything
unusual, including an invalid value, is left to FastAPI, which finds and reports it again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Any, cast

from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from pydantic.fields import FieldInfo
from starlette.responses import Response

from kronos.api.call import Call
from kronos.records import dataclass

# The fields of a Dependant that are read here, and those that do not concern its parameters.
_READ = {"path_params", "header_params", "body_params", "dependencies", "name", "call", "request_param_name"}
_OTHER = {"use_cache", "path", "scope", "own_oauth_scopes", "parent_oauth_scopes", "concurrency"}


class UnusualError(Exception):
    """FastAPI has to handle this request."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A parameter in the path or in a header."""

    name: str
    alias: str
    validate: Callable[..., tuple[Any, Sequence[Any]]]
    info: FieldInfo
    is_list: bool
    """Every line of a header counts, not only the first."""

    def of_path(self, call: Call) -> object:
        return self._read(call.path_params.get(self.alias))

    def of_headers(self, call: Call) -> object:
        return self._read((call.headers.getlist(self.alias) or None) if self.is_list else call.headers.get(self.alias))

    def _read(self, given: str | list[str] | None) -> object:
        if given is None:
            if self.info.is_required():
                raise UnusualError
            return self.info.get_default(call_default_factory=True)
        value, faults = self.validate(given)
        if faults:
            raise UnusualError
        return value


@dataclass(frozen=True, slots=True)
class Binding:
    """The arguments of a route, or of one of its dependencies."""

    call: Callable[..., Awaitable[Any]]
    request: str | None
    path: Sequence[_Given]
    headers: Sequence[_Given]
    body: tuple[str, FieldInfo] | None
    needs: Sequence[tuple[str, "Binding"]]

    async def values(self, call: Call) -> dict[str, Any]:
        """Return the arguments by name. Raises UnusualError, and whatever a dependency raises."""
        found: dict[str, Any] = {}
        for name, need in self.needs:
            found[name] = await need.call(**await need.values(call))
        if self.request is not None:
            found[self.request] = call
        for each in self.path:
            found[each.name] = each.of_path(call)
        for each in self.headers:
            found[each.name] = each.of_headers(call)
        if self.body is not None:
            name, info = self.body
            found[name] = _body(call, info)
        return found


def binding(declared: Dependant) -> Binding | None:
    """Return how to call a route or a dependency; None if it is of a kind that FastAPI has to call."""
    if declared.call is None or any(
        getattr(declared, each.name) for each in fields(declared) if each.name not in _READ | _OTHER
    ):
        return None
    needs: list[tuple[str, Binding]] = []
    for each in declared.dependencies:
        if each.name is None or (need := binding(each)) is None:
            return None
        needs.append((each.name, need))
    bodies = [(each.name, each.field_info) for each in declared.body_params]
    if len(bodies) > 1:
        return None
    return Binding(
        call=declared.call,
        request=declared.request_param_name,
        path=[_given(each) for each in declared.path_params],
        headers=[_given(each) for each in declared.header_params],
        body=bodies[0] if bodies else None,
        needs=needs,
    )


def _given(field: Any) -> _Given:  # noqa: ANN401  # FastAPI's ModelField, whose module is its own
    is_list = field_annotation_is_sequence(field.field_info.annotation)
    return _Given(field.name, field.alias, field.validate, field.field_info, is_list)


def _body(call: Call, info: FieldInfo) -> object:
    """Return the validated body, or the default if there is none and none is required. Raises UnusualError."""
    if call.is_judged:
        return call.judged_body
    if call.refusal is not None or info.is_required():
        raise UnusualError
    return info.get_default(call_default_factory=True)


async def response_of(route: Binding, call: Call) -> Response:
    """Return the route's response. Raises UnusualError before the route is called, and whatever the route raises."""
    return cast(Response, await route.call(**await route.values(call)))  # guaranteed by Operation
