"""Configs: named JSON objects whose values templates use. A change makes a new version of each endpoint that names
it."""

from collections.abc import Collection, Sequence

import orjson

from kronos import documents, endpoint_checks, errors
from kronos.database import WorkspaceView
from kronos.documents import CONFIG, User
from kronos.errors import Fault
from kronos.model import Document, JsonObject

MAX_VALUES_BYTES = 64 * 1024
_MOST_LOOKS = 5
_MOST_SHOWN = 20


def require_small(values: JsonObject) -> None:
    """Raises Unprocessable if the values are too large: every delivery may use them."""
    if (size := len(orjson.dumps(values))) > MAX_VALUES_BYTES:
        detail = f"the values have {size} bytes; at most {MAX_VALUES_BYTES} are allowed"
        raise errors.Unprocessable.of(Fault(pointer="/values", detail=detail, hint="Split them into several configs."))


async def replace(
    view: WorkspaceView,
    name: str,
    values: JsonObject,
    *,
    if_match: Collection[int] | None,
    if_none_match: Collection[int],
    must_exist: bool,
) -> tuple[Document, bool]:
    """Write the config's next version, or its first. Return it, and whether it is new. Equal values make no version.

    Existing executions keep the values that they have. Raises Conflict (templates_need_value) if endpoints' templates
    name a value that would be missing, PreconditionFailed, Unprocessable.
    """
    require_small(values)
    for _ in range(_MOST_LOOKS):
        present = await view.one_or_none(documents.GET, {"kind": CONFIG.kind, "name": name})
        if present is None:
            if must_exist:
                raise errors.PreconditionFailed(f"the config {name!r} does not exist, so If-Match cannot match")
            return await documents.create(view, CONFIG, name, values)
        documents.refuse_condition(CONFIG, present, if_match=if_match, known=if_none_match)
        if _is_same(present.content, values):
            return present, False
        users = await documents.users(view, CONFIG, name)
        _refuse_missing(name, values, users)
        params = documents.replacing(CONFIG, name, values, if_match=if_match, if_none_match=if_none_match) | {
            "uses": len(users),
            "versions": sum(each.version for each in users),
        }
        written, document = await view.judged_write(
            (documents.LOCK, params), None, (documents.REPLACE, params), (documents.GET, params)
        )
        if written:
            return document[0], False
    raise errors.Conflict(f"the config {name!r}, or an endpoint that names it, was changed at the same time: try again")


def _is_same(present: JsonObject, values: JsonObject) -> bool:
    return orjson.dumps(present, option=orjson.OPT_SORT_KEYS) == orjson.dumps(values, option=orjson.OPT_SORT_KEYS)


def _refuse_missing(config: str, values: JsonObject, users: Sequence[User]) -> None:
    """Raises Conflict if templates name values that the config would lack."""
    faults: list[Fault] = []
    for user in users:
        for pointer, name in endpoint_checks.names_in(user.spec):
            if name.root == "config" and not endpoint_checks.has(values, name):
                detail = f"the endpoint {user.name} names {{{{{name}}}}} at {pointer}"
                hint = "Keep the value, or change the endpoint first: a name with a | default: needs no value."
                faults.append(Fault(pointer="/values", detail=detail, hint=hint))
        if len(faults) >= _MOST_SHOWN:
            break
    if faults:
        summary = f"the config {config!r} would lack values that templates name: {faults[0].detail}"
        raise errors.Conflict(summary, code="templates_need_value", faults=tuple(faults[:_MOST_SHOWN]))
