"""A payload spec is replaced while live jobs have inputs: by its next version, if they are valid against it.
The database's answers are the test's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from kronos import errors, payload_specs
from kronos.model import Document, Json
from kronos.payload_specs import InputCount, LiveInput
from scripted_view import View
from spec_views import live

_INTEGER: Json = {"properties": {"n": {"type": "integer"}}}
_SPEC = UUID(int=1)


def document(version: int = 3) -> Document:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {"document_id": _SPEC, "name": "report", "version": version, "content": _INTEGER}
    of: dict[str, Any] = {name: at if name.endswith("_at") else None for name in Document.__dataclass_fields__}
    return Document(**{**of, **values})


async def replace(
    view: Any, schema: Json = _INTEGER, *, force: bool = False, **conditions: Any
) -> tuple[Document, bool]:
    asked = {"if_match": None, "if_none_match": (), "must_exist": False, **conditions}
    return await payload_specs.replace(view, "report", schema, force=force, **asked)


def stored(
    *, recent: Sequence[LiveInput] = (), written: Sequence[object] = (1,), after: Sequence[Document] = ()
) -> Any:
    """A view of a spec that live jobs satisfy, except for `recent` ones, which appear while it is locked."""
    total = InputCount(jobs=1, bytes=7, horizon=9)
    return View(
        get_document=[document(), list(after)],
        count_inputs=[[total]],
        list_inputs=[[live(1, '{"n":1}')], list(recent)],
        replace_document=[list(written)],
    )


async def test_a_new_version_is_written_after_the_jobs_that_came_meanwhile_were_checked_too() -> None:
    view = stored(after=[document(4)])
    assert await replace(view) == (document(4), False)
    assert view.names == ["get_document", "count_inputs", "list_inputs", "judged_write", "list_inputs",
                          "replace_document", "get_document"]  # fmt: skip
    assert view.asked[4][1] == {"payload_spec": "report", "endpoint": None, "horizon": 9,
                                "limit": payload_specs.MOST_CHECKED}  # fmt: skip
    late = stored(recent=[live(5)])
    with pytest.raises(errors.Conflict, match="the payload spec 'report' cannot be changed: the inputs of 1 live job"):
        await replace(late)
    assert "replace_document" not in late.names


async def test_a_version_that_live_jobs_reject_is_not_written() -> None:
    total = InputCount(jobs=1, bytes=9, horizon=9)
    view: Any = View(get_document=[document()], count_inputs=[[total]], list_inputs=[[live(1)]])
    with pytest.raises(errors.Conflict, match="the payload spec 'report' cannot be changed: the inputs of 1 live job"):
        await replace(view)
    assert view.names == ["get_document", "count_inputs", "list_inputs"]


@pytest.mark.parametrize("conditions", [{}, {"if_none_match": (3,)}, {"force": True}])
async def test_a_spec_that_does_not_exist_is_created_by_its_first_version(conditions: dict[str, Any]) -> None:
    view: Any = View(get_document=[None, [document(1)]], insert_document=[[1]])
    assert await replace(view, **conditions) == (document(1), True)
    assert view.names == ["get_document", "insert_document", "get_document"], "no job can name it yet"


async def test_a_forced_change_checks_no_job() -> None:
    view = stored(recent=[live(5)], after=[document(4)])
    assert await replace(view, force=True) == (document(4), False)
    assert view.names == ["get_document", "judged_write", "replace_document", "get_document"]


@pytest.mark.parametrize(
    ("conditions", "is_excluded"),
    [
        ({"if_match": (3,)}, False),
        ({"if_match": (2, 3)}, False),
        ({"if_match": (2,)}, True),
        ({"if_none_match": (3,)}, True),
        ({"if_none_match": (2,)}, False),
        ({"must_exist": True}, False),
    ],
)
async def test_a_condition_that_excludes_the_present_version_changes_nothing(
    conditions: dict[str, Any], is_excluded: bool
) -> None:
    view = stored(after=[document(4)])
    if is_excluded:
        with pytest.raises(errors.PreconditionFailed, match="is already at version 3, which the precondition excludes"):
            await replace(view, **conditions)
        assert view.names == ["get_document"]
    else:
        assert (await replace(view, **conditions))[0].version == 4


async def test_a_spec_that_must_exist_and_does_not_is_not_created() -> None:
    view: Any = View(get_document=[None])
    with pytest.raises(errors.PreconditionFailed, match="the payload spec 'report' does not exist, so If-Match cannot"):
        await replace(view, must_exist=True)


async def test_a_spec_that_is_changed_or_deleted_at_the_same_time_is_reported_as_such() -> None:
    with pytest.raises(errors.PreconditionFailed, match="'report' was changed at the same time: try again"):
        await replace(stored(written=(), after=[document(4)]))
    with pytest.raises(errors.NotFound, match="no payload spec 'report' in workspace acme"):
        await replace(stored(written=()))


async def test_a_schema_that_is_none_is_rejected_before_anything_is_asked() -> None:
    view: Any = View()
    with pytest.raises(errors.Unprocessable):
        await replace(view, {"type": "strin"})
    assert view.asked == []
