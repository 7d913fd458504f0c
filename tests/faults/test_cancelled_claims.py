"""A cancellation while a worker holds the execution: the current attempt may still decide it, and there is no further
one, whoever returns it, in whatever order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from factory import end_leases
from faults.scene import DAILY, Scene, await_waiting, endpoint_of
from faults.sessions import Sessions
from worker.protocol import claim, expire, finalize, release

pytestmark = pytest.mark.usefixtures("patient_requests")


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An execution that a worker has claimed, of a job that is about to be cancelled."""

    scene: Scene
    superuser: psycopg.Connection
    worker: psycopg.Connection
    job: str
    execution: UUID
    token: UUID
    cancel: Callable[[], int]

    def end(self, how: str, worker: psycopg.Connection | None = None) -> None:
        """End the claim as a worker does, or, for a dead worker, as upkeep does."""
        worker = worker or self.worker
        if how == "release":
            assert release(worker, self.token, [self.execution]) == [self.execution]
        elif how == "expire":
            end_leases(worker, [self.execution])
            expire(worker)
        else:
            assert self.execution in finalize(worker, self.token, [self.execution], how)

    @property
    def left(self) -> tuple[str, str | None, int, int]:
        """Its status, the reason's code, its attempts so far, and its maximum."""
        one = self.scene.client.get(f"/v1/workspaces/{self.scene.workspace}/executions/{self.execution}").json()
        return one["status"], (one["status_reason"] or {}).get("code"), one["attempt_count"], one["max_attempts"]

    @property
    def attempts(self) -> list[str]:
        listed = self.scene.client.get(
            f"/v1/workspaces/{self.scene.workspace}/executions/{self.execution}/attempts"
        ).json()["data"]
        return [attempt["status"] for attempt in listed]

    @property
    def is_due(self) -> bool:
        """Whether a worker would get it, now or later."""
        ((found,),) = self.superuser.execute(
            "select count(*) from kronos.execution_live where execution_id = %s", [self.execution]
        ).fetchall()
        return bool(found)


@pytest.fixture(params=["one-shot", "cron", "older version", "backfill"])
def claimed(
    request: pytest.FixtureRequest, scene: Scene, su: psycopg.Connection, worker: psycopg.Connection
) -> Claimed:
    base = f"/v1/workspaces/{scene.workspace}"
    if request.param == "one-shot":
        job = str(scene.client.post(scene.jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()["job_id"])
    else:
        job = scene.created(DAILY)
    cancel = lambda: scene.delete(job).status_code  # noqa: E731
    if request.param == "backfill":
        window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        backfill = scene.client.post(f"{scene.jobs}/{job}/backfill", json=window).json()["backfill_id"]
        cancel = lambda: scene.client.post(f"{base}/backfills/{backfill}/cancel").status_code  # noqa: E731
    elif request.param != "one-shot":
        assert scene.trigger(job).status_code == 202
    token, (execution,) = claim(worker, endpoint_of(su, scene))
    if request.param == "older version":
        newer = scene.patch(job).json()["job_id"]
        cancel = lambda: scene.delete(newer).status_code  # noqa: E731
    return Claimed(scene=scene, superuser=su, worker=worker, job=job, execution=execution, token=token, cancel=cancel)


# The result of an attempt's end after a cancellation: the execution's status, the reason's code, its attempts.
AFTER: dict[str, tuple[str, str | None, list[str]]] = {
    "release": ("CANCELLED", "cancelled", []),
    "SUCCESS": ("SUCCESS", None, ["SUCCESS"]),
    "FAILED": ("CANCELLED", "cancelled", ["FAILED"]),
    "PERMANENT": ("FAILED", "not_retryable", ["FAILED"]),
    "expire": ("CANCELLED", "cancelled", ["LOST"]),
}


def assert_ended(claimed: Claimed, how: str) -> None:
    status, code, attempts = AFTER[how]
    left, reason, attempt_count, max_attempts = claimed.left
    assert (left, (reason or "").removeprefix("job_").removeprefix("backfill_") or None, attempt_count) == (
        status,
        code,
        len(attempts),
    )
    assert max_attempts == 5, "it was allowed as many as its endpoint says"
    assert claimed.attempts == attempts
    assert not claimed.is_due
    assert claimed.cancel() == 200


@pytest.mark.parametrize("how", AFTER)
def test_one_that_was_cancelled_before_its_attempt_ended_gets_no_other(claimed: Claimed, how: str) -> None:
    assert claimed.cancel() == 200
    assert claimed.left[0] == "RUNNING"

    claimed.end(how)

    assert_ended(claimed, how)


@pytest.mark.parametrize("how", AFTER)
def test_one_whose_attempt_ends_while_it_is_being_cancelled_gets_no_other(
    claimed: Claimed, how: str, sessions: Sessions
) -> None:
    """The cancellation waits for the row first, and is done when the attempt's end gets it."""
    with ThreadPoolExecutor(2) as threads, sessions.superusers.connection() as holder:
        if how == "expire":
            end_leases(claimed.superuser, [claimed.execution])
        with holder.transaction():
            holder.execute("select from kronos.execution_live where execution_id = %s for update", [claimed.execution])
            cancellation = threads.submit(claimed.cancel)
            assert await_waiting(claimed.superuser, 1, cancellation.done)
            if how == "expire":
                expire(claimed.worker)  # skips locked rows
            else:
                end = threads.submit(claimed.end, how)
                assert await_waiting(claimed.superuser, 2, end.done)
        assert cancellation.result(60) == 200
        if how == "expire":
            expire(claimed.worker)
        else:
            end.result(60)

    assert_ended(claimed, how)


@pytest.mark.parametrize("how", AFTER)
def test_one_that_is_cancelled_while_its_attempt_ends_is_not_tried_again(claimed: Claimed, how: str) -> None:
    """The attempt's end has the row. The cancellation began before its commit, and goes by what it finds afterwards."""
    with ThreadPoolExecutor(1) as threads:
        if how == "expire":
            end_leases(claimed.superuser, [claimed.execution])
        with claimed.worker.transaction():
            claimed.end(how)
            cancellation = threads.submit(claimed.cancel)
            assert await_waiting(claimed.superuser, 1, cancellation.done)
        assert cancellation.result(60) == 200

    assert_ended(claimed, how)


def test_one_that_is_claimed_while_it_is_being_cancelled_is_either(
    scene: Scene, su: psycopg.Connection, worker: psycopg.Connection
) -> None:
    """A cancellation sees a claim that was committed after it began: the claim's attempt is the last."""
    job = scene.created()
    assert scene.trigger(job).status_code == 202
    with ThreadPoolExecutor(1) as threads:
        with worker.transaction():
            token, (execution,) = claim(worker, endpoint_of(su, scene))
            cancellation = threads.submit(scene.delete, job)
            assert await_waiting(su, 1, cancellation.done)
        assert cancellation.result(60).status_code == 200
        assert finalize(worker, token, [execution], "FAILED") == {execution: "CANCELLED"}


@pytest.mark.parametrize("by_hand_first", [True, False], ids=["retry-first", "cancel-first"])
@pytest.mark.parametrize("is_patched", [False, True], ids=["same version", "older version"])
def test_of_a_retry_by_hand_and_the_end_of_its_job_the_one_sees_the_other(
    scene: Scene, su: psycopg.Connection, sessions: Sessions, by_hand_first: bool, is_patched: bool
) -> None:
    job = scene.created()
    path = f"/v1/workspaces/{scene.workspace}/executions/{scene.trigger(job).json()['execution_id']}"
    with sessions.workers.connection() as worker:
        token, claimed = claim(worker, endpoint_of(su, scene))
        finalize(worker, token, claimed, "PERMANENT")
    live = scene.patch(job).json()["job_id"] if is_patched else job
    acts = [lambda: scene.client.post(f"{path}/retry"), lambda: scene.delete(live)]
    if not by_hand_first:
        acts.reverse()

    with ThreadPoolExecutor(2) as threads, sessions.superusers.connection() as holder:
        with holder.transaction():
            holder.execute("select from kronos.jobs where job_id = %s for update", [live])
            first = threads.submit(acts[0])
            assert await_waiting(su, 1, first.done)
            second = threads.submit(acts[1])
            assert await_waiting(su, 2, second.done)
        answers = [first.result(60), second.result(60)]

    retried, cancelled = answers if by_hand_first else reversed(answers)
    assert cancelled.status_code == 200
    if retried.is_success:
        assert scene.client.get(path).json()["status_reason"]["code"] == "job_cancelled"
    else:
        assert (retried.status_code, retried.json()["code"]) == (409, "execution_not_retryable")
    assert (
        su.execute("select from kronos.execution_live where execution_id = %s", [path.rsplit("/", 1)[1]]).fetchall()
        == []
    )


def test_of_two_retries_by_hand_of_a_one_shot_one_retries(
    scene: Scene, su: psycopg.Connection, sessions: Sessions
) -> None:
    made = scene.client.post(scene.jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()
    with sessions.workers.connection() as worker:
        token, claimed = claim(worker, endpoint_of(su, scene))
        finalize(worker, token, claimed, "PERMANENT")
    path = f"/v1/workspaces/{scene.workspace}/executions/{claimed[0]}/retry"
    with ThreadPoolExecutor(2) as threads, sessions.superusers.connection() as holder:
        with holder.transaction():
            holder.execute("select from kronos.execution_done where execution_id = %s for update", [claimed[0]])
            retries = [threads.submit(scene.client.post, path) for _ in range(2)]
            assert await_waiting(su, 2)
        answers = sorted(retry.result(60).status_code for retry in retries)
    assert answers == [200, 409]
    assert scene.client.get(f"{scene.jobs}/{made['job_id']}").json()["status"] == "ACTIVE"


def test_no_session_can_give_a_cancelled_claim_back_as_it_is(claimed: Claimed) -> None:
    """A constraint of the row rejects it, so a worker of the previous release leaves the claim to its lease."""
    assert claimed.cancel() == 200
    with pytest.raises(psycopg.errors.CheckViolation, match="execution_live_cancelled_is_claimed"):
        claimed.superuser.execute(
            "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null, holds_slot = "
            "false"
            " where execution_id = %s",
            [claimed.execution],
        )


@pytest.mark.parametrize(("so_far", "answer", "most"), [(32_766, 200, 32_767), (32_767, 409, None)])
def test_attempts_are_counted_as_far_as_they_can_be(
    scene: Scene, su: psycopg.Connection, worker: psycopg.Connection, so_far: int, answer: int, most: int | None
) -> None:
    made = scene.client.post(scene.jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()
    token, (execution,) = claim(worker, endpoint_of(su, scene))
    finalize(worker, token, [execution], "PERMANENT")
    su.execute(
        "update kronos.execution_done set attempt_count = %s, max_attempts = 32767 where execution_id = %s",
        [so_far, execution],
    )

    retried = scene.client.post(f"/v1/workspaces/{scene.workspace}/executions/{execution}/retry")

    assert retried.status_code == answer
    assert (retried.json()["max_attempts"] if most else retried.json()["code"]) == (most or "execution_not_retryable")
    assert scene.client.get(f"{scene.jobs}/{made['job_id']}").json()["status"] == ("ACTIVE" if most else "COMPLETED")
