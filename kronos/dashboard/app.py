"""The routes of all pages, as the API's application takes them."""

from starlette.routing import BaseRoute

from kronos.dashboard import (
    configs,
    dead_letters,
    endpoints,
    executions,
    home,
    job,
    job_actions,
    load,
    overview,
    payload_specs,
    secrets,
    sign_in,
    static,
)

_PARTS = (
    home,
    sign_in,
    overview,
    job,
    job_actions,
    executions,
    dead_letters,
    endpoints,
    configs,
    payload_specs,
    secrets,
    load,
)


def routes() -> list[BaseRoute]:
    """Every page, and the scripts and styles. Raises static.NotInstalled where npm's are missing."""
    static.require_all()
    return [*(route for part in _PARTS for route in part.pages.routes), *static.routes, *home.rest.routes]
