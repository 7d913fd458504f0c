"""A workspace is suspended or resumed even if a job is malformed, pg_cron fails, or another session holds a lock."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import psycopg
import pytest

from api.test_suspension import backdate, entries, turn, turned, wanted
from conftest import Api
from faults.scene import Scene


@pytest.fixture
def scene(api: httpx.Client, workspace: str) -> Scene:
    return Scene(client=api, workspace=workspace)


@pytest.fixture
def own_scene(own_api: Api, own_workspace: str) -> Scene:
    return Scene(client=own_api.client, workspace=own_workspace)


def test_one_malformed_job_keeps_no_workspace_from_being_suspended_and_resumed(
    scene: Scene, shared_superuser: psycopg.Connection
) -> None:
    bad, good = scene.created("* * * * *"), scene.created("* * * * *")
    shared_superuser.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s", [bad]
    )
    for status in ("SUSPENDED", "ACTIVE"):
        for job in (bad, good):
            backdate(shared_superuser, job, minutes=20)
        turned(scene, status)
        assert entries(shared_superuser, scene) == wanted(shared_superuser, scene)
    fault = shared_superuser.execute("select count(*) from kronos.job_faults where job_id = %s", [bad]).fetchone()
    assert fault == (1,)


@contextmanager
def refused(superuser: psycopg.Connection, url: str, job: str) -> Iterator[None]:
    """Make pg_cron fail to write the job's entry."""
    superuser.execute(f"""
        create function public.refuse() returns trigger language plpgsql
            as $$ begin raise exception using errcode = '58030', message = 'the disk is gone'; end $$;
        create trigger refuse before insert on cron.job for each row when (new.jobname = 'kronos:{job}') execute
            function public.refuse();
    """)
    try:
        yield
    finally:
        superuser.execute("drop function public.refuse() cascade")


@contextmanager
def locked(superuser: psycopg.Connection, url: str, job: str) -> Iterator[None]:
    """Lock the job's entry, so that pg_cron cannot remove it. (Removing fires no trigger.)"""
    superuser.execute("alter function kronos.unregister_jobs(uuid[]) set lock_timeout = '50ms'")
    with psycopg.connect(url) as holder:
        holder.execute("select from cron.job where jobname = %s for update", [f"kronos:{job}"])
        yield


@pytest.mark.parametrize(("status", "failing"), [("SUSPENDED", locked), ("ACTIVE", refused)], ids=["suspend", "resume"])
def test_an_error_of_pg_cron_keeps_no_workspace_from_turning_nor_other_jobs_from_following(
    own_scene: Scene,
    own_api: Api,
    status: str,
    failing: Callable[[psycopg.Connection, str, str], AbstractContextManager[None]],
) -> None:
    """That one job is left, and the answer says so. It follows once pg_cron works again."""
    jobs = sorted(own_scene.created("* * * * *") for _ in range(5))
    path = f"/v1/workspaces/{own_scene.workspace}"
    with psycopg.connect(own_api.database_url, autocommit=True) as superuser:
        if status == "ACTIVE":
            turned(own_scene, "SUSPENDED")
        with failing(superuser, own_api.database_url, jobs[2]):
            answer = turn(own_scene, status)
            workspace = answer.json()
            assert (workspace["status"], workspace["jobs_left"]) == (status, 1)
            assert entries(superuser, own_scene) == (
                [jobs[2]] if status == "SUSPENDED" else sorted({*jobs} - {jobs[2]})
            )
            tag = answer.headers["ETag"]
            assert (
                own_scene.client.get(path, headers={"If-None-Match": tag}).json() == workspace
            )  # not 304: it is still changing

        finished = turned(own_scene, status)
        assert finished == workspace | {"jobs_left": 0}
        assert entries(superuser, own_scene) == wanted(superuser, own_scene)
        assert own_scene.client.get(path, headers={"If-None-Match": tag}).status_code == 200
        assert own_scene.client.patch(path, json={"name": "n"}, headers={"If-Match": tag}).status_code == 200
        edited = own_scene.client.patch(path, json=workspace | {"name": "m", "version": workspace["version"] + 1})
        assert (edited.status_code, edited.json()["name"]) == (200, "m")  # a copy from before the jobs had followed
