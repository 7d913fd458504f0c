"""A route is found by its path's length and resource, before any regular expression, as FastAPI finds it."""

from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match
from starlette.types import Scope

from kronos.api.app import _RESOURCES
from kronos.api.operation import Operation

_ROUTES = [route for each in _RESOURCES for route in each.router.routes if isinstance(route, Operation)]
_WORDS = sorted({part for route in _ROUTES for part in route.path.split("/") if "{" not in part})
_PARTS = st.sampled_from(_WORDS) | st.sampled_from(["", "acme", "{w}", "jobs:batch", "a b", ".."])


def _scope(path: str, root_path: str = "", method: str = "GET") -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": []}


def _found(route: APIRoute, scope: Scope, *, by_shape: bool) -> tuple[Match, object]:
    match, child = route.matches(scope) if by_shape else APIRoute.matches(route, scope)
    return match, child.get("path_params")


@given(st.lists(_PARTS, max_size=9), st.sampled_from(["GET", "POST", "PUT"]), st.sampled_from(["", "/kronos"]))
def test_whatever_path_is_asked_for_has_the_routes_that_fastapi_finds(
    parts: list[str], method: str, root_path: str
) -> None:
    path = root_path + "".join(f"/{part}" for part in parts)
    one, other = _scope(path, root_path, method), _scope(path, root_path, method)
    for route in _ROUTES:
        assert _found(route, one, by_shape=True) == _found(route, other, by_shape=False)


def test_every_route_is_found_by_its_own_path() -> None:
    assert len(_ROUTES) > 100
    for route in _ROUTES:
        scope = _scope(route.path.replace("{", "").replace("}", ""), method=min(route.methods or ()))
        assert _found(route, scope, by_shape=True)[0] is Match.FULL


def test_a_path_that_ends_with_a_line_feed_is_another_path() -> None:
    """A regular expression's `$` would find the path before it."""
    assert [
        route for route in _ROUTES if route.matches(_scope("/v1/workspaces/acme/jobs\n"))[0] is not Match.NONE
    ] == []
