"""Routes of secrets. Values can be written but never read."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import errors, secrets
from kronos.api import named
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import IfMatch, IfNoneMatch, NewSecretName, SecretName, View
from kronos.api.document import answers, problems
from kronos.api.named import PutConditions
from kronos.api.operation import Router
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import SecretCreate, SecretPut
from kronos.model import Role, Secret

router = Router("/v1/workspaces/{w}/secrets", tags=["secrets"])
_WRITE = (
    errors.WorkspaceNotFound,
    errors.Forbidden,
    errors.Conflict,
    errors.PayloadTooLarge,
    errors.Unprocessable,
    errors.EncryptionKeyMissing,
)


@router.post(
    "", needs=Role.ADMIN, status_code=201, responses=answers({201: Secret}, "ETag", "Location") | problems(*_WRITE)
)
async def create_secret(call: Call, view: View, body: SecretCreate) -> Response:
    """Create a secret. No call returns its value."""
    secret = await secrets.create(view, call.context.encryption_keys, body.name, body.value)
    return named.made(call, view.workspace, "secrets", secret)


@router.get("", needs=Role.VIEWER, responses=answers({200: Page[Secret]}) | problems(errors.WorkspaceNotFound))
async def list_secrets(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """List the secrets of a workspace, newest first, without their values."""
    of = list_digest("secrets", view.workspace, {})
    rows = await secrets.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    place = lambda row: (row.created_at, row._secret_id)  # noqa: E731  # left out of the response
    return answer(page(rows, limit=query.limit, of=of, place=place))


@router.get(
    "/{name}",
    needs=Role.VIEWER,
    responses=answers({200: Secret, 304: None}, "ETag") | problems(errors.WorkspaceNotFound, errors.SecretNotFound),
)
async def get_secret(view: View, name: SecretName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get a secret, without its value."""
    return named.current(await secrets.get(view, name), if_none_match)


@router.put(
    "/{name}",
    needs=Role.ADMIN,
    responses=answers({200: Secret, 201: Secret}, "ETag", "Location") | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_secret(call: Call, view: View, name: NewSecretName, body: SecretPut, asked: PutConditions) -> Response:
    """Create a secret, or set a new value. Waiting deliveries use the new value too."""
    secret, is_new = await secrets.replace(
        view,
        call.context.encryption_keys,
        name,
        body.value,
        if_match=asked.if_match,
        if_none_match=asked.if_none_match,
        must_exist=asked.must_exist,
    )
    return named.made(call, view.workspace, "secrets", secret) if is_new else named.current(secret)


@router.delete(
    "/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None})
    | problems(
        errors.WorkspaceNotFound, errors.SecretNotFound, errors.Forbidden, errors.Conflict, errors.PreconditionFailed
    ),
)
async def delete_secret(view: View, name: SecretName, if_match: IfMatch = None) -> Response:
    """Delete a secret that no endpoint and no unfinished execution needs."""
    await secrets.delete(view, name, if_match=if_match)
    return Response(status_code=204)
