"""Routes of what files say of a workspace: made true at once, or only tried, and written from what is there."""

from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import applies, errors
from kronos.api import apply_export, apply_files
from kronos.api.apply_export import ExportQuery
from kronos.api.apply_schemas import ApplyBody
from kronos.api.call import Call, Draft, answer
from kronos.api.dependencies import CallerOf, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router, shown_at
from kronos.apply_terms import Applied, ExportedFile
from kronos.model import Role

router = Router("/v1/workspaces/{w}", tags=["apply"])
_SECONDS = 60.0
"""A thousand jobs that all change take some seconds; so long an apply may wait for others' locks besides."""


@router.post(
    "/apply",
    needs=Role.OPERATOR,
    responses=answers({200: Applied})
    | problems(
        errors.WorkspaceNotFound,
        errors.Forbidden,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.Unprocessable,
        errors.PgCronUnavailable,
    ),
)
@shown_at("/v1/workspaces/{w}/export")
async def apply_files_to_workspace(call: Call, view: View, caller: CallerOf, draft: Draft[ApplyBody]) -> Response:
    """Make a workspace what files say, in one transaction: all of it or nothing. With validate_only all of it is done
    and rolled back. Applying the same again changes nothing."""
    call.take(_SECONDS)
    may_configure = caller.role.covers(Role.ADMIN)
    read = partial(apply_files.read, draft.document, call.context.egress, may_configure=may_configure)
    try:
        asked = await call.aside(read)
    except errors.Unprocessable:
        if not (names := apply_files.unseen_names(draft.document)):
            raise
        there = await apply_export.unseen_there(view, names)  # what is as it was is no change
        asked = await call.aside(partial(read, there=there))
    applied = await applies.apply(view, asked)
    return answer(applied)


@router.get(
    "/export",
    needs=Role.OPERATOR,
    responses=answers({200: ExportedFile}) | problems(errors.WorkspaceNotFound, errors.Forbidden, errors.Unprocessable),
)
async def export_workspace(call: Call, view: View, query: Annotated[ExportQuery, Query()]) -> Response:
    """What a workspace has, or of a set what is its, as a file that apply reads back as no change."""
    return await apply_export.export(call, view, query, needs=Role.OPERATOR)
