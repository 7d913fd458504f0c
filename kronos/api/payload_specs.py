"""Routes of payload specs: JSON Schemas against which inputs are validated."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kronos import documents, errors, payload_specs, payloads
from kronos.api.call import Call, Draft, answer, unchanged
from kronos.api.conditions import etag, held_to, is_known
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.dependencies import KEY, IdempotencyKey, IfMatch, IfNoneMatch, NewSpecName, SpecName, View
from kronos.api.document import answers, problems
from kronos.api.operation import Operation
from kronos.api.schemas import ChangeQuery, PageQuery, PayloadSpecCreate, PayloadSpecPut
from kronos.database import WorkspaceView
from kronos.documents import PAYLOAD_SPEC
from kronos.model import Document, JsonObject, PayloadSpec
from kronos.payload_specs import SpecVerdict

router = APIRouter(
    prefix="/v1/workspaces/{w}/payload-specs",
    tags=["payload-specs"],
    route_class=Operation,
    dependencies=[Depends(KEY)],
)
_COPY = kind_of(PayloadSpec, PayloadSpecPut)
_ABSENT = (errors.WorkspaceNotFound, errors.PayloadSpecNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    status_code=201,
    responses=answers({201: PayloadSpec, 200: PayloadSpec}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.PayloadSpecNotFound),
)
async def create_payload_spec(call: Call, view: View, body: PayloadSpecCreate, key: IdempotencyKey = None) -> Response:
    """Make a payload spec; with a known idempotency key, the one that it made."""
    await call.aside(lambda: payloads.compiled(body.schema_))
    made, is_new = await documents.create(view, PAYLOAD_SPEC, body.name, body.schema_, idempotency_key=key)
    return _made(call, made, is_new=is_new)


@router.get("", responses=answers({200: Page[PayloadSpec]}) | problems(errors.WorkspaceNotFound))
async def list_payload_specs(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """Payload specs of a workspace, newest first."""
    of = list_digest("payload-specs", view.workspace, {})
    rows = await documents.list_page(view, PAYLOAD_SPEC, limit=query.limit, before=decoded(query.cursor, of))
    found = bounded(rows, of=of, place=lambda row: (row.created_at, row.document_id))
    return answer(Page(data=[PAYLOAD_SPEC.shown(row) for row in found.data], next_cursor=found.next_cursor))


@router.get("/{name}", responses=answers({200: PayloadSpec, 304: None}, "ETag") | problems(*_ABSENT))
async def get_payload_spec(view: View, name: SpecName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """One payload spec, at its present version."""
    document = await documents.get(view, PAYLOAD_SPEC, name)
    if is_known(document.version, if_none_match):
        return unchanged(document.version)
    return answer(PAYLOAD_SPEC.shown(document), ETag=etag(document.version))


@router.put(
    "/{name}",
    responses=answers({200: PayloadSpec | SpecVerdict, 201: PayloadSpec}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_payload_spec(
    call: Call,
    view: View,
    name: NewSpecName,
    draft: Draft[PayloadSpecPut],
    query: Annotated[ChangeQuery, Query()],
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = frozenset(),
) -> Response:
    """Make a payload spec, or its next version, if it refuses no live job's input."""
    document = draft.document
    copied_from = await _copied_from(view, name, document)
    body = await draft.judged({field: value for field, value in document.items() if field not in _COPY.read_only})
    validator = await call.aside(lambda: payloads.compiled(body.schema_))
    if query.validate_only:
        return answer(await payload_specs.judge(view, validator, payload_spec=name))
    if copied_from is not None:
        if_match = held_to(copied_from, if_match)
    if if_none_match is None:
        return _made(call, await _first(call, view, name, body))
    stored, is_new = await payload_specs.replace(
        view,
        name,
        body.schema_,
        if_match=if_match,
        if_none_match=if_none_match,
        must_exist=copied_from is not None or "if-match" in call.headers,
        force=query.force,
    )
    return _made(call, stored) if is_new else answer(PAYLOAD_SPEC.shown(stored), ETag=etag(stored.version))


async def _first(call: Call, view: WorkspaceView, name: str, body: PayloadSpecPut) -> Document:
    """If-None-Match: * asks for a new one, or none."""
    await call.aside(lambda: payloads.compiled(body.schema_))
    try:
        return (await documents.create(view, PAYLOAD_SPEC, name, body.schema_))[0]
    except errors.Conflict:
        detail = f"the payload spec {name!r} exists, and If-None-Match asks for a new one"
        raise errors.PreconditionFailed(detail) from None


@router.delete(
    "/{name}",
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_payload_spec(view: View, name: SpecName, if_match: IfMatch = None) -> Response:
    """Delete a payload spec that no endpoint names."""
    await documents.delete(view, PAYLOAD_SPEC, name, if_match=if_match)
    return Response(status_code=204)


def _made(call: Call, document: Document, *, is_new: bool = True) -> Response:
    location = call.path("workspaces", document.workspace, "payload-specs", document.name)
    return answer(
        PAYLOAD_SPEC.shown(document),
        201 if is_new else 200,
        Location=location,
        ETag=etag(document.version),
        is_repeat=not is_new,
    )


async def _copied_from(view: WorkspaceView, name: str, document: JsonObject) -> int | None:
    """The version that the body is an edited copy of; None where it is none. Raises Unprocessable where it changes what
    cannot be."""
    if not (told := _COPY.told(document)):
        return None
    try:
        present = await documents.get(view, PAYLOAD_SPEC, name)
    except errors.NotFound as error:
        if isinstance(error, errors.WorkspaceNotFound):
            raise
        _COPY.edited(told, {"name": name})  # of what is to be made the name alone is known
        return None
    _COPY.edited(told, shown(PAYLOAD_SPEC.shown(present)))
    return present.version
