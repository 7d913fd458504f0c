"""The key pages: list, create (shown once), rotate and revoke a workspace's keys."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import Query
from starlette.responses import Response

from kronos import errors, workspace_keys
from kronos.api.call import Call
from kronos.api.dependencies import KeyId, View
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import KeyCreate, KeyRotate
from kronos.api.workspace_keys import page_of, terms_of
from kronos.dashboard import forms
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, done, shown
from kronos.model import Role
from kronos.workspace_keys import NewKey

Made = TypeVar("Made")
pages = Pages()


@pages.get("/w/{w}/keys", needs=Role.ADMIN)
async def get_keys(call: Call, view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """The keys that are not revoked, newest first."""
    return await _listed(call, view, query)


@pages.get("/w/{w}/keys/new", needs=Role.ADMIN)
async def get_new_key(call: Call, view: View) -> Response:
    """The form for a new key."""
    await view.enter()
    return shown(call, "key_form.html", form=FilledForm.of({"role": "operator"}))


@pages.post("/w/{w}/keys/new", needs=Role.ADMIN)
async def create_key(call: Call, view: View) -> Response:
    """Create a key, and show it once."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(KeyCreate, sent.document())
        made = await workspace_keys.create(view, terms_of(body), created_by=call.caller.actor)
    except (errors.Unprocessable, errors.Conflict, errors.WorkspaceSuspended) as error:
        form = sent.form.refused(error)
        return shown(call, "key_form.html", form.status, form=form)
    return _shown_once(call, made)


@pages.post("/w/{w}/keys/{key_id}/rotate", needs=Role.ADMIN)
async def rotate_key(call: Call, view: View, key_id: KeyId) -> Response:
    """Create a key that replaces another, and show it once."""
    sent = await forms.sent(call)

    async def rotated() -> NewKey:
        body = await call.judged(KeyRotate, sent.document())
        return await workspace_keys.rotate(
            view,
            key_id,
            overlap=timedelta(seconds=body.overlap_seconds),
            expires_at=body.expires_at,
            created_by=call.caller.actor,
        )

    made = await _or_refusal(rotated())
    if isinstance(made, errors.KronosError):
        return await _listed(call, view, PageQuery(), refused=made)
    return _shown_once(call, made, replaces=True)


@pages.post("/w/{w}/keys/{key_id}/revoke", needs=Role.ADMIN)
async def revoke_key(call: Call, view: View, key_id: KeyId) -> Response:
    """Revoke a key. Safe to repeat."""
    refused = await _or_refusal(workspace_keys.revoke(view, key_id))
    if refused is not None:
        return await _listed(call, view, PageQuery(), refused=refused)
    return done(call, "Key revoked. It and all sessions opened with it stop working within 2 s.", *_home(call))


async def _or_refusal(work: Awaitable[Made]) -> Made | errors.KronosError:
    try:
        return await work
    except (errors.KeyNotFound, errors.Unprocessable, errors.Conflict) as error:
        return error


async def _listed(call: Call, view: View, query: PageQuery, *, refused: errors.KronosError | None = None) -> Response:
    found = await page_of(view, query)
    form = FilledForm() if refused is None else FilledForm().refused(refused)
    return shown(
        call, "keys.html", form.status, form=form, keys=found.data, next_cursor=found.next_cursor, cursor=query.cursor
    )


def _shown_once(call: Call, made: NewKey, *, replaces: bool = False) -> Response:
    response = shown(call, "key_once.html", 201, made=made, replaces=replaces)
    response.headers["Cache-Control"] = "no-store"
    return response


def _home(call: Call) -> tuple[str, str, str]:
    return "w", call.path_params["w"], "keys"
