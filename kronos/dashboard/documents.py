"""The common part of the config and payload spec pages: a list with a form for a new one, and a page for each."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from kronos import documents, errors
from kronos.api.call import Call
from kronos.api.cursors import bounded, decoded, list_digest
from kronos.api.query_schemas import PageQuery
from kronos.dashboard.forms import FilledForm, SentForm, sent
from kronos.dashboard.page import done, shown
from kronos.database import WorkspaceView
from kronos.documents import DocumentType
from kronos.model import Document, Json
from kronos.records import dataclass

Create = TypeVar("Create", bound=BaseModel)
Put = TypeVar("Put", bound=BaseModel)
_MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPages(Generic[Create, Put]):
    """The pages of one kind of document.

    The list uses the template `{template}s.html`, the page `{template}.html`. `content` is the field of the API's body
    that holds the document."""

    kind: DocumentType
    template: str
    content: str
    create_body: type[Create]
    put_body: type[Put]
    content_of: Callable[[Create | Put], Json]
    judge: Callable[[Call, Json], Awaitable[None]]
    """Raises Unprocessable, PayloadTooLarge."""
    replace: Callable[[WorkspaceView, str, Json, int, SentForm], Awaitable[Document]]
    """Saves the version after the given one. Raises KronosError."""

    @property
    def pointer(self) -> str:
        """The form field of the content."""
        return f"/{self.content}"

    async def listed(
        self, call: Call, view: WorkspaceView, query: PageQuery, form: FilledForm | None = None
    ) -> Response:
        """The list, with a form for a new document."""
        of = list_digest(self.kind.routes, view.workspace, {})
        rows = await documents.list_page(view, self.kind, limit=query.limit, before=decoded(query.cursor, of))
        found = bounded(rows, of=of, place=lambda row: (row.created_at, row.document_id))
        form = form or FilledForm()
        return shown(
            call, f"{self.template}s.html", form.status, documents=found.data, next_cursor=found.next_cursor, form=form
        )

    async def create(self, call: Call, view: WorkspaceView) -> Response:
        """Create a document from the form and redirect to its page, or show the list with the form's faults."""
        given = await sent(call)
        try:
            body = await call.judged(self.create_body, given.document())
            content, name = self.content_of(body), str(body.model_dump(include={"name"})["name"])
            await self.judge(call, content)
            await documents.create(view, self.kind, name, content, idempotency_key=given.once)
        except errors.KronosError as error:
            return await self.listed(call, view, PageQuery(), given.form.refused(error))
        return done(call, f"{self.kind.what.capitalize()} {name} created.", "w", view.workspace, self.kind.routes, name)

    async def one(self, call: Call, view: WorkspaceView, name: str, form: FilledForm | None = None) -> Response:
        """One document: its content, the endpoints that use it, and a form for its next version."""
        document = await documents.get(view, self.kind, name)
        users = await documents.users(view, self.kind, name, limit=_MOST_SHOWN + 1)
        text = orjson.dumps(document.content, option=orjson.OPT_INDENT_2).decode()
        form = form or FilledForm(values={self.pointer: [text], "version": [str(document.version)]})
        return shown(
            call,
            f"{self.template}.html",
            form.status,
            document=document,
            users=[each.name for each in users[:_MOST_SHOWN]],
            has_more_users=len(users) > _MOST_SHOWN,
            form=form,
        )

    async def change(self, call: Call, view: WorkspaceView, name: str) -> Response:
        """Save the next version, based on the version shown in the form."""
        given = await sent(call)
        try:
            body = await call.judged(self.put_body, given.document())
            content = self.content_of(body)
            await self.judge(call, content)
            document = await self.replace(view, name, content, version_of(given), given)
        except errors.NotFound:
            raise
        except errors.KronosError as error:
            return await self.one(call, view, name, given.form.refused(error))
        return done(call, f"{name} is now at version {document.version}.", "w", view.workspace, self.kind.routes, name)

    async def delete(self, call: Call, view: WorkspaceView, name: str) -> Response:
        """Delete a document that no endpoint uses."""
        given = await sent(call)
        try:
            await documents.delete(view, self.kind, name, if_match={version_of(given)})
        except errors.NotFound:
            raise
        except errors.KronosError as error:
            return await self.one(call, view, name, FilledForm().refused(error))
        return done(call, f"{self.kind.what.capitalize()} {name} deleted.", "w", view.workspace, self.kind.routes)


def version_of(given: SentForm) -> int:
    """Return the version that the form was filled from. Raises InvalidRequest."""
    text = given.text("version")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise errors.InvalidRequest.of("the form has no version number", "Reload the page.")
    return int(text)
