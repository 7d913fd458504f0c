"""Routes of payload specs: JSON Schemas that inputs are validated against."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import documents, errors, payload_specs, payloads
from kronos.api.call import Call, Draft, answer
from kronos.api.copies import kind_of
from kronos.api.cursors import Page
from kronos.api.dependencies import IdempotencyKey, IfMatch, IfNoneMatch, NewSpecName, SpecName, View
from kronos.api.document import answers, problems
from kronos.api.named import DocumentRoutes, PutConditions
from kronos.api.operation import Router
from kronos.api.query_schemas import ChangeQuery, PageQuery
from kronos.api.schemas import PayloadSpecCreate, PayloadSpecPut
from kronos.documents import PAYLOAD_SPEC
from kronos.model import PayloadSpec, Role
from kronos.payload_specs import SpecVerdict

router = Router("/v1/workspaces/{w}/payload-specs", tags=["payload-specs"])
_ROUTES = DocumentRoutes(kind=PAYLOAD_SPEC, copy=kind_of(PayloadSpec, PayloadSpecPut))
_ABSENT = (errors.WorkspaceNotFound, errors.PayloadSpecNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: PayloadSpec, 200: PayloadSpec}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.PayloadSpecNotFound),
)
async def create_payload_spec(call: Call, view: View, body: PayloadSpecCreate, key: IdempotencyKey = None) -> Response:
    """Create a payload spec. With a known idempotency key, return the payload spec created before."""
    await call.aside(lambda: payloads.compiled(body.schema_))
    return await _ROUTES.create(call, view, body.name, body.schema_, key)


@router.get("", needs=Role.VIEWER, responses=answers({200: Page[PayloadSpec]}) | problems(errors.WorkspaceNotFound))
async def list_payload_specs(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """List the payload specs of a workspace, newest first."""
    return await _ROUTES.page(view, query)


@router.get("/{name}", needs=Role.VIEWER, responses=answers({200: PayloadSpec, 304: None}, "ETag") | problems(*_ABSENT))
async def get_payload_spec(view: View, name: SpecName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get the current version of a payload spec."""
    return await _ROUTES.current(view, name, if_none_match)


@router.put(
    "/{name}",
    needs=Role.ADMIN,
    responses=answers({200: PayloadSpec | SpecVerdict, 201: PayloadSpec}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_payload_spec(
    call: Call,
    view: View,
    name: NewSpecName,
    draft: Draft[PayloadSpecPut],
    query: Annotated[ChangeQuery, Query()],
    asked: PutConditions,
) -> Response:
    """Create a payload spec, or its next version if every live job's input is valid against it."""
    change = await _ROUTES.change(view, name, draft)
    schema = change.body.schema_
    validator = await call.aside(lambda: payloads.compiled(schema))
    if query.validate_only:
        return answer(await payload_specs.judge(view, validator, payload_spec=name))
    held = change.held(asked)
    if held.if_none_match is None:
        return await _ROUTES.first(call, view, name, schema)
    document, is_new = await payload_specs.replace(
        view,
        name,
        schema,
        if_match=held.if_match,
        if_none_match=held.if_none_match,
        must_exist=held.must_exist,
        force=query.force,
    )
    return _ROUTES.stored(call, document, is_new=is_new)


@router.delete(
    "/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_payload_spec(view: View, name: SpecName, if_match: IfMatch = None) -> Response:
    """Delete a payload spec that no endpoint uses."""
    await documents.delete(view, PAYLOAD_SPEC, name, if_match=if_match)
    return Response(status_code=204)
