"""The audit pages of a workspace and of the instance: changes, field by field, and the state of the chain."""

from collections.abc import Mapping
from typing import Annotated

import orjson
from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from kronos import audit
from kronos.api.audit import page_of
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.fields import WholeNumber
from kronos.api.query_schemas import AuditQuery
from kronos.audit import AuditRow
from kronos.dashboard.page import Pages, shown
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Json, Role
from kronos.records import dataclass

pages = Pages()
# With these limits, 25 changes fit into a page of less than 100 kB.
_MOST_FIELDS = 8
_MOST_CHARACTERS = 120


class AuditPageQuery(AuditQuery):
    """The filter of changes, and how many a page shows."""

    limit: WholeNumber = Field(default=25, ge=1, le=25, description="Rows per page.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A changed field. None: the field did not exist before, or no longer exists."""

    name: str
    was: str | None
    becomes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedChange:
    """An audit row and its first fields; `more` is the number of fields not shown."""

    row: AuditRow
    fields: list[FieldChange]
    more: int


@pages.get("/w/{w}/audit", needs=Role.ADMIN)
async def get_audit(call: Call, view: View, query: Annotated[AuditPageQuery, Query()]) -> Response:
    """The workspace's changes, latest first."""
    return await _shown(call, view, view.workspace, query)


@pages.get("/system/audit", needs=Role.INSTANCE_ADMIN)
async def get_instance_audit(call: Call, instance: Instance, query: Annotated[AuditPageQuery, Query()]) -> Response:
    """The changes of the instance and all workspaces, latest first."""
    return await _shown(call, instance, "", query)


async def _shown(call: Call, view: WorkspaceView | InstanceView, workspace: str, query: AuditQuery) -> Response:
    found = await page_of(view, workspace, query)
    filters = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
    return shown(
        call,
        "audit.html",
        changes=[_change(row) for row in found.data],
        next_cursor=found.next_cursor,
        cursor=query.cursor,
        looked_at=audit.LOOKED_AT,
        given={name: call.query_params[name] for name in filters},
        head=await audit.head(view),
    )


def _change(row: AuditRow) -> AuditedChange:
    was, becomes = row.before or {}, row.after or {}
    names = [*becomes, *(name for name in was if name not in becomes)]
    fields = [
        FieldChange(name=name, was=_text(was, name), becomes=_text(becomes, name)) for name in names[:_MOST_FIELDS]
    ]
    return AuditedChange(row=row, fields=fields, more=max(0, len(names) - _MOST_FIELDS))


def _text(document: Mapping[str, Json], name: str) -> str | None:
    if name not in document or document[name] is None:
        return None
    value = document[name]
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
