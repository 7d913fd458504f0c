"""A view of the database as one workspace or as the instance sees it; neither leaves anything on the pool's
connection.
"""

from collections.abc import AsyncIterator

import pytest
from psycopg.rows import tuple_row

from factory import EndpointRow
from kronos import changes, errors, jobs, new_jobs, pauses, workspaces
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Workspace
from kronos.pool import Pool
from sql.test_policies import furnished
from sql_factory import Connection, done, entries, job, live, value


@pytest.fixture
def ours(shared: Connection) -> EndpointRow:
    """The test's own workspace, with a job, a waiting execution, a finished one, an attempt and a backfill."""
    return furnished(shared)


@pytest.fixture
def theirs(shared: Connection) -> EndpointRow:
    """A neighbor's workspace with the same contents."""
    return furnished(shared)


@pytest.fixture
async def pool(module_database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection, so that each use gets the same one."""
    made = Pool(module_database_url, size=1, wait_seconds=60)
    await made.open(wait=True)
    try:
        yield made
    finally:
        await made.close()


async def settings_left(pool: Pool) -> tuple[object, ...] | None:
    async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "select current_user::text, coalesce(current_setting('kronos.workspace_id', true), ''),"
            " coalesce(current_setting('kronos.instance_admin', true), ''), (select count(*) from kronos.jobs)"
        )
        return await cursor.fetchone()


async def test_a_workspaces_view_leaves_nothing_on_the_pools_connection(pool: Pool, ours: EndpointRow) -> None:
    found = await jobs.list_page(WorkspaceView(pool, str(ours.workspace_id)), jobs.JobFilter(), limit=10, before=None)
    assert len(found) == 2
    assert await settings_left(pool) == ("kronos_api", "", "", 0)


async def test_a_view_whose_statement_failed_leaves_nothing_on_the_pools_connection(
    pool: Pool, ours: EndpointRow
) -> None:
    view = WorkspaceView(pool, str(ours.workspace_id))
    with pytest.raises(errors.EndpointNotFound):
        await jobs.create(view, new_jobs.NewJob(endpoint="nowhere", trigger="CRON", cron="* * * * *"))
    with pytest.raises(errors.Unprocessable, match="61"):
        await jobs.create(view, new_jobs.NewJob(endpoint="nowhere", trigger="CRON", cron="61 * * * *"))
    assert await settings_left(pool) == ("kronos_api", "", "", 0)


async def test_the_administrators_view_is_gone_with_its_transaction_and_sees_workspaces_only(
    pool: Pool, ours: EndpointRow
) -> None:
    listed: list[Workspace] = await workspaces.list_page(InstanceView(pool), limit=1000, before=None)
    assert ours.workspace_id in {workspace.workspace_id for workspace in listed}
    assert await settings_left(pool) == ("kronos_api", "", "", 0)


async def test_another_workspaces_job_is_not_found_by_its_id(
    pool: Pool, shared: Connection, ours: EndpointRow, theirs: EndpointRow
) -> None:
    their_job = value(
        shared, "select job_id from kronos.jobs where endpoint_id = %s and trigger = 'CRON'", [theirs.endpoint_id]
    )
    view = WorkspaceView(pool, str(ours.workspace_id))
    before = (job(shared, their_job), live(shared, their_job), done(shared, their_job), entries(shared))
    for operation in (
        jobs.get(view, str(their_job)),
        changes.cancel(view, str(their_job)),
        pauses.pause(view, str(their_job), {}, actor="k"),
        pauses.resume(view, str(their_job)),
        changes.replace(view, str(their_job), {"cron": "0 0 * * *"}, if_match=None),
        changes.trigger(view, str(their_job), input=None),
        jobs.versions(view, str(their_job), limit=50, before=None),
        jobs.next_runs(view, str(their_job), count=1),
    ):
        with pytest.raises(errors.JobNotFound):
            await operation
    assert (job(shared, their_job), live(shared, their_job), done(shared, their_job), entries(shared)) == before


async def test_a_workspace_that_is_not_there_is_named(pool: Pool) -> None:
    with pytest.raises(errors.WorkspaceNotFound, match="no workspace 'nobody'"):
        await jobs.list_page(WorkspaceView(pool, "nobody"), jobs.JobFilter(), limit=1, before=None)
