"""Create, change, read and delete named documents: configs, payload specs and calendars. A change makes the next
version."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from kronos import errors, idempotency
from kronos.calendar_terms import BusinessHours, Calendar, CalendarDay, CalendarNotFound
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import Config, Document, DocumentKind, Json, ListedDocument, PayloadSpec
from kronos.records import dataclass
from kronos.sql import Statement, statement

MOST_USERS = 10_000
"""Endpoints that may name one document: a changed config makes a version of each, in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """The document and version that a statement wrote."""

    document_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedDocument:
    """The version that a change is conditional on; see MatchedEndpoint."""

    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDeletion:
    """Whether a document was deleted; None: it does not exist."""

    is_deleted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An endpoint that names a document."""

    name: str
    version: int
    spec: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentType:
    """How configs, payload specs and calendars differ."""

    kind: DocumentKind
    operation: idempotency.Operation
    what: str
    routes: str
    not_found: type[errors.NotFound]
    row: Callable[[Document], Config | PayloadSpec | Calendar]
    insert: Statement[WrittenDocument]

    def shown(self, document: Document) -> Config | PayloadSpec | Calendar:
        """Return the document as the API shows it."""
        return self.row(document)


def _config(document: Document) -> Config:
    return Config(
        config_id=document.document_id,
        workspace=document.workspace,
        name=document.name,
        version=document.version,
        values=document.content,
        created_at=document.created_at,
        updated_at=document.updated_at,
    )


def _payload_spec(document: Document) -> PayloadSpec:
    return PayloadSpec(
        payload_spec_id=document.document_id,
        workspace=document.workspace,
        name=document.name,
        version=document.version,
        schema=document.content,
        created_at=document.created_at,
        updated_at=document.updated_at,
    )


def as_calendar(document: Document) -> Calendar:
    """Return the calendar that a document holds."""
    content = document.content
    hours = content["business_hours"]
    return Calendar(
        calendar_id=document.document_id,
        workspace=document.workspace,
        name=document.name,
        version=document.version,
        timezone=content["timezone"],
        business_days=content["business_days"],
        business_hours=None if hours is None else BusinessHours(**hours),
        days=[CalendarDay(**day) for day in content["days"]],
        created_at=document.created_at,
        updated_at=document.updated_at,
        jobs_left=document.jobs_left,
    )


INSERT = statement("documents.insert_document", WrittenDocument)

CONFIG = DocumentType(
    kind="CONFIG",
    operation="config",
    what="config",
    routes="configs",
    not_found=errors.ConfigNotFound,
    row=_config,
    insert=INSERT,
)
PAYLOAD_SPEC = DocumentType(
    kind="PAYLOAD_SPEC",
    operation="payload_spec",
    what="payload spec",
    routes="payload-specs",
    not_found=errors.PayloadSpecNotFound,
    row=_payload_spec,
    insert=INSERT,
)
CALENDAR = DocumentType(
    kind="CALENDAR",
    operation="calendar",
    what="calendar",
    routes="calendars",
    not_found=CalendarNotFound,
    row=as_calendar,
    insert=statement("calendars.insert_calendar", WrittenDocument),
)

GET = statement("documents.get_document", Document)
_LIST = statement("documents.list_documents", ListedDocument)
LOCK = statement("documents.lock_document", WrittenDocument)
REPLACE = statement("documents.replace_document", WrittenDocument)
_MATCH = statement("documents.match_document", MatchedDocument)
_DELETE = statement("documents.delete_document", DocumentDeletion)
_USERS = statement("documents.list_users", User)


async def create(
    view: WorkspaceView,
    kind: DocumentType,
    name: str,
    content: Json,
    *,
    idempotency_key: str | None = None,
    more: Mapping[str, object] | None = None,
) -> tuple[Document, bool]:
    """Create a document. Return it, and whether it is new. `more`: further parameters of its statement. Raises Conflict
    if the name is taken, Unprocessable (idempotency_mismatch), OutcomeUnknown."""
    key = idempotency.key(kind.operation, idempotency_key, name, content)

    async def made(document_id: UUID) -> Document:
        document = await view.one_or_none(GET, {"kind": kind.kind, "name": name})
        if document is None or document.document_id != document_id:
            raise kind.not_found(
                f"the {kind.what} {name!r} that this idempotency key created was deleted: use a new key to create "
                "another"
            )
        return document

    return await idempotency.once(view, key, lambda: _create(view, kind, name, content, key, more or {}), made)


async def _create(
    view: WorkspaceView,
    kind: DocumentType,
    name: str,
    content: Json,
    key: idempotency.Key | None,
    more: Mapping[str, object],
) -> Document:
    params = {"kind": kind.kind, "name": name, "content": Jsonb(content, dumps=orjson.dumps), **idempotency.params(key)}
    written, document = await view.write_then_read(kind.insert, {**params, **more}, GET, params)
    if not written:
        fault = errors.Fault(
            pointer="/name",
            detail=f"a {kind.what} has this name",
            hint=f"Choose another name, or change that {kind.what}.",
        )
        raise errors.Conflict(f"the {kind.what} {name!r} already exists", faults=(fault,))
    return document[0]


async def get(view: WorkspaceView, kind: DocumentType, name: str) -> Document:
    """Return the document. Raises ConfigNotFound, PayloadSpecNotFound or CalendarNotFound."""
    if (found := await view.one_or_none(GET, {"kind": kind.kind, "name": name})) is None:
        raise not_found(view, kind, name)
    return found


async def list_page(
    view: WorkspaceView, kind: DocumentType, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[ListedDocument]:
    """Return up to `limit` documents, newest first, after the position `before`; fewer if they exceed PAGE_BYTES."""
    created_at, document_id = before or (None, None)
    params = {"kind": kind.kind, "limit": limit, "bytes": PAGE_BYTES}
    return await view.rows(_LIST, params | {"before_created_at": created_at, "before_id": document_id})


async def users(view: WorkspaceView, kind: DocumentType, name: str, *, limit: int = MOST_USERS + 1) -> list[User]:
    """Return the endpoints that name the document, by name."""
    return await view.rows(_USERS, {"kind": kind.kind, "name": name, "limit": limit})


def replacing(
    kind: DocumentType, name: str, content: Json, *, if_match: Collection[int] | None, if_none_match: Collection[int]
) -> dict[str, object]:
    """Return the parameters of LOCK and REPLACE."""
    return {
        "kind": kind.kind,
        "name": name,
        "content": Jsonb(content, dumps=orjson.dumps),
        "if_match": None if if_match is None else list(if_match),
        "if_none_match": list(if_none_match),
        "uses": None,
        "versions": None,
    }


def refuse_condition(
    kind: DocumentType, present: Document, *, if_match: Collection[int] | None, known: Collection[int]
) -> None:
    """Raises PreconditionFailed if a condition excludes the present version."""
    if present.version in known or (if_match is not None and present.version not in if_match):
        raise errors.PreconditionFailed(
            f"the {kind.what} {present.name!r} is already at version {present.version}, which the precondition excludes"
        )


async def is_deleted(view: WorkspaceView, kind: DocumentType, name: str, *, if_match: Collection[int] | None) -> bool:
    """Delete a document that nothing names; return False if something does. Raises NotFound, PreconditionFailed."""
    params = {"kind": kind.kind, "name": name, "if_match": None if if_match is None else list(if_match)}
    _, (deletion,) = await view.write_then_read(_MATCH, params, _DELETE, params)
    if deletion.is_deleted is None:
        raise not_found(view, kind, name)
    return deletion.is_deleted


async def delete(
    view: WorkspaceView, kind: DocumentType, name: str, *, if_match: Collection[int] | None = None
) -> None:
    """Delete a document that no endpoint names. Raises ConfigNotFound or PayloadSpecNotFound, Conflict,
    PreconditionFailed."""
    if not await is_deleted(view, kind, name, if_match=if_match):
        named = [each.name for each in await users(view, kind, name, limit=11)]
        more = " and others" if len(named) > 10 else ""
        raise errors.Conflict(
            f"the {kind.what} {name!r} is named by the endpoints {', '.join(named[:10])}{more}: "
            "change or delete them first",
            code=f"{kind.operation}_in_use",
        )


def not_found(view: WorkspaceView, kind: DocumentType, name: str) -> errors.NotFound:
    """Return the error for a document that does not exist."""
    return kind.not_found(f"no {kind.what} {name!r} in workspace {view.workspace}")
