"""Plain routes are served by their own binding; only routes with a query are left to FastAPI."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from fastapi import params
from starlette.responses import Response

from kronos import config
from kronos.api import app
from kronos.api.call import Call
from kronos.api.operation import Operation, Router, _parameters
from kronos.model import Role


def test_every_route_without_a_query_is_served_by_its_binding() -> None:
    """If FastAPI added a new kind of parameter, the routes that use it would silently become slower."""
    routes = [
        each for each in app.create(config.load(database_url="postgresql://")).routes if isinstance(each, Operation)
    ]
    with_query = {
        each.name for each in routes if any(isinstance(one, params.Query) for _, one in _parameters(each.endpoint))
    }
    assert {each.name for each in routes if not each.is_plain} == with_query
    assert {"create_job", "trigger_job", "get_job"} <= {each.name for each in routes if each.is_plain}


async def _nothing(call: Call) -> Response:
    """Nothing."""
    return Response()


def test_a_route_is_made_once_whoever_asks_for_it_first() -> None:
    """The OpenAPI document is built in a separate thread while the first requests arrive."""
    router = Router(tags=["made"])
    for number in range(40):
        router.get(f"/{number}", needs=Role.VIEWER)(_nothing)
    routes = [each for each in router.routes if isinstance(each, Operation)]
    together = threading.Barrier(4)

    def read_all() -> list[bool]:
        together.wait()
        return [each.is_plain for each in routes]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(read_all) for _ in range(4)]
    finally:
        sys.setswitchinterval(before)
    found = [each.result() for each in asked]
    assert found == [found[0]] * 4
