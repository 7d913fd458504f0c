"""Shared code of routes for named resources, such as endpoints, configs, payload specs and secrets. Each has a name, a
version, which is its ETag, and a PUT that creates or changes it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Depends
from pydantic import BaseModel
from starlette.responses import Response

from kronos import documents, errors
from kronos.alert_rows import AlertRule
from kronos.api.call import Call, Draft, answer, unchanged
from kronos.api.conditions import etag, held_to, is_known
from kronos.api.copies import Kind, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest
from kronos.api.dependencies import IfMatch, IfNoneMatch
from kronos.api.query_schemas import PageQuery
from kronos.calendar_terms import Calendar
from kronos.database import WorkspaceView
from kronos.documents import DocumentType
from kronos.model import Config, Document, Endpoint, Json, PayloadSpec
from kronos.records import dataclass


class Versioned(Protocol):
    """A row of a named resource."""

    @property
    def name(self) -> str:
        """The name, which never changes."""

    @property
    def version(self) -> int:
        """The version."""


Row = TypeVar("Row")
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The versions that a PUT applies to, and those that it must not replace (None: any)."""

    if_match: frozenset[int] | None
    if_none_match: frozenset[int] | None
    must_exist: bool
    """Nothing is created: the request has an If-Match, or its body is an edited copy."""


async def put_conditions(call: Call, if_match: IfMatch = None, if_none_match: IfNoneMatch = frozenset()) -> Conditions:
    """Return the conditions of a PUT."""
    return Conditions(if_match=if_match, if_none_match=if_none_match, must_exist="if-match" in call.headers)


PutConditions = Annotated[Conditions, Depends(put_conditions)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement(Generic[Body]):
    """The change that a PUT asks for. `copied_from`: the version of which the body is an edited copy."""

    body: Body
    copied_from: int | None

    def held(self, asked: Conditions) -> Conditions:
        """Return the conditions, including the version that the body was compared with. Raises PreconditionFailed."""
        if self.copied_from is None:
            return asked
        if_match = held_to(self.copied_from, asked.if_match)
        return Conditions(if_match=if_match, if_none_match=asked.if_none_match, must_exist=True)


async def change(
    copy: Kind,
    name: str,
    draft: Draft[Body],
    get: Callable[[], Awaitable[AlertRule | Calendar | Config | Endpoint | PayloadSpec]],
) -> Replacement[Body]:
    """Return the change that a PUT asks for; `get` reads the current resource. Raises Unprocessable, also if an edited
    copy changes read-only fields."""
    document = draft.document
    copied_from: int | None = None
    if given := copy.given(document):
        try:
            present = await get()
        except errors.NotFound as error:
            if isinstance(error, errors.WorkspaceNotFound):
                raise
            copy.edited(given, {"name": name})  # of a new resource, only the name is known
        else:
            copy.edited(given, shown(present))
            copied_from = present.version
    own = {field: value for field, value in document.items() if field not in copy.read_only}
    return Replacement(body=await draft.judged(own, get), copied_from=copied_from)


async def first(what: str, name: str, making: Awaitable[tuple[Row, bool]]) -> Row:
    """Return the row that `making` creates for If-None-Match: *. Raises PreconditionFailed if it exists."""
    try:
        return (await making)[0]
    except errors.Conflict:
        detail = f"the {what} {name!r} already exists, and If-None-Match asks for a new one"
        raise errors.PreconditionFailed(detail) from None


def current(row: Versioned, known: frozenset[int] | None = frozenset(), *, is_moving: bool = False) -> Response:
    """Return 200 and the row, or 304 if the caller knows its version. `is_moving`: the row shows values that change
    without a new version."""
    if not is_moving and is_known(row.version, known):
        return unchanged(row.version)
    return answer(row, ETag=etag(row.version, is_moving=is_moving))


def made(
    call: Call, workspace: str, routes: str, row: Versioned, *, is_new: bool = True, is_moving: bool = False
) -> Response:
    """Return 201 and the row, or 200 if an earlier call with the same idempotency key created it."""
    location = call.path("workspaces", workspace, routes, row.name)
    tag = etag(row.version, is_moving=is_moving)
    return answer(row, 201 if is_new else 200, Location=location, ETag=tag, is_repeat=not is_new)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRoutes:
    """Shared operations of the routes of configs, payload specs and calendars."""

    kind: DocumentType
    copy: Kind

    async def create(self, call: Call, view: WorkspaceView, name: str, content: Json, key: str | None) -> Response:
        """Create a document, or return the one created with the idempotency key."""
        document, is_new = await documents.create(view, self.kind, name, content, idempotency_key=key)
        return self.made(call, document, is_new=is_new)

    async def page(self, view: WorkspaceView, query: PageQuery) -> Response:
        """Return a page of the list."""
        of = list_digest(self.kind.routes, view.workspace, {})
        rows = await documents.list_page(view, self.kind, limit=query.limit, before=decoded(query.cursor, of))
        found = bounded(rows, of=of, place=lambda row: (row.created_at, row.document_id))
        return answer(Page(data=[self.kind.shown(row) for row in found.data], next_cursor=found.next_cursor))

    async def current(self, view: WorkspaceView, name: str, known: frozenset[int] | None) -> Response:
        """Return the current document."""
        document = await documents.get(view, self.kind, name)
        return current(self.kind.shown(document), known, is_moving=document.jobs_left > 0)

    async def change(self, view: WorkspaceView, name: str, draft: Draft[Body]) -> Replacement[Body]:
        """Return the change that a PUT asks for. Raises Unprocessable."""
        return await change(self.copy, name, draft, lambda: self._get(view, name))

    async def first(self, call: Call, view: WorkspaceView, name: str, content: Json) -> Response:
        """Create a document for If-None-Match: *. Raises PreconditionFailed."""
        return self.made(call, await first(self.kind.what, name, documents.create(view, self.kind, name, content)))

    def stored(self, call: Call, document: Document, *, is_new: bool) -> Response:
        """Return the document that any other PUT created or changed."""
        if is_new:
            return self.made(call, document)
        return current(self.kind.shown(document), is_moving=document.jobs_left > 0)

    async def _get(self, view: WorkspaceView, name: str) -> Calendar | Config | PayloadSpec:
        return self.kind.shown(await documents.get(view, self.kind, name))

    def made(self, call: Call, document: Document, *, is_new: bool = True) -> Response:
        """Return the document that this call, or an earlier one with the same idempotency key, created."""
        shown, is_moving = self.kind.shown(document), document.jobs_left > 0
        return made(call, document.workspace, self.kind.routes, shown, is_new=is_new, is_moving=is_moving)
