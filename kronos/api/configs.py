"""Routes of configs: named JSON objects whose values endpoint templates use."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import configs, documents, errors
from kronos.api.call import Call, Draft
from kronos.api.copies import kind_of
from kronos.api.cursors import Page
from kronos.api.dependencies import (
    READ_FROM,
    ConfigName,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    NewConfigName,
    ReadView,
    View,
)
from kronos.api.document import answers, problems
from kronos.api.named import DocumentRoutes, PutConditions
from kronos.api.operation import Router
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import ConfigCreate, ConfigPut
from kronos.documents import CONFIG
from kronos.model import Config, Role

router = Router("/v1/workspaces/{w}/configs", tags=["configs"])
_ROUTES = DocumentRoutes(kind=CONFIG, copy=kind_of(Config, ConfigPut))
_ABSENT = (errors.WorkspaceNotFound, errors.ConfigNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: Config, 200: Config}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.ConfigNotFound),
)
async def create_config(call: Call, view: View, body: ConfigCreate, key: IdempotencyKey = None) -> Response:
    """Create a config. With a known idempotency key, return the config created before."""
    configs.require_small(body.values)
    return await _ROUTES.create(call, view, body.name, body.values, key)


@router.get(
    "", needs=Role.VIEWER, responses=answers({200: Page[Config]}, READ_FROM) | problems(errors.WorkspaceNotFound)
)
async def list_configs(view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """List the configs of a workspace, newest first."""
    return await _ROUTES.page(view, query)


@router.get("/{name}", needs=Role.VIEWER, responses=answers({200: Config, 304: None}, "ETag") | problems(*_ABSENT))
async def get_config(view: View, name: ConfigName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get the current version of a config."""
    return await _ROUTES.current(view, name, if_none_match)


@router.put(
    "/{name}",
    needs=Role.ADMIN,
    responses=answers({200: Config, 201: Config}, "ETag", "Location") | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_config(
    call: Call, view: View, name: NewConfigName, draft: Draft[ConfigPut], asked: PutConditions
) -> Response:
    """Create a config, or its next version. Existing executions keep their values."""
    change = await _ROUTES.change(view, name, draft)
    held, values = change.held(asked), change.body.values
    if held.if_none_match is None:
        configs.require_small(values)
        return await _ROUTES.first(call, view, name, values)
    document, is_new = await configs.replace(
        view,
        name,
        values,
        if_match=held.if_match,
        if_none_match=held.if_none_match,
        must_exist=held.must_exist,
    )
    return _ROUTES.stored(call, document, is_new=is_new)


@router.delete(
    "/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_config(view: View, name: ConfigName, if_match: IfMatch = None) -> Response:
    """Delete a config that no endpoint uses."""
    await documents.delete(view, CONFIG, name, if_match=if_match)
    return Response(status_code=204)
