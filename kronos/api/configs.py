"""Routes of configs: named JSON objects, whose values the templates of endpoints hold."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kronos import configs, documents, errors
from kronos.api.call import Call, Draft, answer, unchanged
from kronos.api.conditions import etag, held_to, is_known
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.dependencies import KEY, ConfigName, IdempotencyKey, IfMatch, IfNoneMatch, NewConfigName, View
from kronos.api.document import answers, problems
from kronos.api.operation import Operation
from kronos.api.schemas import ConfigCreate, ConfigPut, PageQuery
from kronos.database import WorkspaceView
from kronos.documents import CONFIG
from kronos.model import Config, Document, JsonObject

router = APIRouter(
    prefix="/v1/workspaces/{w}/configs", tags=["configs"], route_class=Operation, dependencies=[Depends(KEY)]
)
_COPY = kind_of(Config, ConfigPut)
_ABSENT = (errors.WorkspaceNotFound, errors.ConfigNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    status_code=201,
    responses=answers({201: Config, 200: Config}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.ConfigNotFound),
)
async def create_config(call: Call, view: View, body: ConfigCreate, key: IdempotencyKey = None) -> Response:
    """Make a config; with a known idempotency key, the one that it made."""
    configs.require_small(body.values)
    made, is_new = await documents.create(view, CONFIG, body.name, body.values, idempotency_key=key)
    return _made(call, made, is_new=is_new)


@router.get("", responses=answers({200: Page[Config]}) | problems(errors.WorkspaceNotFound))
async def list_configs(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """Configs of a workspace, newest first."""
    of = list_digest("configs", view.workspace, {})
    rows = await documents.list_page(view, CONFIG, limit=query.limit, before=decoded(query.cursor, of))
    found = bounded(rows, of=of, place=lambda row: (row.created_at, row.document_id))
    return answer(Page(data=[CONFIG.shown(row) for row in found.data], next_cursor=found.next_cursor))


@router.get("/{name}", responses=answers({200: Config, 304: None}, "ETag") | problems(*_ABSENT))
async def get_config(view: View, name: ConfigName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """One config, at its present version."""
    document = await documents.get(view, CONFIG, name)
    if is_known(document.version, if_none_match):
        return unchanged(document.version)
    return answer(CONFIG.shown(document), ETag=etag(document.version))


@router.put(
    "/{name}",
    responses=answers({200: Config, 201: Config}, "ETag", "Location") | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_config(
    call: Call,
    view: View,
    name: NewConfigName,
    draft: Draft[ConfigPut],
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = frozenset(),
) -> Response:
    """Make a config, or its next version; executions that exist keep the values that they have."""
    document = draft.document
    copied_from = await _copied_from(view, name, document)
    body = await draft.judged({field: value for field, value in document.items() if field not in _COPY.read_only})
    if copied_from is not None:
        if_match = held_to(copied_from, if_match)
    if if_none_match is None:
        return _made(call, await _first(view, name, body))
    stored, is_new = await configs.replace(
        view,
        name,
        body.values,
        if_match=if_match,
        if_none_match=if_none_match,
        must_exist=copied_from is not None or "if-match" in call.headers,
    )
    return _made(call, stored) if is_new else answer(CONFIG.shown(stored), ETag=etag(stored.version))


async def _first(view: WorkspaceView, name: str, body: ConfigPut) -> Document:
    """If-None-Match: * asks for a new one, or none."""
    configs.require_small(body.values)
    try:
        return (await documents.create(view, CONFIG, name, body.values))[0]
    except errors.Conflict:
        detail = f"the config {name!r} exists, and If-None-Match asks for a new one"
        raise errors.PreconditionFailed(detail) from None


@router.delete(
    "/{name}",
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_config(view: View, name: ConfigName, if_match: IfMatch = None) -> Response:
    """Delete a config that no endpoint names."""
    await documents.delete(view, CONFIG, name, if_match=if_match)
    return Response(status_code=204)


def _made(call: Call, document: Document, *, is_new: bool = True) -> Response:
    location = call.path("workspaces", document.workspace, "configs", document.name)
    return answer(
        CONFIG.shown(document),
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
        present = await documents.get(view, CONFIG, name)
    except errors.NotFound as error:
        if isinstance(error, errors.WorkspaceNotFound):
            raise
        _COPY.edited(told, {"name": name})  # of what is to be made the name alone is known
        return None
    _COPY.edited(told, shown(CONFIG.shown(present)))
    return present.version
