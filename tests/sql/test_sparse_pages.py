"""Pages of executions filtered by their scheduled time, where a week has few of them: history_weeks then names single
executions, and weeks of odd ones (created long before or after their time) that have one of each status.
"""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from depth import depth
from factory import add_endpoint
from sql_factory import Connection, make_cron_job, values

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
END = MONDAY + 70 * DAY
Row = tuple[datetime, datetime, datetime, str]
"""When its id says that it was created, its scheduled time, when it was created, and its status."""


def _history(connection: Connection, rows: Sequence[Row]) -> uuid.UUID:
    """A job whose executions these are. All of their weeks are noted."""
    endpoint = add_endpoint(connection)
    connection.execute("update kronos.retention set weeks_from = '-infinity'")
    connection.execute(
        "update kronos.workspaces set created_at = %s where workspace_id = %s", [MONDAY, endpoint.workspace_id]
    )
    job_id = make_cron_job(connection, endpoint, created_at=MONDAY, ticks_from=MONDAY)
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                cause, status, status_reason, scheduled_at, run_at, created_at, max_attempts, input)
            select kronos.uuid7(%s), workspace_id, job_id, endpoint_id, 1, 'MANUAL', %s, '{}', %s, %s, %s, 5, '{}'
              from kronos.jobs
             where job_id = %s
            """,
            [(id_at, status, at, at, created_at, job_id) for id_at, at, created_at, status in rows],
        )
    connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
    return job_id


def _lists(
    connection: Connection,
    job_id: uuid.UUID | None,
    status: str | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    *,
    limit: int = 100,
) -> tuple[list[Any], list[Any]]:
    """The executions that the pages have, and those that a query finds that reads everything."""
    asked = {"job": job_id, "status": status, "after": after, "before": before, "limit": limit}
    paged: list[Any] = []
    place: dict[str, Any] = {"at": None, "id": None}
    while True:
        page = connection.execute(
            """
            select execution_id, created_at
              from kronos.find_executions(case when %(job)s::uuid is not null then array[%(job)s::uuid] end,
                                          %(status)s, %(after)s, %(before)s, %(at)s, %(id)s, %(limit)s)
            """,
            asked | place,
        ).fetchall()
        paged += [row[0] for row in page]
        if len(page) < limit:
            break
        place = {"id": page[-1][0], "at": page[-1][1]}
    wanted = """
    select execution_id from kronos.execution_done
     where workspace_id = kronos.current_workspace_id()
       and (%(job)s::uuid is null or job_id = %(job)s)
       and (%(status)s::text is null or status = %(status)s)
       and (%(after)s::timestamptz is null or scheduled_at > %(after)s)
       and (%(before)s::timestamptz is null or scheduled_at < %(before)s)
     order by created_at desc, execution_id desc
    """
    return paged, values(connection, wanted, asked)


def test_late_ones_of_a_week_that_had_one_of_each_status_are_found(undone: Connection) -> None:
    """The week is noted as one of two odd executions, and each of them as the only one of its status. An older one
    fills the page before the walk comes to the time of their ids.
    """
    ticks = [(MONDAY + 2 * DAY, "SKIPPED"), (MONDAY + 3 * DAY, "FAILED")]
    rows = [(at, at, at + 35 * DAY, status) for at, status in ticks]
    at = MONDAY + 9 * DAY
    _history(undone, [*rows, (at, at, at + 20 * DAY, "MISSED")])
    paged, wanted = _lists(undone, None, before=MONDAY + 18 * DAY, limit=1)
    assert (paged, len(wanted)) == (wanted, 3)


def test_early_ones_are_found_beside_weeks_of_another_status_alone(undone: Connection) -> None:
    """Other weeks had more than one only of SUCCESS; the week of two odd ones is not read for that status alone."""
    late = MONDAY + 60 * DAY
    early = [(MONDAY + day * DAY, late, MONDAY + day * DAY, status) for day, status in ((2, "SUCCESS"), (3, "FAILED"))]
    prompt = [MONDAY + (7 * week + day) * DAY for week in range(2, 10) for day in (1, 2)]
    _history(undone, [*early, *((at, at, at, "SUCCESS") for at in prompt)])
    paged, wanted = _lists(undone, None, after=MONDAY + 50 * DAY)
    assert paged == wanted
    assert len(wanted) == 2 + sum(at > MONDAY + 50 * DAY for at in prompt)


def test_one_that_was_made_on_the_day_on_which_odd_spans_end_may_be_prompt(undone: Connection) -> None:
    """Its id says another day, but it was created at its time: no week has it as odd."""
    before = MONDAY + 40 * DAY + 12 * HOUR
    made, older = before - 2 * HOUR, before - 2.5 * HOUR
    _history(undone, [(made - 20 * DAY, made, made, "SUCCESS"), (older, older, older, "SUCCESS")])
    paged, wanted = _lists(undone, None, before=before, limit=1)
    assert (paged, len(wanted)) == (wanted, 2)


def _row(chance: random.Random) -> Row:
    at = MONDAY + chance.random() * 68 * DAY
    late = chance.choice([0 * HOUR, 0.99 * HOUR, 1.01 * HOUR, 5 * HOUR, 25 * HOUR, 20 * DAY, 40 * DAY])
    id_at, scheduled_at, created_at = chance.choice(
        [(at, at, at), (at, at, at + late), (at - late, at, at), (at, at + late, at), (at, at - late, at + late)]
    )
    return id_at, scheduled_at, min(created_at, END), chance.choice(["SUCCESS"] * 4 + ["FAILED", "SKIPPED", "MISSED"])


@pytest.mark.parametrize("seed", range(depth(12, deep=200)))
def test_pages_of_few_executions_are_the_list_cut_in_pieces(undone: Connection, seed: int) -> None:
    chance = random.Random(seed)
    job_id = _history(undone, [_row(chance) for _ in range(chance.choice([4, 8, 20, 60]))])
    for _ in range(8):
        after = chance.choice([None, MONDAY + chance.random() * 100 * DAY])
        before = chance.choice([None, (after or MONDAY) + chance.random() * 40 * DAY])
        status = chance.choice([None, None, "SUCCESS", "FAILED", "MISSED"])
        paged, wanted = _lists(
            undone, chance.choice([None, job_id]), status, after, before, limit=chance.choice([2, 7, 100])
        )
        assert paged == wanted, (status, after, before)
