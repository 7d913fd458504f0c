"""Routes of a workspace's retention."""

from starlette.responses import Response

from kronos import errors, retention
from kronos.api.call import Call, answer
from kronos.api.copies import kind_of, shown
from kronos.api.declared import Routes as Router
from kronos.api.schemas import NoQuery, RetentionPut
from kronos.retention import Ages, Retention

router = Router("retention")
_PATH = "/v1/workspaces/{w}/retention"
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Retention, RetentionPut)


@router.operation("GET", _PATH, answers={200: Retention}, raises=(_ABSENT,))
async def get_retention(call: Call) -> Response:
    """How long the workspace's history is kept."""
    call.parameters(NoQuery)
    return answer(await retention.get(call.workspace()))


@router.operation(
    "PUT",
    _PATH,
    body=RetentionPut,
    answers={200: Retention},
    raises=(_ABSENT, errors.Forbidden, errors.PayloadTooLarge, errors.Unprocessable),
)
async def put_retention(call: Call) -> Response:
    """Set the workspace's own ages; null, or none: the instance's."""
    call.parameters(NoQuery)
    view, document = call.workspace(), await call.document()
    if _COPY.told(document):
        present = shown(await retention.get(view))
        changed = _COPY.edited(document, present)
        own = {
            name: present["override"][name] for name in present["override"] if name in document
        }  # as they were, the instance's among them
        document = own | changed
    body = await call.judged(RetentionPut, document)
    return answer(await retention.put(view, Ages(success_days=body.success_days, failure_days=body.failure_days)))
