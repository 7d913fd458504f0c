"""A change while a workspace is suspended or resumed comes before it or after it, and jobs and entries agree."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import psycopg
import pytest

from faults.scene import Rows, Scene, at_commit, at_entry, await_waiting, watch
from faults.sessions import Sessions

pytestmark = pytest.mark.usefixtures("patient_requests", "watched")


@pytest.fixture(scope="module")
def watched(sessions: Sessions) -> None:
    with sessions.superusers.connection() as superuser:
        watch(superuser, "jobs", "pointers", "workspaces")


def turn(scene: Scene, status: str) -> httpx.Response:
    return scene.client.patch(f"/v1/workspaces/{scene.workspace}", json={"status": status})


def disagreements(superuser: psycopg.Connection, scene: Scene) -> Rows:
    """Jobs of the workspace that have an entry and should not, or should and have none."""
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


POINTS: dict[str, Callable[[psycopg.Connection], AbstractContextManager[None]]] = {
    "entry": at_entry,
    "commit": at_commit,
}
ANSWERS = {"create": (201, 409), "reap": (0,), "turn": (200,)}
CHANGES = ("create", "patch", "pause", "resume", "delete", "skip_next", "reap", "turn")


def change(scene: Scene, sessions: Sessions, what: str, job: str, status: str) -> int:
    """Its HTTP status; 0 for PostgreSQL's own work."""
    if what == "reap":
        with sessions.superusers.connection() as connection:
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
    scene: Scene, sessions: Sessions, su: psycopg.Connection, what: str, is_first: bool, status: str, point: str
) -> None:
    """One of the two is held at the point with its locks until the other waits too, or is finished. Then jobs and
    entries agree."""
    job, idle = scene.created(), scene.created()
    if what == "resume":
        assert scene.pause(job).status_code == 200
    if status == "ACTIVE":
        assert turn(scene, "SUSPENDED").status_code == 200
    su.execute("delete from cron.job where jobname = %s", [f"kronos:{idle}"])  # so that the reaper has something to do
    order = (what, "turn") if is_first else ("turn", what)
    with sessions.superusers.connection() as holder, ThreadPoolExecutor(2) as threads:
        with POINTS[point](holder):
            first = threads.submit(change, scene, sessions, order[0], job, status)
            await_waiting(su, 1, first.done)
            second = threads.submit(change, scene, sessions, order[1], job, status)
            await_waiting(su, 1 if first.done() else 2, second.done)
        codes = list(zip(order, (first.result(60), second.result(60)), strict=True))

    assert [(which, code) for which, code in codes if code not in (*ANSWERS.get(which, (200,)), 409)] == []
    assert scene.client.get(f"/v1/workspaces/{scene.workspace}").json()["status"] == status
    assert disagreements(su, scene) == []
