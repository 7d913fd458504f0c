"""Routes of a workspace's quotas and their usage."""

from starlette.responses import Response

from kronos import errors, quotas
from kronos.api.call import Draft, answer
from kronos.api.conditions import etag, held_to
from kronos.api.copies import kind_of, shown
from kronos.api.dependencies import IfMatch, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.schemas import QuotasPut
from kronos.model import Role
from kronos.quotas import QuotaLimits, Quotas, Usage

router = Router("/v1/workspaces/{w}", tags=["workspaces"])
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Quotas, QuotasPut)


@router.get("/usage", needs=Role.VIEWER, responses=answers({200: Usage}) | problems(_ABSENT))
async def get_usage(view: View) -> Response:
    """Get the workspace's usage compared with its quotas."""
    return answer(await quotas.usage(view))


@router.get("/quotas", needs=Role.VIEWER, responses=answers({200: Quotas}, "ETag") | problems(_ABSENT))
async def get_quotas(view: View) -> Response:
    """Get the workspace's quotas. null: no limit."""
    found = await quotas.get(view)
    return answer(found, ETag=etag(found.version))


@router.put(
    "/quotas",
    needs=Role.INSTANCE_ADMIN,
    responses=answers({200: Quotas}, "ETag")
    | problems(_ABSENT, errors.Forbidden, errors.PreconditionFailed, errors.PayloadTooLarge, errors.Unprocessable),
)
async def put_quotas(view: View, draft: Draft[QuotasPut], if_match: IfMatch = None) -> Response:
    """Set the workspace's quotas. A quota that is omitted or null has no limit."""
    document = draft.document
    if _COPY.given(document):
        present = await quotas.get(view)
        _COPY.edited(document, shown(present))
        if_match = held_to(present.version, if_match)
        document = _COPY.writable(document)
    body = await draft.judged(document)
    stored = await quotas.put(view, QuotaLimits(**body.model_dump()), if_match=if_match)
    return answer(stored, ETag=etag(stored.version))
