"""The config pages: values for endpoint templates."""

from typing import Annotated, cast

from fastapi import Query
from starlette.responses import Response

from kronos import configs
from kronos.api.call import Call
from kronos.api.dependencies import ConfigName, ReadView, View
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import ConfigCreate, ConfigPut
from kronos.dashboard.documents import DocumentPages
from kronos.dashboard.forms import SentForm
from kronos.dashboard.page import Pages
from kronos.database import WorkspaceView
from kronos.documents import CONFIG
from kronos.model import Document, Json, JsonObject, Role

pages = Pages("/w/{w}/configs")


async def _judge(call: Call, values: Json) -> None:
    configs.require_small(cast(JsonObject, values))


async def _replace(view: WorkspaceView, name: str, values: Json, version: int, given: SentForm) -> Document:
    document, _ = await configs.replace(
        view, name, cast(JsonObject, values), if_match={version}, if_none_match=(), must_exist=True
    )
    return document


_PAGES = DocumentPages(
    kind=CONFIG,
    template="config",
    content="values",
    create_body=ConfigCreate,
    put_body=ConfigPut,
    content_of=lambda body: body.values,
    judge=_judge,
    replace=_replace,
)


@pages.get("", needs=Role.VIEWER)
async def get_configs(call: Call, view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """The configs of a workspace, newest first."""
    return await _PAGES.listed(call, view, query)


@pages.post("", needs=Role.ADMIN)
async def post_config(call: Call, view: View) -> Response:
    """Create a config."""
    return await _PAGES.create(call, view)


@pages.get("/{name}", needs=Role.VIEWER)
async def get_config(call: Call, view: View, name: ConfigName) -> Response:
    """One config."""
    return await _PAGES.one(call, view, name)


@pages.post("/{name}", needs=Role.ADMIN)
async def change_config(call: Call, view: View, name: ConfigName) -> Response:
    """Save the config's next version."""
    return await _PAGES.change(call, view, name)


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_config(call: Call, view: View, name: ConfigName) -> Response:
    """Delete a config that no endpoint uses."""
    return await _PAGES.delete(call, view, name)
