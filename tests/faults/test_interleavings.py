"""Two concurrent changes of one job end as if one had come after the other, wherever the first was held when the second
came."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest

from conftest import await_condition
from faults.scene import (
    Scene,
    assert_agreement,
    at_commit,
    at_entry,
    await_waiting,
    fire,
    reaper,
    snapshot,
    waiting,
    watch,
)
from faults.sessions import Sessions

pytestmark = pytest.mark.usefixtures("patient_requests", "watched")

Outcome: TypeAlias = tuple[int, str]  # an HTTP status and the job's status; for PostgreSQL's own work, 0 and ""


@pytest.fixture(scope="module")
def watched(sessions: Sessions) -> None:
    with sessions.superusers.connection() as superuser:
        watch(superuser, "jobs", "pointers")


@contextmanager
def at_row(holder: psycopg.Connection, job: str) -> Iterator[None]:
    """Sessions wait before their first write to the job."""
    with holder.transaction():
        holder.execute("select from kronos.jobs where job_id = %s for update", [job])
        yield


POINTS: dict[str, Callable[[psycopg.Connection, str], AbstractContextManager[None]]] = {
    "row": at_row,
    "entry": lambda holder, _: at_entry(holder),
    "commit": lambda holder, _: at_commit(holder),
}


@dataclass(frozen=True, kw_only=True)
class Held:
    """Two changes of the same job, the first held at a point until the second waits too or is finished."""

    scene: Scene
    superuser: psycopg.Connection
    sessions: Sessions
    job: str

    def change(self, name: str) -> Outcome:
        if name in ("fire", "reap"):
            with self.sessions.superusers.connection() as connection:
                fire(connection, self.job if name == "fire" else reaper(connection))
            return 0, ""
        answer: httpx.Response = self.scene.create() if name == "create" else getattr(self.scene, name)(self.job)
        assert answer.status_code < 500, f"{name}: {answer.text}"
        return answer.status_code, answer.json().get("status") if answer.is_success else ""

    def at(self, point: str, first: str, second: str) -> tuple[Outcome, Outcome]:
        """The outcomes of both. The first is known to have been held; the second came meanwhile."""
        with ThreadPoolExecutor(2) as threads, self.sessions.superusers.connection() as holder:
            with POINTS[point](holder, self.job):
                one: Future[Outcome] = threads.submit(self.change, first)
                assert await_waiting(self.superuser, 1, one.done), (
                    f"{first} was never held at its {point}: {one.result()}"
                )
                other: Future[Outcome] = threads.submit(self.change, second)
                await_waiting(self.superuser, 2, other.done)
                assert not one.done()
            return one.result(60), other.result(60)


@pytest.fixture
def held(scene: Scene, su: psycopg.Connection, sessions: Sessions) -> Held:
    """A job that is due as of this moment: on time for the next minute."""
    job = scene.created("0 0 1 1 *")
    su.execute("update tests.jobs set next_tick_at = now() where job_id = %s", [job])
    return Held(scene=scene, superuser=su, sessions=sessions, job=job)


def ticks(superuser: psycopg.Connection, scene: Scene) -> int:
    """Executions of the workspace for the due tick, in any state, of any version."""
    ((count,),) = superuser.execute(
        """
        select count(*) from (select workspace_id, scheduled_at from kronos.execution_live
                              union all select workspace_id, scheduled_at from kronos.execution_done) as execution
          join kronos.workspaces using (workspace_id)
         where slug = %s and scheduled_at between now() - interval '5 minutes' and now()
        """,
        [scene.workspace],
    ).fetchall()
    return int(count)


def versions(held: Held) -> list[str]:
    """The statuses of the job's versions, the newest first."""
    answer = held.scene.client.get(f"{held.scene.jobs}/{held.job}/versions")
    assert answer.status_code == 200
    return [version["status"] for version in answer.json()["data"]]


# The result of each order: the outcomes of the first and of the second, and the statuses of the versions, the newest
# first.
PATCHED = (200, "ACTIVE")
ORDERS: dict[tuple[str, str], tuple[Outcome, Outcome, list[str]]] = {
    ("patch", "patch"): (PATCHED, (409, ""), ["ACTIVE", "RETIRED"]),
    ("patch", "delete"): (PATCHED, (409, ""), ["ACTIVE", "RETIRED"]),
    ("delete", "patch"): ((200, "RETIRED"), (409, ""), ["RETIRED"]),
    ("delete", "delete"): ((200, "RETIRED"), (200, "RETIRED"), ["RETIRED"]),
    ("patch", "pause"): (PATCHED, (409, ""), ["ACTIVE", "RETIRED"]),
    ("pause", "patch"): ((200, "PAUSED"), (200, "PAUSED"), ["PAUSED", "RETIRED"]),
    ("delete", "pause"): ((200, "RETIRED"), (409, ""), ["RETIRED"]),
    ("pause", "delete"): ((200, "PAUSED"), (200, "RETIRED"), ["RETIRED"]),
    ("pause", "resume"): ((200, "PAUSED"), (200, "ACTIVE"), ["ACTIVE"]),
    ("delete", "resume"): ((200, "RETIRED"), (409, ""), ["RETIRED"]),
    ("delete", "trigger"): ((200, "RETIRED"), (409, ""), ["RETIRED"]),
    ("patch", "trigger"): (PATCHED, (409, ""), ["ACTIVE", "RETIRED"]),
    ("pause", "skip_next"): ((200, "PAUSED"), (200, "PAUSED"), ["PAUSED"]),
    ("delete", "fire"): ((200, "RETIRED"), (0, ""), ["RETIRED"]),
    ("fire", "delete"): ((0, ""), (200, "RETIRED"), ["RETIRED"]),
    ("patch", "fire"): (PATCHED, (0, ""), ["ACTIVE", "RETIRED"]),
    ("fire", "patch"): ((0, ""), PATCHED, ["ACTIVE", "RETIRED"]),
    ("pause", "fire"): ((200, "PAUSED"), (0, ""), ["PAUSED"]),
    ("fire", "pause"): ((0, ""), (200, "PAUSED"), ["PAUSED"]),
    ("fire", "fire"): ((0, ""), (0, ""), ["ACTIVE"]),
    ("patch", "reap"): (PATCHED, (0, ""), ["ACTIVE", "RETIRED"]),
    ("delete", "reap"): ((200, "RETIRED"), (0, ""), ["RETIRED"]),
    ("pause", "reap"): ((200, "PAUSED"), (0, ""), ["PAUSED"]),
}
# fire writes no entry.
CASES = [
    pytest.param(point, first, second, id=f"{first}-{second}-{point}")
    for first, second in ORDERS
    for point in POINTS
    if not (first == "fire" and point == "entry")
]


@pytest.mark.parametrize(("point", "first", "second"), CASES)
def test_two_changes_come_one_after_the_other(held: Held, point: str, first: str, second: str) -> None:
    outcomes = held.at(point, first, second)

    *expected, left = ORDERS[first, second]
    assert list(outcomes) == expected
    assert versions(held) == left
    assert ticks(held.superuser, held.scene) == 1, "a due tick becomes one execution, whatever comes first"
    assert_agreement(held.superuser)


def break_entry(superuser: psycopg.Connection, job: str) -> None:
    superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{job}"])
    # The reaper skips a job that is about to be due.
    superuser.execute("update tests.jobs set next_tick_at = now() + interval '1 day' where job_id = %s", [job])


def end(superuser: psycopg.Connection, job: str) -> None:
    superuser.execute("update kronos.jobs set ends_at = now() - interval '1 hour' where job_id = %s", [job])


# The reaper comes first, with a reason to change the job, and is held with the job's row locked; then the result of the
# caller's change.
REAPED: dict[tuple[str, str], tuple[Callable[[psycopg.Connection, str], None], Outcome, list[str]]] = {
    ("vanished", "patch"): (break_entry, PATCHED, ["ACTIVE", "RETIRED"]),
    ("vanished", "delete"): (break_entry, (200, "RETIRED"), ["RETIRED"]),
    ("vanished", "pause"): (break_entry, (200, "PAUSED"), ["PAUSED"]),
    ("vanished", "create"): (break_entry, (201, "ACTIVE"), ["ACTIVE"]),
    ("vanished", "reap"): (break_entry, (0, ""), ["ACTIVE"]),
    ("vanished", "fire"): (break_entry, (0, ""), ["ACTIVE"]),
    ("ended", "patch"): (end, (409, ""), ["RETIRED"]),
    ("ended", "delete"): (end, (200, "RETIRED"), ["RETIRED"]),
    ("ended", "pause"): (end, (409, ""), ["RETIRED"]),
    ("ended", "create"): (end, (201, "ACTIVE"), ["RETIRED"]),
    ("ended", "fire"): (end, (0, ""), ["RETIRED"]),
}


@pytest.mark.parametrize("point", ["entry", "commit"])
@pytest.mark.parametrize(("reason", "second"), REAPED)
def test_the_reaper_and_a_change_come_one_after_the_other(held: Held, point: str, reason: str, second: str) -> None:
    brings_about, expected, left = REAPED[reason, second]
    brings_about(held.superuser, held.job)

    _, outcome = held.at(point, "reap", second)

    assert outcome == expected
    assert versions(held) == left
    assert_agreement(held.superuser)


def test_the_reaper_passes_over_a_job_that_a_request_holds(held: Held) -> None:
    """It sees the difference, finds the row locked and does not wait: the request will repair it."""
    break_entry(held.superuser, held.job)

    held.at("entry", "patch", "reap")

    assert reaped(held.superuser)["busy"] == 1
    assert_agreement(held.superuser)


def test_the_reaper_never_sees_half_of_a_create(held: Held) -> None:
    outcome, _ = held.at("commit", "create", "reap")

    assert outcome == (201, "ACTIVE")
    counts = reaped(held.superuser)
    assert counts == dict.fromkeys(counts, 0) | {"left": dict.fromkeys(counts["left"], 0)}
    assert_agreement(held.superuser)


def reaped(superuser: psycopg.Connection) -> dict[str, Any]:
    """The summary of the reaper's last run."""
    ((output,),) = superuser.execute(
        """
        select output::text from kronos.execution_done where job_id = %s and output is not null
               order by completed_at desc limit 1
        """,
        [reaper(superuser)],
    ).fetchall()
    counts: dict[str, Any] = json.loads(output)
    return counts


@pytest.mark.parametrize("by_name", [False, True], ids=["id", "name"])
def test_a_delete_by_name_meets_the_version_that_is_live_then(
    by_name: bool, scene: Scene, su: psycopg.Connection, sessions: Sessions
) -> None:
    job = scene.created(name="nightly")
    held = Held(scene=scene, superuser=su, sessions=sessions, job="nightly" if by_name else job)

    with sessions.superusers.connection() as holder, ThreadPoolExecutor(2) as threads:
        with at_row(holder, job):
            patch = threads.submit(held.change, "patch")
            await_condition(lambda: len(waiting(su)) == 1, "the PATCH to wait")
            delete = threads.submit(held.change, "delete")
            await_condition(lambda: len(waiting(su)) == 2, "the DELETE to wait")
        assert (patch.result(60), delete.result(60)) == (PATCHED, (200, "RETIRED") if by_name else (409, ""))

    assert versions(Held(scene=scene, superuser=su, sessions=sessions, job=job)) == (
        ["RETIRED", "RETIRED"] if by_name else ["ACTIVE", "RETIRED"]
    )
    assert_agreement(su)


@pytest.mark.parametrize("if_match", [None, 1])
def test_of_twenty_patches_at_once_one_wins(if_match: int | None, held: Held) -> None:
    with ThreadPoolExecutor(20) as threads, held.sessions.superusers.connection() as holder:
        with at_row(holder, held.job):
            patches = [
                threads.submit(
                    held.scene.patch, held.job, if_match=if_match, cron=f"{minute} 1 * * *", name=f"v-{minute}"
                )
                for minute in range(20)
            ]
            await_waiting(held.superuser, 10)  # the number of the API's connections
        answers = [patch.result(60) for patch in patches]

    codes = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
    assert codes == {(200, None): 1, (409, "job_not_updatable"): 19}
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert (won["version"], won["previous_version_id"], won["pg_cron"]["schedule"]) == (2, held.job, won["cron"])
    assert versions(held) == ["ACTIVE", "RETIRED"]
    assert_agreement(held.superuser)


def test_a_patch_of_an_older_version_changes_nothing(scene: Scene, su: psycopg.Connection) -> None:
    job = scene.created(name="hourly")
    assert scene.patch("hourly", cron="1 * * * *").status_code == 200
    before = snapshot(su)

    answer = scene.patch("hourly", cron="2 * * * *", if_match=1)

    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert snapshot(su) == before
    assert scene.patch(job, cron="2 * * * *", if_match=1).json()["code"] == "job_not_updatable"
