"""The endpoint pages: list, create, change, test, disable, enable and delete an endpoint."""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

import orjson
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from kronos import endpoint_tests, endpoints, errors
from kronos.api.call import Call
from kronos.api.copies import shown as as_given
from kronos.api.cursors import bounded, decoded, list_digest
from kronos.api.dependencies import CallerOf, EndpointName, ReadView, View
from kronos.api.endpoint_schemas import EndpointCreate, EndpointDisable, EndpointPut, EndpointRender, EndpointTest
from kronos.api.fields import Query
from kronos.api.query_schemas import PageQuery
from kronos.api.requests import new_endpoint
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.endpoint_tests import AnyRendered, Sample
from kronos.model import Endpoint, Json, JsonObject, Role

pages = Pages("/w/{w}/endpoints")
_Type = Literal["HTTP", "REDIS_STREAM", "KAFKA", "EMAIL"]
_TYPES: tuple[_Type, ...] = get_args(_Type)
_SPECS: dict[str, JsonObject] = {
    "REDIS_STREAM": {"redis_url": "rediss://redis.example.com:6379/0", "stream": "reports"},
    "EMAIL": {"smtp_url": "smtp://mail.example.com:587", "sender": "kronos@example.com", "to": ["ops@example.com"]},
    "KAFKA": {"bootstrap_servers": ["kafka.example.com:9092"], "topic": "reports"},
}
_USERS = 20
_FIELDS = (
    "/name",
    "/title",
    "/spec",
    "/retry_policy",
    "/limits",
    "/config",
    "/payload_spec",
    "/signing_secrets",
    "/group",
    "/on_disabled",
    "/use",
)
"""Settings that have their own form field."""


class NewEndpointQuery(Query):
    """The type of a new endpoint."""

    type: _Type = Field(default="HTTP", description="The transport.")


@pages.get("", needs=Role.VIEWER)
async def get_endpoints_page(call: Call, view: ReadView, query: Annotated[PageQuery, InQuery()]) -> Response:
    """The endpoints of a workspace, newest first."""
    of = list_digest("endpoints", view.workspace, {})
    rows = await endpoints.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    found = bounded(rows, of=of, place=lambda row: (row.created_at, row.endpoint_id))
    return shown(call, "endpoints.html", endpoints=found.data, next_cursor=found.next_cursor)


@pages.get("/~new", needs=Role.ADMIN)
async def get_new_endpoint_page(call: Call, view: View, query: Annotated[NewEndpointQuery, InQuery()]) -> Response:
    """The form for a new endpoint."""
    await view.enter()
    spec = _SPECS.get(query.type)
    return _new(call, query.type, FilledForm(values={"/spec": [_json(spec)]} if spec else {}))


@pages.post("", needs=Role.ADMIN)
async def post_endpoint_on_page(call: Call, view: View) -> Response:
    """Create an endpoint."""
    form = await sent(call)
    try:
        body = (await call.judged(EndpointCreate, form.document())).root
        made, _ = await endpoints.create(
            view, new_endpoint(body.name, body, call.context.egress), idempotency_key=form.once
        )
    except errors.KronosError as error:
        if error.status >= 500:
            raise
        kind = form.text("/type")
        return _new(call, kind if kind in _TYPES else "HTTP", form.form.refused(error))
    return done(call, f"Endpoint {made.name} created.", "w", view.workspace, "endpoints", made.name)


@pages.get("/{name}", needs=Role.VIEWER)
async def get_endpoint_page(call: Call, view: View, name: EndpointName) -> Response:
    """One endpoint."""
    return await _page(call, view, name)


@pages.post("/{name}", needs=Role.ADMIN)
async def change_endpoint_on_page(call: Call, view: View, name: EndpointName) -> Response:
    """Save the endpoint's next version, based on the version shown in the form."""
    form = await sent(call)
    try:
        body = (await call.judged(EndpointPut, form.document(), lambda: endpoints.get(view, name))).root
        endpoint, _ = await endpoints.replace(
            view,
            new_endpoint(name, body, call.context.egress),
            if_match={version_of(form)},
            must_exist=True,
            force=form.has("force"),
        )
    except errors.KronosError as error:
        return await _refused(call, view, name, "edit", form.form, error)
    notice = f"{name} is now at version {endpoint.version}. Existing executions keep their version."
    return done(call, notice, "w", view.workspace, "endpoints", name)


@pages.post("/{name}/render", needs=Role.ADMIN)
async def render_endpoint_on_page(call: Call, view: View, name: EndpointName) -> Response:
    """Show the request that would be sent for an input."""
    form = await sent(call)
    try:
        body = await call.judged(EndpointRender, form.document())
        rendered = await endpoint_tests.render(view, name, Sample(input=body.input))
    except errors.KronosError as error:
        return await _refused(call, view, name, "try", form.form, error)
    return await _page(call, view, name, {"try": form.form}, rendered=rendered)


@pages.post("/{name}/test", needs=Role.ADMIN)
async def try_endpoint_on_page(call: Call, view: View, name: EndpointName) -> Response:
    """Make one test delivery now, and show its execution with the request and response."""
    call.take(endpoint_tests.LONGEST_WAIT_SECONDS + call.context.settings.request_seconds)
    form = await sent(call)
    try:
        body = await call.judged(EndpointTest, form.document())
        tried, _ = await endpoint_tests.deliver(view, name, body.input, idempotency_key=form.once)
    except errors.KronosError as error:
        return await _refused(call, view, name, "try", form.form, error)
    execution = tried.execution
    notice = f"Test delivery: {execution.status.lower()}."
    return done(call, notice, "w", view.workspace, "executions", execution.execution_id)


@pages.post("/{name}/disable", needs=Role.ADMIN)
async def disable_endpoint_on_page(call: Call, view: View, name: EndpointName, caller: CallerOf) -> Response:
    """Disable it: nothing is delivered until the endpoint is enabled by hand."""
    form = await sent(call)
    try:
        body = await call.judged(EndpointDisable, form.document())
        await endpoints.disable(view, name, actor=caller.actor, note=body.note)
    except errors.KronosError as error:
        return await _refused(call, view, name, "disable", form.form, error)
    return done(call, f"Endpoint {name} disabled. Nothing is delivered to it.", "w", view.workspace, "endpoints", name)


@pages.post("/{name}/enable", needs=Role.ADMIN)
async def enable_endpoint_on_page(call: Call, view: View, name: EndpointName) -> Response:
    """Resume deliveries."""
    await sent(call)
    await endpoints.enable(view, name)
    return done(call, f"Deliveries to {name} have resumed.", "w", view.workspace, "endpoints", name)


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_endpoint_on_page(call: Call, view: View, name: EndpointName) -> Response:
    """Delete an endpoint that no live job uses."""
    form = await sent(call)
    try:
        await endpoints.delete(view, name, if_match={version_of(form)})
    except errors.KronosError as error:
        return await _refused(call, view, name, "delete", form.form, error)
    return done(call, f"Endpoint {name} deleted.", "w", view.workspace, "endpoints")


class EndpointForms:
    """The forms of an endpoint's page, by action."""

    def __init__(self, endpoint: Endpoint, refused: dict[str, FilledForm]) -> None:
        self._forms = {
            "edit": FilledForm(values=_fields_of(endpoint)),
            "try": FilledForm(values={"/input": ["{}"]}),
            "disable": FilledForm(),
            "delete": FilledForm(),
        } | refused

    def __getitem__(self, name: str) -> FilledForm:
        return self._forms[name]


async def _page(
    call: Call,
    view: WorkspaceView,
    name: str,
    forms: dict[str, FilledForm] | None = None,
    *,
    rendered: AnyRendered | None = None,
) -> Response:
    endpoint = await endpoints.get(view, name)
    users = await endpoints.users(view, name, limit=_USERS)
    forms = forms or {}
    return shown(
        call,
        "endpoint.html",
        max([200, *(each.status for each in forms.values())]),
        endpoint=endpoint,
        users=users,
        rendered=None if rendered is None else RenderedText(rendered),
        forms=EndpointForms(endpoint, forms),
        opened=next(iter(forms), None),
        kind=endpoint.type,
        pointers=_FIELDS,
    )


class RenderedText:
    """A rendered request as text. Only admins receive it; they see payloads."""

    def __init__(self, rendered: AnyRendered) -> None:
        self.text = orjson.dumps(rendered, option=orjson.OPT_INDENT_2).decode()


def _new(call: Call, kind: str, form: FilledForm) -> Response:
    return shown(call, "endpoint_new.html", form.status, kind=kind, form=form, types=_TYPES, pointers=_FIELDS)


async def _refused(
    call: Call, view: WorkspaceView, name: str, what: str, form: FilledForm, error: errors.KronosError
) -> Response:
    """Show the page with the typed values and their faults; errors that the form cannot fix become an error page."""
    if error.status >= 500 or isinstance(error, errors.NotFound):
        raise error
    return await _page(call, view, name, {what: form.refused(error)})


def _fields_of(endpoint: Endpoint) -> dict[str, Sequence[str]]:
    """Return the endpoint as form fields. Sent back unchanged, they produce the same endpoint."""
    given = as_given(endpoint)
    kept = ("title", "config", "payload_spec", "use", "group", "on_disabled")
    made: dict[str, Sequence[str]] = {f"/{name}": [str(given[name])] for name in kept if given[name] is not None}
    made["version"] = [str(endpoint.version)]
    made["/signing_secrets"] = [" ".join(endpoint.signing_secrets)]
    made["/retry_policy"] = [_json(given["retry_policy"])]
    limits = {name: value for name, value in given["limits"].items() if value is not None}
    made["/limits"] = [_json(limits)] if limits else []
    spec = given["spec"]
    made["/spec"] = [_json({name: value for name, value in spec.items() if value is not None})]
    if endpoint.type == "HTTP":
        plain = ("url", "method", "timeout_ms", "connect_timeout_ms", "idle_timeout_ms")
        made |= {f"/spec/{name}": [str(spec[name])] for name in plain if spec.get(name) is not None}
        documents = {name: spec[name] for name in ("headers", "expected_status_codes") if spec.get(name)}
        if spec["body_template"] is not None:  # an empty one sends {}, none sends the job's input
            documents["body_template"] = spec["body_template"]
        made |= {f"/spec/{name}": [_json(value)] for name, value in documents.items()}
    return made


def _json(value: Json) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
