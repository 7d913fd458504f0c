"""Whatever is changed while a workspace is suspended or goes on comes before it or after it, and jobs and entries
agree."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import httpx
import psycopg
import pytest

from conftest import Api
from faults.scene import PATIENCE, Rows, Scene, await_waiting

pytestmark = pytest.mark.usefixtures("patient_requests")


def turn(scene: Scene, status: str) -> httpx.Response:
    return scene.client.patch(f"/v1/workspaces/{scene.workspace}", json={"status": status})


def disagreements(superuser: psycopg.Connection, scene: Scene) -> Rows:
    """Jobs of the workspace that have an entry and must not, or must and have none."""
    return superuser.execute(
        """
        select job.job_id::text, job.status, workspace.status, entry.jobid
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
          left join cron.job as entry on entry.jobname = 'kronos:' || job.job_id
         where workspace.slug = %s
           and (job.status = 'ACTIVE' and workspace.status = 'ACTIVE') <> (entry.jobid is not null)
        """,
        [scene.workspace],
    ).fetchall()


@contextmanager
def at_entry(holder: psycopg.Connection) -> Iterator[None]:
    """Whoever writes an entry waits, with what comes before it written."""
    with holder.transaction():
        holder.execute("lock table cron.job in share mode")
        yield


@contextmanager
def at_commit(holder: psycopg.Connection) -> Iterator[None]:
    """Whoever has written a job or a workspace waits at its commit, with all written."""
    holder.execute(f"""
        create function public.hold() returns trigger language plpgsql set lock_timeout = '{PATIENCE}'
            as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
        create constraint trigger hold after insert or update on kronos.jobs deferrable initially deferred
            for each row execute function public.hold();
        create constraint trigger hold after insert or update on kronos.pointers deferrable initially deferred
            for each row execute function public.hold();
        create constraint trigger hold after update on kronos.workspaces deferrable initially deferred
            for each row execute function public.hold();
        select pg_advisory_lock(1);
    """)
    try:
        yield
    finally:
        holder.execute("select pg_advisory_unlock(1)")
        for table in (
            "jobs",
            "pointers",
            "workspaces",
        ):  # each alone, so that nobody waits for one of them with another locked
            holder.execute(f"drop trigger hold on kronos.{table}")
        holder.execute("drop function public.hold()")


POINTS: dict[str, Callable[[psycopg.Connection], AbstractContextManager[None]]] = {
    "entry": at_entry,
    "commit": at_commit,
}
ANSWERS = {"create": (201, 409), "reap": (0,), "turn": (200,)}
CHANGES = ("create", "patch", "pause", "resume", "delete", "skip_next", "reap", "turn")


def change(scene: Scene, url: str, what: str, job: str, status: str) -> int:
    """Its HTTP status; 0 of what PostgreSQL runs itself."""
    if what == "reap":
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select kronos.reap()")
        return 0
    if what == "create":
        return scene.create().status_code
    if what == "turn":
        return turn(scene, status).status_code
    if what == "skip_next":
        return scene.client.post(f"{scene.jobs}/{job}/skip-next", json={"count": 1}).status_code
    answer: httpx.Response = getattr(scene, what)(job)
    return answer.status_code


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("status", ["SUSPENDED", "ACTIVE"])
@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_and_a_turn_of_the_workspace_come_one_after_the_other(
    scene: Scene, module_api: Api, su: psycopg.Connection, what: str, is_first: bool, status: str, point: str
) -> None:
    """One of the two is held at the point with its locks until the other waits too, or is over. Then jobs and entries
    agree."""
    job, idle = scene.created(), scene.created()
    if what == "resume":
        assert scene.pause(job).status_code == 200
    if status == "ACTIVE":
        assert turn(scene, "SUSPENDED").status_code == 200
    su.execute("delete from cron.job where jobname = %s", [f"kronos:{idle}"])  # so that the reaper has something to do
    url = module_api.database_url
    order = (what, "turn") if is_first else ("turn", what)
    with psycopg.connect(url, autocommit=True) as holder, ThreadPoolExecutor(2) as threads:
        with POINTS[point](holder):
            first = threads.submit(change, scene, url, order[0], job, status)
            await_waiting(su, 1, first.done)
            second = threads.submit(change, scene, url, order[1], job, status)
            await_waiting(su, 1 if first.done() else 2, second.done)
        codes = list(zip(order, (first.result(60), second.result(60)), strict=True))

    assert [(which, code) for which, code in codes if code not in ANSWERS.get(which, (200,))] == []
    assert scene.client.get(f"/v1/workspaces/{scene.workspace}").json()["status"] == status
    assert disagreements(su, scene) == []
