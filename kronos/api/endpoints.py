"""Routes of endpoints: where deliveries go."""

from starlette.responses import Response

from kronos import endpoints, errors
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.operation import Routes
from kronos.api.requests import new_endpoint
from kronos.api.schemas import EndpointCreate, EndpointPut, NoQuery, PageQuery
from kronos.model import Endpoint

routes = Routes("endpoints")
_PATH = "/v1/workspaces/{w}/endpoints"
_ONE = "/v1/workspaces/{w}/endpoints/{name}"
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@routes.operation("POST", _PATH, body=EndpointCreate, answers={201: Endpoint}, raises=_WRITE)
async def create_endpoint(call: Call) -> Response:
    """Make an endpoint."""
    call.parameters(NoQuery)
    view, body = call.workspace(), await call.read(EndpointCreate)
    new = await call.judged(lambda: new_endpoint(body.name, body, call.context.egress))
    endpoint = await endpoints.create(view, new)
    return answer(endpoint, 201, Location=call.path("workspaces", endpoint.workspace, "endpoints", endpoint.name))


@routes.operation("GET", _PATH, query=PageQuery, answers={200: Page[Endpoint]}, raises=(errors.WorkspaceNotFound,))
async def list_endpoints(call: Call) -> Response:
    """Endpoints of a workspace, newest first."""
    view, query = call.workspace(), call.parameters(PageQuery)
    of = list_digest("endpoints", view.workspace, {})
    rows = await endpoints.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.endpoint_id)))


@routes.operation("GET", _ONE, answers={200: Endpoint}, raises=(errors.WorkspaceNotFound, errors.EndpointNotFound))
async def get_endpoint(call: Call) -> Response:
    """One endpoint, at its present version."""
    call.parameters(NoQuery)
    endpoint = await endpoints.get(call.workspace(), call.name())
    return answer(endpoint, ETag=f'"{endpoint.version}"')


@routes.operation("PUT", _ONE, body=EndpointPut, answers={200: Endpoint, 201: Endpoint}, raises=_WRITE)
async def put_endpoint(call: Call) -> Response:
    """Make an endpoint, or its next version; executions that exist keep theirs."""
    call.parameters(NoQuery)
    view, name, body = call.workspace(), call.new_name(), await call.read(EndpointPut)
    new = await call.judged(lambda: new_endpoint(name, body, call.context.egress))
    endpoint, is_new = await endpoints.replace(view, new)
    if is_new:
        return answer(endpoint, 201, Location=call.path("workspaces", endpoint.workspace, "endpoints", endpoint.name))
    return answer(endpoint, ETag=f'"{endpoint.version}"')


@routes.operation(
    "DELETE",
    _ONE,
    answers={204: None},
    raises=(errors.WorkspaceNotFound, errors.EndpointNotFound, errors.Forbidden, errors.Conflict),
)
async def delete_endpoint(call: Call) -> Response:
    """Delete an endpoint that no live job uses."""
    call.parameters(NoQuery)
    await endpoints.delete(call.workspace(), call.name())
    return Response(status_code=204)
