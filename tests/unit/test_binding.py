"""Plain routes are served by their binding, and what it leaves to FastAPI is what FastAPI has to say."""

from fastapi import params

from kronos import config
from kronos.api import app
from kronos.api.operation import Operation, _parameters


def test_every_route_without_a_query_is_served_by_its_binding() -> None:
    """Were FastAPI to have something new for a parameter, its routes would be slower without a word."""
    routes = [
        each for each in app.create(config.load(database_url="postgresql://")).routes if isinstance(each, Operation)
    ]
    with_query = {
        each.name for each in routes if any(isinstance(one, params.Query) for _, one in _parameters(each.endpoint))
    }
    assert {each.name for each in routes if not each.is_plain} == with_query
    assert {"create_job", "trigger_job", "get_job"} <= {each.name for each in routes if each.is_plain}
