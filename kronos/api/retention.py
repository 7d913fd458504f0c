"""Routes of a workspace's retention."""

from starlette.responses import Response

from kronos import errors, retention
from kronos.api.call import Draft, answer
from kronos.api.conditions import etag, held_to
from kronos.api.copies import kind_of, shown
from kronos.api.dependencies import IfMatch, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.schemas import RetentionPut
from kronos.model import Role
from kronos.retention import Ages, Retention

router = Router("/v1/workspaces/{w}/retention", tags=["retention"])
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Retention, RetentionPut)


@router.get("", needs=Role.VIEWER, responses=answers({200: Retention}, "ETag") | problems(_ABSENT))
async def get_retention(view: View) -> Response:
    """Get how long the workspace's history is kept."""
    kept = await retention.get(view)
    return answer(kept, ETag=etag(kept.version))


@router.put(
    "",
    needs=Role.ADMIN,
    responses=answers({200: Retention}, "ETag")
    | problems(_ABSENT, errors.Forbidden, errors.PreconditionFailed, errors.PayloadTooLarge, errors.Unprocessable),
)
async def put_retention(view: View, draft: Draft[RetentionPut], if_match: IfMatch = None) -> Response:
    """Set the workspace's retention. A value that is omitted or null uses the instance's setting."""
    document = draft.document
    if _COPY.given(document):
        kept = await retention.get(view)
        present, if_match = shown(kept), held_to(kept.version, if_match)
        changed = _COPY.edited(document, present)
        own = {
            name: present["override"][name] for name in present["override"] if name in document
        }  # unchanged values, including those inherited from the instance
        document = own | changed
    body = await draft.judged(document)
    kept = await retention.put(
        view, Ages(success_days=body.success_days, failure_days=body.failure_days), if_match=if_match
    )
    return answer(kept, ETag=etag(kept.version))
