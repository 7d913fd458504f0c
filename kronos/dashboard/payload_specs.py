"""The payload spec pages: JSON Schemas for inputs."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import payload_specs, payloads
from kronos.api.call import Call
from kronos.api.dependencies import ReadView, SpecName, View
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import PayloadSpecCreate, PayloadSpecPut
from kronos.dashboard.documents import DocumentPages
from kronos.dashboard.forms import SentForm
from kronos.dashboard.page import Pages
from kronos.database import WorkspaceView
from kronos.documents import PAYLOAD_SPEC
from kronos.model import Document, Json, Role

pages = Pages("/w/{w}/payload-specs")


async def _judge(call: Call, schema: Json) -> None:
    await call.aside(lambda: payloads.compiled(schema))


async def _replace(view: WorkspaceView, name: str, schema: Json, version: int, given: SentForm) -> Document:
    document, _ = await payload_specs.replace(
        view, name, schema, if_match={version}, if_none_match=(), must_exist=True, force=given.has("force")
    )
    return document


_PAGES = DocumentPages(
    kind=PAYLOAD_SPEC,
    template="payload_spec",
    content="schema",
    create_body=PayloadSpecCreate,
    put_body=PayloadSpecPut,
    content_of=lambda body: body.schema_,
    judge=_judge,
    replace=_replace,
)


@pages.get("", needs=Role.VIEWER)
async def get_payload_specs(call: Call, view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """The payload specs of a workspace, newest first."""
    return await _PAGES.listed(call, view, query)


@pages.post("", needs=Role.ADMIN)
async def post_payload_spec(call: Call, view: View) -> Response:
    """Create a payload spec."""
    return await _PAGES.create(call, view)


@pages.get("/{name}", needs=Role.VIEWER)
async def get_payload_spec(call: Call, view: View, name: SpecName) -> Response:
    """One payload spec."""
    return await _PAGES.one(call, view, name)


@pages.post("/{name}", needs=Role.ADMIN)
async def change_payload_spec(call: Call, view: View, name: SpecName) -> Response:
    """Save the payload spec's next version, if it accepts all live jobs' inputs or the form forces it."""
    return await _PAGES.change(call, view, name)


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_payload_spec(call: Call, view: View, name: SpecName) -> Response:
    """Delete a payload spec that no endpoint uses."""
    return await _PAGES.delete(call, view, name)
