"""Routes of a workspace's keys. The instance's own keys are created only on its server (kronos key)."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from kronos import errors, workspace_keys
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import KeyId, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import KeyCreate, KeyRotate, sees_payloads
from kronos.database import WorkspaceView
from kronos.model import Role, WorkspaceKey
from kronos.workspace_keys import KeyTerms, NewKey

router = Router("/v1/workspaces/{w}/keys", tags=["keys"])
_ABSENT = (errors.WorkspaceNotFound, errors.KeyNotFound)


@router.post(
    "",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: NewKey})
    | problems(errors.WorkspaceNotFound, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def create_key(call: Call, view: View, body: KeyCreate) -> Response:
    """Create a key for the workspace. `key` is shown only in this response."""
    return _shown_once(await workspace_keys.create(view, terms_of(body), created_by=call.caller.actor))


@router.get("", needs=Role.ADMIN, responses=answers({200: Page[WorkspaceKey]}) | problems(errors.WorkspaceNotFound))
async def list_keys(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """List the workspace's keys that are not revoked, newest first, without their secrets."""
    return answer(await page_of(view, query))


@router.delete("/{key_id}", needs=Role.ADMIN, status_code=204, responses=answers({204: None}) | problems(*_ABSENT))
async def revoke_key(view: View, key_id: KeyId) -> Response:
    """Revoke a key. Within 2 s, every process rejects it."""
    await workspace_keys.revoke(view, key_id)
    return Response(status_code=204)


@router.post(
    "/{key_id}/rotate",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: NewKey})
    | problems(*_ABSENT, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def rotate_key(
    call: Call, view: View, key_id: KeyId, body: Annotated[KeyRotate, Body(default_factory=KeyRotate)]
) -> Response:
    """Create a key that replaces a working one. The old key still works for overlap_seconds.

    `key` is shown only in this response."""
    made = await workspace_keys.rotate(
        view,
        key_id,
        overlap=timedelta(seconds=body.overlap_seconds),
        expires_at=body.expires_at,
        created_by=call.caller.actor,
    )
    return _shown_once(made)


def terms_of(body: KeyCreate) -> KeyTerms:
    """Return the terms of the key. Raises Unprocessable."""
    return KeyTerms(role=body.role, name=body.name, sees_payloads=sees_payloads(body), expires_at=body.expires_at)


async def page_of(view: WorkspaceView, query: PageQuery) -> Page[WorkspaceKey]:
    """Return a page of the workspace's keys. Raises InvalidRequest, WorkspaceNotFound."""
    of = list_digest("keys", view.workspace, {})
    rows = await workspace_keys.list_page(view, limit=query.limit + 1, before=decoded(query.cursor, of))
    return page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.key_id))


def _shown_once(made: NewKey) -> Response:
    response = answer(made, 201)
    response.headers["Cache-Control"] = "no-store"
    return response
