"""Routes of endpoints: where deliveries go."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from starlette.responses import Response

from kronos import endpoint_tests, endpoints, errors, secrets
from kronos.api.call import Call, Draft, answer, unchanged
from kronos.api.conditions import etag, held_to, is_known
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.dependencies import KEY, EndpointName, IdempotencyKey, IfMatch, IfNoneMatch, NewEndpointName, View
from kronos.api.document import answers, problems
from kronos.api.endpoint_schemas import EndpointCreate, EndpointPut, EndpointRender, EndpointTest, HttpEndpointPut
from kronos.api.operation import Operation
from kronos.api.requests import new_endpoint
from kronos.api.schemas import ChangeQuery, PageQuery
from kronos.database import WorkspaceView
from kronos.endpoint_tests import Rendered, RenderedEntry, RenderedRecord, Sample, TriedDelivery
from kronos.endpoints import NewEndpoint
from kronos.model import Endpoint, JsonObject
from kronos.payload_specs import SpecVerdict
from kronos.secrets import SigningKeys

router = APIRouter(
    prefix="/v1/workspaces/{w}/endpoints", tags=["endpoints"], route_class=Operation, dependencies=[Depends(KEY)]
)
_COPY = kind_of(Endpoint, HttpEndpointPut)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    status_code=201,
    responses=answers({201: Endpoint, 200: Endpoint}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.EndpointNotFound),
)
async def create_endpoint(call: Call, view: View, body: EndpointCreate, key: IdempotencyKey = None) -> Response:
    """Make an endpoint; with a known idempotency key, the endpoint that it made."""
    new = await call.aside(lambda: new_endpoint(body.root.name, body.root, call.context.egress))
    endpoint, is_new = await endpoints.create(view, new, idempotency_key=key)
    return _made(call, endpoint, is_new=is_new)


@router.get("", responses=answers({200: Page[Endpoint]}) | problems(errors.WorkspaceNotFound))
async def list_endpoints(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """Endpoints of a workspace, newest first."""
    of = list_digest("endpoints", view.workspace, {})
    rows = await endpoints.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.endpoint_id)))


@router.get(
    "/{name}",
    responses=answers({200: Endpoint, 304: None}, "ETag") | problems(errors.WorkspaceNotFound, errors.EndpointNotFound),
)
async def get_endpoint(view: View, name: EndpointName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """One endpoint, at its present version."""
    endpoint = await endpoints.get(view, name)
    if is_known(endpoint.version, if_none_match) and endpoint.usage is None:
        return unchanged(endpoint.version)
    return answer(endpoint, ETag=_tag(endpoint))


@router.get(
    "/{name}/signing-keys",
    responses=answers({200: SigningKeys}) | problems(errors.WorkspaceNotFound, errors.EndpointNotFound),
)
async def get_signing_keys(view: View, name: EndpointName) -> Response:
    """The keys that sign an endpoint's deliveries, newest first: of v1a what receivers verify with."""
    if not (found := await secrets.signing_keys(view, name)):
        await endpoints.get(view, name)
    return answer(SigningKeys(data=found))


@router.put(
    "/{name}",
    responses=answers({200: Endpoint | SpecVerdict, 201: Endpoint}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_endpoint(
    call: Call,
    view: View,
    name: NewEndpointName,
    draft: Draft[EndpointPut],
    query: Annotated[ChangeQuery, Query()],
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = frozenset(),
) -> Response:
    """Make an endpoint, or its next version; executions that exist keep theirs."""
    document = draft.document
    copied_from = await _copied_from(view, name, document)
    body = await draft.judged({field: value for field, value in document.items() if field not in _COPY.read_only})
    new = await call.aside(lambda: new_endpoint(name, body.root, call.context.egress))
    if query.validate_only:
        return answer(await endpoints.check(view, new))
    if if_none_match is None:
        return _made(call, await _first(view, new))
    if copied_from is not None:
        if_match = held_to(copied_from, if_match)
    must_exist = copied_from is not None or "if-match" in call.headers
    endpoint, is_new = await endpoints.replace(
        view, new, if_match=if_match, if_none_match=if_none_match, must_exist=must_exist, force=query.force
    )
    return _made(call, endpoint) if is_new else answer(endpoint, ETag=_tag(endpoint))


@router.post(
    "/{name}/render",
    responses=answers({200: Rendered | RenderedEntry | RenderedRecord})
    | problems(
        errors.WorkspaceNotFound,
        errors.EndpointNotFound,
        errors.Forbidden,
        errors.PayloadTooLarge,
        errors.Unprocessable,
    ),
)
async def render_endpoint(
    view: View, name: EndpointName, body: Annotated[EndpointRender, Body(default_factory=EndpointRender)]
) -> Response:
    """What would be sent for an input; secrets are masked."""
    sample = Sample(input=body.input, job_name=body.job_name, timezone=body.timezone, scheduled_at=body.scheduled_at)
    return answer(await endpoint_tests.render(view, name, sample))


@router.post(
    "/{name}/test",
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
    """One delivery now, by a worker, and what was answered: 202 where it is still under way. It is tried once; what no
    worker takes in time is CANCELLED."""
    call.take(endpoint_tests.LONGEST_WAIT_SECONDS + call.context.settings.request_seconds)
    tried, is_new = await endpoint_tests.deliver(view, name, body.input, idempotency_key=key)
    execution = tried.execution
    location = call.path("workspaces", execution.workspace, "executions", execution.execution_id)
    status = 200 if execution.completed_at is not None else 202
    return answer(tried, status, Location=location, is_repeat=not is_new)


@router.delete(
    "/{name}",
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
    location = call.path("workspaces", endpoint.workspace, "endpoints", endpoint.name)
    return answer(endpoint, 201 if is_new else 200, Location=location, ETag=_tag(endpoint), is_repeat=not is_new)


def _tag(endpoint: Endpoint) -> str:
    return etag(endpoint.version, is_moving=endpoint.usage is not None)


async def _first(view: WorkspaceView, new: NewEndpoint) -> Endpoint:
    """If-None-Match: * asks for a new one, or none."""
    try:
        return (await endpoints.create(view, new))[0]
    except errors.Conflict:
        raise errors.PreconditionFailed(
            f"the endpoint {new.name!r} exists, and If-None-Match asks for a new one"
        ) from None


async def _copied_from(view: WorkspaceView, name: str, document: JsonObject) -> int | None:
    """The version that the body is an edited copy of; None where it is none. Raises Unprocessable where it changes what
    cannot be."""
    if not (told := _COPY.told(document)):
        return None
    try:
        present = await endpoints.get(view, name)
    except errors.EndpointNotFound:
        _COPY.edited(told, {"name": name})  # of what is to be made the name alone is known
        return None
    _COPY.edited(told, shown(present))
    return present.version
