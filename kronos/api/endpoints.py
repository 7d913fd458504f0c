"""Routes of endpoints: where deliveries go."""

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from kronos import endpoint_tests, endpoints, errors, secrets
from kronos.api import named
from kronos.api.call import Call, Draft, answer
from kronos.api.copies import kind_of
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.dependencies import (
    READ_FROM,
    CallerOf,
    EndpointName,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    NewEndpointName,
    ReadView,
    View,
)
from kronos.api.document import answers, problems
from kronos.api.endpoint_schemas import (
    EndpointCreate,
    EndpointDisable,
    EndpointPut,
    EndpointRender,
    EndpointTest,
    HttpEndpointPut,
)
from kronos.api.named import PutConditions
from kronos.api.operation import Router, sets_a_state
from kronos.api.query_schemas import ChangeQuery, PageQuery
from kronos.api.requests import new_endpoint
from kronos.api.schemas import Nothing
from kronos.endpoint_tests import Rendered, RenderedEntry, RenderedMail, RenderedRecord, Sample, TriedDelivery
from kronos.model import Endpoint, Role
from kronos.payload_specs import SpecVerdict
from kronos.secrets import SigningKeys

router = Router("/v1/workspaces/{w}/endpoints", tags=["endpoints"])
_COPY = kind_of(Endpoint, HttpEndpointPut)
_SWITCH = (
    errors.WorkspaceNotFound,
    errors.EndpointNotFound,
    errors.Forbidden,
    errors.PayloadTooLarge,
    errors.Unprocessable,
)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: Endpoint, 200: Endpoint}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.EndpointNotFound),
)
async def create_endpoint(call: Call, view: View, body: EndpointCreate, key: IdempotencyKey = None) -> Response:
    """Create an endpoint. With a known idempotency key, return the endpoint created before."""
    new = await call.aside(lambda: new_endpoint(body.root.name, body.root, call.context.egress))
    endpoint, is_new = await endpoints.create(view, new, idempotency_key=key)
    return _made(call, endpoint, is_new=is_new)


@router.get(
    "", needs=Role.VIEWER, responses=answers({200: Page[Endpoint]}, READ_FROM) | problems(errors.WorkspaceNotFound)
)
async def list_endpoints(view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """List the endpoints of a workspace, newest first."""
    of = list_digest("endpoints", view.workspace, {})
    rows = await endpoints.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.endpoint_id)))


@router.get(
    "/{name}",
    needs=Role.VIEWER,
    responses=answers({200: Endpoint, 304: None}, "ETag") | problems(errors.WorkspaceNotFound, errors.EndpointNotFound),
)
async def get_endpoint(view: View, name: EndpointName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get the current version of an endpoint."""
    endpoint = await endpoints.get(view, name)
    return named.current(endpoint, if_none_match, is_moving=_is_moving(endpoint))


@router.get(
    "/{name}/signing-keys",
    needs=Role.VIEWER,
    responses=answers({200: SigningKeys}) | problems(errors.WorkspaceNotFound, errors.EndpointNotFound),
)
async def get_signing_keys(view: View, name: EndpointName) -> Response:
    """List the keys that sign an endpoint's deliveries, newest first. For v1a: the keys that receivers verify with."""
    if not (found := await secrets.signing_keys(view, name)):
        await endpoints.get(view, name)
    return answer(SigningKeys(data=found))


@router.put(
    "/{name}",
    needs=Role.ADMIN,
    responses=answers({200: Endpoint | SpecVerdict, 201: Endpoint}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_endpoint(
    call: Call,
    view: View,
    name: NewEndpointName,
    draft: Draft[EndpointPut],
    query: Annotated[ChangeQuery, Query()],
    asked: PutConditions,
) -> Response:
    """Create an endpoint, or its next version. Existing executions keep their version."""
    change = await named.change(_COPY, name, draft, lambda: endpoints.get(view, name))
    new = await call.aside(lambda: new_endpoint(name, change.body.root, call.context.egress))
    if query.validate_only:
        return answer(await endpoints.check(view, new))
    held = change.held(asked)
    if held.if_none_match is None:
        endpoint, is_new = await named.first("endpoint", name, endpoints.create(view, new)), True
    else:
        endpoint, is_new = await endpoints.replace(
            view,
            new,
            if_match=held.if_match,
            if_none_match=held.if_none_match,
            must_exist=held.must_exist,
            force=query.force,
        )
    return _made(call, endpoint) if is_new else named.current(endpoint, is_moving=_is_moving(endpoint))


@router.post(
    "/{name}/render",
    needs=Role.ADMIN,
    responses=answers({200: Rendered | RenderedEntry | RenderedRecord | RenderedMail})
    | problems(
        errors.WorkspaceNotFound,
        errors.EndpointNotFound,
        errors.Forbidden,
        errors.PayloadTooLarge,
        errors.Unprocessable,
    ),
)
@sets_a_state
async def render_endpoint(
    view: View, name: EndpointName, body: Annotated[EndpointRender, Body(default_factory=EndpointRender)]
) -> Response:
    """Render what would be sent for an input. Secrets are masked."""
    sample = Sample(input=body.input, job_name=body.job_name, timezone=body.timezone, scheduled_at=body.scheduled_at)
    return answer(await endpoint_tests.render(view, name, sample))


@router.post(
    "/{name}/test",
    needs=Role.ADMIN,
    responses=answers({200: TriedDelivery, 202: TriedDelivery}, "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.EndpointNotFound, errors.RateLimited),
)
async def try_endpoint(
    call: Call,
    view: View,
    name: EndpointName,
    body: Annotated[EndpointTest, Body(default_factory=EndpointTest)],
    key: IdempotencyKey = None,
) -> Response:
    """Send one test delivery now, through a worker, and return the response.

    202: the delivery is still in progress. It is attempted once, and is CANCELLED if no worker takes it in time."""
    call.take(endpoint_tests.LONGEST_WAIT_SECONDS + call.context.settings.request_seconds)
    tried, is_new = await endpoint_tests.deliver(view, name, body.input, idempotency_key=key)
    execution = tried.execution
    location = call.path("workspaces", execution.workspace, "executions", execution.execution_id)
    status = 200 if execution.completed_at is not None else 202
    return answer(tried, status, Location=location, is_repeat=not is_new)


@router.post("/{name}/enable", needs=Role.ADMIN, responses=answers({200: Endpoint}, "ETag") | problems(*_SWITCH))
@sets_a_state
async def enable_endpoint(
    view: View, name: EndpointName, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Resume deliveries to an endpoint, whatever stopped them: failures, a 410, a slow-down or a person."""
    endpoint = await endpoints.enable(view, name)
    return named.current(endpoint, is_moving=_is_moving(endpoint))


@router.post("/{name}/disable", needs=Role.ADMIN, responses=answers({200: Endpoint}, "ETag") | problems(*_SWITCH))
@sets_a_state
async def disable_endpoint(
    view: View,
    name: EndpointName,
    caller: CallerOf,
    body: Annotated[EndpointDisable, Body(default_factory=EndpointDisable)],
) -> Response:
    """Stop deliveries to an endpoint until it is enabled by hand. Deliveries in progress finish normally."""
    endpoint = await endpoints.disable(view, name, actor=caller.actor, note=body.note)
    return named.current(endpoint, is_moving=_is_moving(endpoint))


@router.delete(
    "/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None})
    | problems(
        errors.WorkspaceNotFound, errors.EndpointNotFound, errors.Forbidden, errors.Conflict, errors.PreconditionFailed
    ),
)
async def delete_endpoint(view: View, name: EndpointName, if_match: IfMatch = None) -> Response:
    """Delete an endpoint that no live job uses."""
    await endpoints.delete(view, name, if_match=if_match)
    return Response(status_code=204)


def _made(call: Call, endpoint: Endpoint, *, is_new: bool = True) -> Response:
    return named.made(call, endpoint.workspace, "endpoints", endpoint, is_new=is_new, is_moving=_is_moving(endpoint))


def _is_moving(endpoint: Endpoint) -> bool:
    """Return whether the endpoint shows values that change without a new version: its health, after a failure or while
    disabled, and the usage of its limits."""
    return endpoint.health.get("since") is not None or endpoint.usage is not None
