"""Routes of a workspace's retention."""

from starlette.responses import Response

from kronos import errors, retention
from kronos.api.call import Call, answer
from kronos.api.conditions import etag
from kronos.api.copies import kind_of, shown
from kronos.api.operation import Routes
from kronos.api.schemas import NoQuery, RetentionPut
from kronos.retention import Ages, Retention

routes = Routes("retention")
_PATH = "/v1/workspaces/{w}/retention"
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Retention, RetentionPut)


@routes.operation("GET", _PATH, tells=("ETag",), answers={200: Retention}, raises=(_ABSENT,))
async def get_retention(call: Call) -> Response:
    """How long the workspace's history is kept."""
    call.parameters(NoQuery)
    kept = await retention.get(call.workspace())
    return answer(kept, ETag=etag(kept.version))


@routes.operation(
    "PUT",
    _PATH,
    body=RetentionPut,
    headers=("If-Match",),
    tells=("ETag",),
    answers={200: Retention},
    raises=(_ABSENT, errors.Forbidden, errors.PreconditionFailed, errors.PayloadTooLarge, errors.Unprocessable),
)
async def put_retention(call: Call) -> Response:
    """Set the workspace's own ages; null, or none: the instance's."""
    call.parameters(NoQuery)
    view, document, if_match = call.workspace(), await call.document(), call.if_match()
    if _COPY.told(document):
        kept = await retention.get(view)
        present, if_match = shown(kept), call.held_to(kept.version)
        changed = _COPY.edited(document, present)
        own = {
            name: present["override"][name] for name in present["override"] if name in document
        }  # as they were, the instance's among them
        document = own | changed
    body = await call.judged(RetentionPut, document)
    kept = await retention.put(view, Ages(success_days=body.success_days, failure_days=body.failure_days), if_match=if_match)
    return answer(kept, ETag=etag(kept.version))
