"""Routes of endpoints: where deliveries go."""

from starlette.responses import Response

from kronos import endpoints, errors
from kronos.api.call import Call, answer, unchanged
from kronos.api.conditions import etag
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.declared import Routes as Router
from kronos.api.requests import new_endpoint
from kronos.api.schemas import EndpointCreate, EndpointPut, NoQuery, PageQuery
from kronos.database import WorkspaceView
from kronos.endpoints import NewEndpoint
from kronos.model import Endpoint, JsonObject

router = Router("endpoints")
_PATH = "/v1/workspaces/{w}/endpoints"
_ONE = "/v1/workspaces/{w}/endpoints/{name}"
_COPY = kind_of(Endpoint, EndpointPut)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.operation(
    "POST",
    _PATH,
    body=EndpointCreate,
    headers=("Idempotency-Key",),
    tells=("ETag", "Location"),
    answers={201: Endpoint, 200: Endpoint},
    raises=(*_WRITE, errors.EndpointNotFound),
)
async def create_endpoint(call: Call) -> Response:
    """Make an endpoint; with a known idempotency key, the endpoint that it made."""
    call.parameters(NoQuery)
    view, body = call.workspace(), await call.read(EndpointCreate)
    new = await call.aside(lambda: new_endpoint(body.name, body, call.context.egress))
    endpoint, is_new = await endpoints.create(view, new, idempotency_key=call.idempotency_key())
    return _made(call, endpoint, is_new=is_new)


@router.operation("GET", _PATH, query=PageQuery, answers={200: Page[Endpoint]}, raises=(errors.WorkspaceNotFound,))
async def list_endpoints(call: Call) -> Response:
    """Endpoints of a workspace, newest first."""
    view, query = call.workspace(), call.parameters(PageQuery)
    of = list_digest("endpoints", view.workspace, {})
    rows = await endpoints.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.endpoint_id)))


@router.operation(
    "GET",
    _ONE,
    headers=("If-None-Match",),
    tells=("ETag",),
    answers={200: Endpoint, 304: None},
    raises=(errors.WorkspaceNotFound, errors.EndpointNotFound),
)
async def get_endpoint(call: Call) -> Response:
    """One endpoint, at its present version."""
    call.parameters(NoQuery)
    endpoint = await endpoints.get(call.workspace(), call.name())
    return unchanged(endpoint.version) if call.knows(endpoint.version) else answer(endpoint, ETag=etag(endpoint.version))


@router.operation(
    "PUT",
    _ONE,
    body=EndpointPut,
    headers=("If-Match", "If-None-Match"),
    tells=("ETag", "Location"),
    answers={200: Endpoint, 201: Endpoint},
    raises=(*_WRITE, errors.PreconditionFailed),
)
async def put_endpoint(call: Call) -> Response:
    """Make an endpoint, or its next version; executions that exist keep theirs."""
    call.parameters(NoQuery)
    view, name, document = call.workspace(), call.new_name(), await call.document()
    if_match, if_none_match = call.if_match(), call.if_none_match()
    copied_from = await _copied_from(view, name, document)
    body = await call.judged(EndpointPut, {key: value for key, value in document.items() if key not in _COPY.read_only})
    new = await call.aside(lambda: new_endpoint(name, body, call.context.egress))
    if if_none_match is None:
        return _made(call, await _first(view, new))
    if copied_from is not None:
        if_match = call.held_to(copied_from)
    endpoint, is_new = await endpoints.replace(
        view, new, if_match=if_match, if_none_match=if_none_match, must_exist=call.must_exist() or copied_from is not None
    )
    return _made(call, endpoint) if is_new else answer(endpoint, ETag=etag(endpoint.version))


@router.operation(
    "DELETE",
    _ONE,
    headers=("If-Match",),
    answers={204: None},
    raises=(errors.WorkspaceNotFound, errors.EndpointNotFound, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_endpoint(call: Call) -> Response:
    """Delete an endpoint that no live job uses."""
    call.parameters(NoQuery)
    await endpoints.delete(call.workspace(), call.name(), if_match=call.if_match())
    return Response(status_code=204)


def _made(call: Call, endpoint: Endpoint, *, is_new: bool = True) -> Response:
    location = call.path("workspaces", endpoint.workspace, "endpoints", endpoint.name)
    return answer(endpoint, 201 if is_new else 200, Location=location, ETag=etag(endpoint.version), is_repeat=not is_new)


async def _first(view: WorkspaceView, new: NewEndpoint) -> Endpoint:
    """If-None-Match: * asks for a new one, or none."""
    try:
        return (await endpoints.create(view, new))[0]
    except errors.Conflict:
        raise errors.PreconditionFailed(f"the endpoint {new.name!r} exists, and If-None-Match asks for a new one") from None


async def _copied_from(view: WorkspaceView, name: str, document: JsonObject) -> int | None:
    """The version that the body is an edited copy of; None where it is none. Raises Unprocessable where it changes what cannot be."""
    if not (told := _COPY.told(document)):
        return None
    try:
        present = await endpoints.get(view, name)
    except errors.EndpointNotFound:
        _COPY.edited(told, {"name": name})  # of what is to be made the name alone is known
        return None
    _COPY.edited(told, shown(present))
    return present.version
