"""Pages of the list of jobs: newest first, by name, or by next run."""

from collections.abc import Sequence

from kronos import errors, jobs
from kronos.api.cursors import Page, bounded, decoded, decoded_text, encoded, encoded_text, list_digest
from kronos.api.query_schemas import JobQuery
from kronos.database import WorkspaceView
from kronos.jobs import JobFilter, SortedJob, SortedPlace
from kronos.model import ListedJob

_LIVE = (None, "LIVE", "ACTIVE", "PAUSED")


async def page_of(view: WorkspaceView, query: JobQuery, *, limit: int) -> Page[ListedJob] | Page[SortedJob]:
    """Return a page in the requested order. Raises InvalidRequest, WorkspaceNotFound."""
    filters = query.model_dump(exclude={"limit", "cursor", "sort"})
    sort = query.sort
    of = list_digest("jobs", view.workspace, filters if sort == "created" else filters | {"sort": sort})
    which = JobFilter(**filters)
    if sort == "created":
        rows = await jobs.list_page(view, which, limit=limit, before=decoded(query.cursor, of))
        return bounded(rows, of=of, place=lambda row: (row.created_at, row.job_id))
    if query.trigger not in (None, "CRON") or query.status not in _LIVE:
        hint = "Omit trigger and status, or use trigger=CRON and status=LIVE, ACTIVE or PAUSED."
        raise errors.InvalidRequest.of(f"only live CRON jobs can be sorted by {sort}", hint, "/sort")
    after = _place(query.cursor, of, by_name=sort == "name")
    return _sorted(await jobs.list_sorted(view, which, sort=sort, limit=limit, after=after), of)


def _place(cursor: str | None, of: bytes, *, by_name: bool) -> SortedPlace | None:
    if by_name:
        named = decoded_text(cursor, of)
        return None if named is None else SortedPlace(name=named[0], job_id=named[1])
    place = decoded(cursor, of)
    return None if place is None else SortedPlace(at=place[0], job_id=place[1])


def _sorted(rows: Sequence[SortedJob], of: bytes) -> Page[SortedJob]:
    if not rows or not rows[-1]._more:
        return Page(data=rows, next_cursor=None)
    last = jobs.place_of(rows[-1])
    if last.at is not None:
        return Page(data=rows, next_cursor=encoded(of, (last.at, last.job_id)))
    return Page(data=rows, next_cursor=encoded_text(of, last.name or "", last.job_id))
