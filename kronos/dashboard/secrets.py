"""The secret pages. Values can be stored, but no page shows one."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import errors, secrets
from kronos.api.call import Call
from kronos.api.cursors import decoded, list_digest, page
from kronos.api.dependencies import SecretName, View
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import SecretCreate, SecretPut
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, SentForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.model import Role

pages = Pages("/w/{w}/secrets")


@pages.get("", needs=Role.VIEWER)
async def get_secrets(call: Call, view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """The secrets of a workspace, newest first, without their values."""
    return await _listed(call, view, query)


@pages.post("", needs=Role.ADMIN)
async def post_secret(call: Call, view: View) -> Response:
    """Store a new secret."""
    given = await sent(call)
    try:
        body = await call.judged(SecretCreate, given.document())
        await secrets.create(view, call.context.encryption_keys, body.name, body.value)
    except errors.KronosError as error:
        return await _listed(call, view, PageQuery(), _without_value(given, error))
    return done(call, f"Secret {body.name} stored.", "w", view.workspace, "secrets")


@pages.get("/{name}", needs=Role.VIEWER)
async def get_secret(call: Call, view: View, name: SecretName) -> Response:
    """One secret, without its value."""
    return await _one(call, view, name)


@pages.post("/{name}", needs=Role.ADMIN)
async def change_secret(call: Call, view: View, name: SecretName) -> Response:
    """Store a new value, which waiting deliveries use too."""
    given = await sent(call)
    try:
        body = await call.judged(SecretPut, given.document())
        secret, _ = await secrets.replace(
            view, call.context.encryption_keys, name, body.value, if_match={version_of(given)}, must_exist=True
        )
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, _without_value(given, error))
    return done(call, f"New value stored for {name} (number {secret.version}).", "w", view.workspace, "secrets", name)


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_secret(call: Call, view: View, name: SecretName) -> Response:
    """Delete a secret that no endpoint and no unfinished execution uses."""
    given = await sent(call)
    try:
        await secrets.delete(view, name, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return done(call, f"Secret {name} deleted.", "w", view.workspace, "secrets")


async def _listed(call: Call, view: WorkspaceView, query: PageQuery, form: FilledForm | None = None) -> Response:
    of = list_digest("secrets", view.workspace, {})
    rows = await secrets.list_page(view, limit=query.limit, before=decoded(query.cursor, of))
    place = lambda row: (row.created_at, row._secret_id)  # noqa: E731  # not private: left out of the API's response
    found = page(rows, limit=query.limit, of=of, place=place)
    form = form or FilledForm()
    return shown(call, "secrets.html", form.status, secrets=found.data, next_cursor=found.next_cursor, form=form)


async def _one(call: Call, view: WorkspaceView, name: str, form: FilledForm | None = None) -> Response:
    form = form or FilledForm()
    return shown(call, "secret.html", form.status, secret=await secrets.get(view, name), form=form)


def _without_value(given: SentForm, error: errors.KronosError) -> FilledForm:
    """Return the rejected form without its value, which must be typed again: no page shows a secret."""
    fields = [(name, text) for name, text in given.fields if not name.startswith("/value")]
    return SentForm(fields=fields).form.refused(error)
