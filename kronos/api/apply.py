"""Routes that apply files to a workspace, try them out, or export a workspace as a file."""

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
from kronos.api.operation import Router, sets_a_state, shown_at
from kronos.apply_terms import Applied, ExportedFile
from kronos.model import Role

router = Router("/v1/workspaces/{w}", tags=["apply"])
_SECONDS = 60.0
"""Time limit of an apply. Changing a thousand jobs takes some seconds; the rest may go to waiting for locks."""


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
@sets_a_state
async def apply_files_to_workspace(call: Call, view: View, caller: CallerOf, draft: Draft[ApplyBody]) -> Response:
    """Change a workspace to match files, in one transaction: all changes or none.

    With validate_only, everything is done and then rolled back. Applying the same files again changes nothing."""
    call.take(_SECONDS)
    may_configure = caller.role.covers(Role.ADMIN)
    read = partial(apply_files.read, draft.document, call.context.egress, may_configure=may_configure)
    try:
        asked = await call.aside(read)
    except errors.Unprocessable:
        if not (names := apply_files.unseen_names(draft.document)):
            raise
        there = await apply_export.unseen_there(view, names)  # an unchanged value is no change
        asked = await call.aside(partial(read, there=there))
    applied = await applies.apply(view, asked)
    return answer(applied)


@router.get(
    "/export",
    needs=Role.OPERATOR,
    responses=answers({200: ExportedFile}) | problems(errors.WorkspaceNotFound, errors.Forbidden, errors.Unprocessable),
)
async def export_workspace(call: Call, view: View, query: Annotated[ExportQuery, Query()]) -> Response:
    """Export a workspace, or one set of it, as a file. Applying that file changes nothing."""
    return await apply_export.export(call, view, query, needs=Role.OPERATOR)
