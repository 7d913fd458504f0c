"""The routes of all pages, for the API's application."""

from starlette.routing import BaseRoute

from kronos.dashboard import (
    alert_rules,
    alerts,
    audit,
    calendars,
    configs,
    dead_letters,
    endpoints,
    executions,
    heartbeats,
    home,
    job,
    job_actions,
    job_form,
    jobs,
    keys,
    load,
    operations,
    overview,
    payload_specs,
    secrets,
    settings,
    sign_in,
    static,
    system,
    usage,
)

_PARTS = (
    home,
    sign_in,
    overview,
    jobs,
    job_form,
    job,
    job_actions,
    executions,
    dead_letters,
    alerts,
    alert_rules,
    load,
    heartbeats,
    operations,
    calendars,
    configs,
    payload_specs,
    secrets,
    keys,
    audit,
    usage,
    settings,
    system,
    endpoints,
)


def routes() -> list[BaseRoute]:
    """Return the routes of all pages, scripts and styles. Raises static.NotInstalled if npm's files are missing."""
    static.require_all()
    return [*(route for part in _PARTS for route in part.pages.routes), *static.routes, *home.rest.routes]
