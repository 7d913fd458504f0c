"""Remove resources of a set that are no longer in its files, but never what people created by hand."""

import math
import time
from typing import Final

from kronos import alerts, apply_jobs, beats, calendars, changes, documents, endpoints, errors, fire_diffs, managed
from kronos.apply_terms import AppliedResource
from kronos.applying import LOCK_TIMEOUT, OPERATORS_KINDS, Applying
from kronos.documents import CONFIG, PAYLOAD_SPEC
from kronos.fire_diffs import FireDiff
from kronos.managed import Kind, Name
from kronos.records import dataclass

_FIRST: Final[frozenset[Kind]] = frozenset(("alert_rule", "heartbeat", "job"))
"""Kinds that quotas count, and that nothing in the files depends on."""
_MOST_USERS = 10
_MOST_HELD = 10
# All removals together wait this long for rows that others lock: as long as one statement of any other call.
_PATIENCE_SECONDS, _LEAST_SECONDS = 2.0, 0.001
# A removal that takes no longer did not wait.
_SHORT_SECONDS = 0.1


@dataclass(slots=True)
class Removal:
    """The resources to remove, and those still left. `usual_patience`: the lock timeout to restore, if it was
    lowered."""

    gone: list[Name]
    left: list[Name]
    runs: dict[str, FireDiff]
    patience_seconds: float = _PATIENCE_SECONDS
    usual_patience: str | None = None


async def begin(applying: Applying) -> Removal:
    """If pruning was requested, remove what can go before anything is created: alert rules, heartbeats and jobs. That
    makes room in the quotas for their replacements. Resources still in use are left to `finish`.

    Resources of the set that are gone, or that a person has replaced, no longer belong to the set."""
    wanted = {each.wanted.key for each in applying.outcomes}
    own = {key: note for key, note in applying.managed.items() if note.set_name == applying.asked.set_name}
    await managed.unmark(applying.view, [key for key, note in own.items() if not note.is_same and key not in wanted])
    gone = applying.left_over() if applying.asked.prune else []
    runs = await _runs_of(applying, [name for kind, name in gone if kind == "job"])
    removal = Removal(gone=gone, left=[], runs=runs)
    early = {key for key in gone if key[0] in _FIRST and await _removed(applying, removal, key) is None}
    removal.left = [key for key in gone if key not in early]
    await _restore(applying, removal)
    return removal


async def finish(applying: Applying, removal: Removal) -> list[AppliedResource]:
    """Remove the rest, which nothing names any more. Raises DatabaseUnavailable if others hold locks on some of it."""
    left = removal.left
    if removal.usual_patience is not None:
        await managed.set_patience(applying.view, _milliseconds(removal))
    while left:
        refused = [(key, error) for key in left if (error := await _removed(applying, removal, key)) is not None]
        if len(refused) == len(left):
            _require_not_held(refused)
            for key, error in refused:
                await _refuse(applying, key, error)
            break
        left = [key for key, _ in refused]
    await _restore(applying, removal)
    await managed.unmark(applying.view, removal.gone)
    return [_shown(key, removal.runs.get(key[1]) if key[0] == "job" else None) for key in removal.gone]


async def _removed(applying: Applying, removal: Removal, key: Name) -> errors.KronosError | None:
    """Remove a resource and return why that failed; None: it is removed. Time spent waiting here is deducted from later
    removals' wait."""
    began = time.monotonic()
    error = await _refusal(applying, key)
    if (took := time.monotonic() - began) > _SHORT_SECONDS:
        removal.patience_seconds = max(removal.patience_seconds - took, _LEAST_SECONDS)
        before = await managed.set_patience(applying.view, _milliseconds(removal))
        removal.usual_patience = removal.usual_patience or before
    return error


def _milliseconds(removal: Removal) -> str:
    return f"{math.ceil(removal.patience_seconds * 1000)}ms"


async def _restore(applying: Applying, removal: Removal) -> None:
    """Restore the usual lock timeout for the remaining work."""
    if removal.usual_patience is not None:
        await managed.set_patience(applying.view, removal.usual_patience)


def _require_not_held(refused: list[tuple[Name, errors.KronosError]]) -> None:
    held = [key for key, error in refused if _is_held(error)]
    if held:
        named = ", ".join(f"{_words(kind)} {name!r}" for kind, name in held[:_MOST_HELD])
        more = f" and {len(held) - _MOST_HELD} more" if len(held) > _MOST_HELD else ""
        raise errors.DatabaseUnavailable(
            f"resources that are no longer in the files are being changed by others: {named}{more}; nothing was "
            "applied: apply the same again in some seconds",
            sqlstate=LOCK_TIMEOUT,
        )


def _is_held(error: errors.KronosError) -> bool:
    return isinstance(error, errors.DatabaseUnavailable) and error.sqlstate == LOCK_TIMEOUT


async def _refusal(applying: Applying, key: Name) -> errors.KronosError | None:
    kind, name = key
    if kind not in OPERATORS_KINDS and not applying.asked.may_configure:
        raise errors.Forbidden(f"removing the {_words(kind)} {name!r} needs the role admin")
    try:
        match kind:
            case "job":
                await changes.cancel(applying.view, name)
            case "heartbeat":
                await beats.delete(applying.view, name)
            case "alert_rule":
                await alerts.delete(applying.view, name)
            case "endpoint":
                await endpoints.delete(applying.view, name)
            case "config":
                await documents.delete(applying.view, CONFIG, name)
            case "calendar":
                await calendars.delete(applying.view, name)
            case "payload_spec":
                await documents.delete(applying.view, PAYLOAD_SPEC, name)
    except errors.KronosError as error:
        if isinstance(error, errors.Unavailable) and not _is_held(error):
            raise
        return error
    return None


async def _refuse(applying: Applying, key: Name, error: errors.KronosError) -> None:
    kind, name = key
    detail = f"the {_words(kind)} {name!r} is no longer in the files but cannot be removed: {error.detail}"
    if kind == "endpoint" and (users := await endpoints.users(applying.view, name, limit=_MOST_USERS)):
        more = f" and {users[0].total - len(users)} more" if users[0].total > len(users) else ""
        named = ", ".join(each.name or str(each.job_id) for each in users)
        detail = f"the endpoint {name!r} is no longer in the files but is used by the live jobs {named}{more}"
    hint = "Change what uses it first, or keep it in the files."
    applying.refuse_removal(key, error, detail, hint)


async def _runs_of(applying: Applying, names: list[str]) -> dict[str, FireDiff]:
    if not names:
        return {}
    found = await managed.present(applying.view, [("job", name) for name in names])
    ids = [job.job_id for job in found.jobs.values()]
    runs = await managed.coming_runs(applying.view, ids, within=fire_diffs.WITHIN, shown=fire_diffs.SHOWN)
    return {
        name: apply_jobs.lost(runs[job.job_id], job.description or "")
        for name, job in found.jobs.items()
        if job.job_id in runs
    }


def _shown(key: Name, runs: FireDiff | None) -> AppliedResource:
    return AppliedResource(
        kind=key[0], name=key[1], change="removed", is_adopted=False, fields=[], drift=None, runs=runs
    )


def _words(kind: Kind) -> str:
    return kind.replace("_", " ")
