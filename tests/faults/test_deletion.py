"""Something is created while its workspace or endpoint is being deleted: one of the two wins and the other reports it,
wherever the first was held."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from factory import EndpointRow
from faults.scene import DAILY, PATIENCE, Scene, assert_agreement, at_entry, await_waiting
from faults.sessions import Sessions
from worker.protocol import claim, finalize

pytestmark = pytest.mark.usefixtures("patient_requests", "watched")

_ELSEWHERE = {"name": "elsewhere", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/elsewhere"}}
_WRITTEN = ("kronos.jobs", "kronos.endpoints", "kronos.workspaces", "kronos.execution_live")
_LEFT_BEHIND = """
    select 'job ' || job_id
      from kronos.jobs as job join kronos.endpoints as endpoint using (endpoint_id) join kronos.workspaces as workspace
        on workspace.workspace_id = job.workspace_id
     where job.status in ('ACTIVE', 'PAUSED') and (endpoint.deleted_at is not null or workspace.status = 'DELETED')
     union all
    select 'execution ' || execution_id
      from kronos.execution_live as live join kronos.endpoints as endpoint using (endpoint_id)
           join kronos.workspaces as workspace
        on workspace.workspace_id = live.workspace_id
     where endpoint.deleted_at is not null or workspace.status = 'DELETED'
     union all
    select 'endpoint ' || endpoint.name
      from kronos.endpoints as endpoint join kronos.workspaces as workspace using (workspace_id)
     where endpoint.deleted_at is null and workspace.status = 'DELETED'
"""


@pytest.fixture(scope="module")
def watched(sessions: Sessions) -> None:
    """While a test holds the advisory lock 1, sessions that wrote a row of these tables wait at their commit. They wait
    as long for other locks."""
    with sessions.superusers.connection() as superuser:
        superuser.execute(f"""
            create function public.hold() returns trigger language plpgsql set lock_timeout = '{PATIENCE}'
                as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
            create function public.be_patient() returns trigger language plpgsql
                as $$ begin perform set_config('lock_timeout', '{PATIENCE}', true); return null; end $$;
        """)
        for table in _WRITTEN:
            superuser.execute(f"""
                create constraint trigger hold after insert or update on {table} deferrable initially deferred
                    for each row execute function public.hold();
                create trigger be_patient before insert or update on {table} for each statement execute function
                    public.be_patient();
            """)


@contextmanager
def at_commit(holder: psycopg.Connection, scene: Scene) -> Iterator[None]:
    """Sessions wait at their commit, after all writes."""
    holder.execute("select pg_advisory_lock(1)")
    try:
        yield
    finally:
        holder.execute("select pg_advisory_unlock(1)")


@contextmanager
def at_endpoint(holder: psycopg.Connection, scene: Scene) -> Iterator[None]:
    """Sessions that need the endpoint's row wait."""
    with holder.transaction():
        holder.execute(
            "select from kronos.endpoints join kronos.workspaces using (workspace_id) where slug = %s for update of "
            "endpoints",
            [scene.workspace],
        )
        yield


@dataclass(frozen=True, kw_only=True)
class Act:
    """An action on a scene: `prepare` creates what it needs, and returns the object to act on."""

    do: Callable[[Scene, str], httpx.Response]
    prepare: Callable[[Scene, Sessions], str] = lambda scene, sessions: ""
    lost: tuple[tuple[int, str], ...] = ()  # the answers of an action that came second
    registers: bool = False


def base(scene: Scene) -> str:
    return f"/v1/workspaces/{scene.workspace}"


def create(**fields: object) -> Callable[[Scene, str], httpx.Response]:
    return lambda scene, _: scene.client.post(scene.jobs, json={"endpoint": "sink", **fields})


def elsewhere(scene: Scene, sessions: Sessions) -> str:
    """A live job of another endpoint."""
    assert scene.client.post(f"{base(scene)}/endpoints", json=_ELSEWHERE).status_code == 201
    return scene.created(endpoint="elsewhere")


def failed(scene: Scene, sessions: Sessions) -> str:
    """A failed execution of a one-shot."""
    made = create(trigger="IMMEDIATE")(scene, "").json()["execution"]["execution_id"]
    end_all(scene, sessions, "PERMANENT")
    return str(made)


def backfilled(scene: Scene, sessions: Sessions) -> str:
    """A running backfill under the endpoint of an older version, with nothing unfinished at this moment."""
    job = scene.created("13 3 31 * *", name="rare")  # with no tick of its own while the test runs
    window = {"from": "2025-01-01T00:00:00Z", "to": "2026-08-01T00:00:00Z", "max_active": 1}
    answer = scene.client.post(f"{scene.jobs}/{job}/backfill", json=window)
    assert answer.status_code == 202, answer.text
    end_all(scene, sessions, "SUCCESS")
    assert scene.client.post(f"{base(scene)}/endpoints", json=_ELSEWHERE).status_code == 201
    assert scene.patch(job, endpoint="elsewhere", cron="0 0 1 1 *").status_code == 200
    return str(answer.json()["backfill_id"])


def end_all(scene: Scene, sessions: Sessions, status: str) -> None:
    with sessions.superusers.connection() as superuser, sessions.workers.connection() as worker:
        (row,) = superuser.execute(
            "select endpoint_id, workspace_id from kronos.endpoints join kronos.workspaces using (workspace_id) where "
            "slug = %s",
            [scene.workspace],
        ).fetchall()
        endpoint = EndpointRow(endpoint_id=row[0], workspace_id=row[1], timeout_ms=0, max_attempts=0, max_crashes=0)
        token, claimed = claim(worker, endpoint)
        assert len(claimed) == 1
        finalize(worker, token, claimed, status)


NO_ENDPOINT = ((404, "endpoint_not_found"),)
GONE = ((404, "endpoint_not_found"), (404, "workspace_not_found"))
MAKERS = {
    "cron": Act(do=create(trigger="CRON", cron=DAILY), lost=GONE, registers=True),
    "immediate": Act(do=create(trigger="IMMEDIATE"), lost=GONE),
    "delayed": Act(do=create(trigger="DELAYED", run_at="2098-01-01T00:00:00Z"), lost=GONE),
    "retry": Act(
        prepare=failed,
        do=lambda scene, execution: scene.client.post(f"{base(scene)}/executions/{execution}/retry"),
        lost=((409, "execution_not_retryable"), (404, "workspace_not_found"), (404, "execution_not_found")),
    ),
}
MOVER = Act(
    prepare=elsewhere, do=lambda scene, job: scene.patch(job, endpoint="sink"), lost=NO_ENDPOINT, registers=True
)
ENDPOINT = Act(
    do=lambda scene, _: scene.client.post(f"{base(scene)}/endpoints", json=_ELSEWHERE),
    lost=((404, "workspace_not_found"),),
)
DELETIONS = {
    # with everything in it: it never loses
    "workspace": Act(do=lambda scene, _: scene.client.delete(base(scene), params={"confirm": scene.workspace})),
    "endpoint": Act(
        do=lambda scene, _: scene.client.delete(f"{base(scene)}/endpoints/sink"), lost=((409, "endpoint_in_use"),)
    ),
}
PAIRS = {
    **{(name, deletion): (maker, DELETIONS[deletion]) for name, maker in MAKERS.items() for deletion in DELETIONS},
    ("move", "endpoint"): (MOVER, DELETIONS["endpoint"]),
}
POINTS: dict[str, Callable[[psycopg.Connection, Scene], AbstractContextManager[None]]] = {
    "commit": at_commit,
    "entry": lambda holder, _: at_entry(holder),  # before its endpoint is checked again
    "endpoint": at_endpoint,
}


CASES = [
    pytest.param(
        *pair, deletion_is_first, point, id=f"{'-'.join(reversed(pair) if deletion_is_first else pair)}-{point}"
    )
    for pair, (make, _) in PAIRS.items()
    for deletion_is_first in (False, True)
    for point in POINTS
    if point != "entry" or (make.registers and not deletion_is_first)
]


def both(
    scene: Scene,
    su: psycopg.Connection,
    sessions: Sessions,
    point: str,
    first: Callable[[], httpx.Response],
    second: Callable[[], httpx.Response],
) -> tuple[httpx.Response, httpx.Response]:
    """The answers of both; the first is held at a point until the second waits too or is finished."""
    with ThreadPoolExecutor(2) as threads, sessions.superusers.connection() as holder:
        with POINTS[point](holder, scene):
            one: Future[httpx.Response] = threads.submit(first)
            assert await_waiting(su, 1, one.done), f"the first was never held: {one.result().text}"
            other = threads.submit(second)
            await_waiting(su, 2, other.done)
            assert not one.done()
        return one.result(60), other.result(60)


def finish(su: psycopg.Connection) -> None:
    """Run the deletions of workspaces to their end, as the workers and the reaper do."""
    for _ in range(1000):
        su.execute("update kronos.deletions set next_at = '-infinity'")
        if su.execute("select kronos.delete_further(now() + interval '1 hour')").fetchall() == [(0,)]:
            return
    raise AssertionError(su.execute("select * from kronos.deletions where status = 'RUNNING'").fetchall())


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


@pytest.mark.parametrize(("maker", "deletion", "deletion_is_first", "point"), CASES)
def test_of_a_creation_and_a_deletion_one_wins_and_the_other_says_so(
    scene: Scene,
    su: psycopg.Connection,
    sessions: Sessions,
    maker: str,
    deletion: str,
    deletion_is_first: bool,
    point: str,
) -> None:
    make, delete = PAIRS[maker, deletion]
    target = make.prepare(scene, sessions)
    acts: list[Callable[[], httpx.Response]] = [lambda: make.do(scene, target), lambda: delete.do(scene, "")]
    if deletion_is_first:
        acts.reverse()

    answers = both(scene, su, sessions, point, *acts)

    made, deleted = reversed(answers) if deletion_is_first else answers
    if point == "commit":
        assert answers[0].is_success, "the first had written everything"
    if deletion == "workspace":
        assert deleted.status_code == 202
        finish(su)
    else:
        assert made.is_success != deleted.is_success, [told(made), told(deleted)]
    if made.is_success and deletion == "workspace":
        assert deletion_is_first is False or point != "commit", "what was created second is deleted with the first"
    elif made.is_success:
        assert told(deleted) in delete.lost
    else:
        assert told(made) in make.lost
    assert su.execute(_LEFT_BEHIND).fetchall() == []
    assert_agreement(su)


@pytest.mark.parametrize("deletion_is_first", [False, True], ids=["maker-first", "deletion-first"])
def test_an_endpoint_is_made_in_a_workspace_that_is_there(
    scene: Scene, su: psycopg.Connection, sessions: Sessions, deletion_is_first: bool
) -> None:
    """If the creation is first, both happen, one after the other, and the endpoint is deleted with its workspace."""
    acts: list[Callable[[], httpx.Response]] = [
        lambda: ENDPOINT.do(scene, ""),
        lambda: DELETIONS["workspace"].do(scene, ""),
    ]
    if deletion_is_first:
        acts.reverse()

    answers = both(scene, su, sessions, "commit", *acts)

    if deletion_is_first:
        assert told(answers[1]) in ENDPOINT.lost
    else:
        assert [answer.status_code for answer in answers] == [201, 202]
    finish(su)
    assert su.execute(_LEFT_BEHIND).fetchall() == []


@pytest.mark.parametrize("deletion_is_first", [False, True], ids=["maker-first", "deletion-first"])
@pytest.mark.parametrize(
    ("deletion", "after_it"), [("endpoint", (201, "")), ("workspace", (404, "workspace_not_found"))]
)
def test_an_endpoint_that_is_changed_and_deleted_is_made_again_or_gone(
    scene: Scene,
    su: psycopg.Connection,
    sessions: Sessions,
    deletion: str,
    after_it: tuple[int, str],
    deletion_is_first: bool,
) -> None:
    put = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/changed"}}
    acts: list[Callable[[], httpx.Response]] = [
        lambda: scene.client.put(f"{base(scene)}/endpoints/sink", json=put),
        lambda: DELETIONS[deletion].do(scene, ""),
    ]
    if deletion_is_first:
        acts.reverse()

    answers = both(scene, su, sessions, "commit", *acts)

    assert answers[0].is_success
    assert told(answers[1]) == after_it if deletion_is_first else answers[1].is_success
    finish(su)
    assert su.execute(_LEFT_BEHIND).fetchall() == []


@pytest.mark.parametrize("point", ["commit", "endpoint"])
@pytest.mark.parametrize("deletion_is_first", [False, True], ids=["maker-first", "deletion-first"])
def test_a_backfill_makes_nothing_for_an_endpoint_that_is_deleted(
    scene: Scene, su: psycopg.Connection, sessions: Sessions, deletion_is_first: bool, point: str
) -> None:
    """A backfill does not wait: while the endpoint is being deleted it creates nothing, then it ends and gives the
    reason."""
    backfill = backfilled(scene, sessions)

    def advance(connection: psycopg.Connection) -> int:
        ((made,),) = connection.execute("select kronos.advance_backfill(%s, 10)", [backfill]).fetchall()
        return int(made)

    with ThreadPoolExecutor(2) as threads, sessions.superusers.connection() as holder:
        if deletion_is_first:
            with POINTS[point](holder, scene):
                deletion = threads.submit(DELETIONS["endpoint"].do, scene, "")
                assert await_waiting(su, 1, deletion.done)
                assert advance(su) == 0
            assert deletion.result(60).status_code == 204
            assert advance(su) == 0
        else:
            with holder.transaction():
                assert advance(holder) == 1
                deletion = threads.submit(DELETIONS["endpoint"].do, scene, "")
                assert await_waiting(su, 1, deletion.done)
            assert told(deletion.result(60)) == (409, "endpoint_in_use")
    status = scene.client.get(f"{base(scene)}/backfills/{backfill}").json()
    assert (status["status"], (status["status_reason"] or {}).get("code")) == (
        ("FAILED", "endpoint_deleted") if deletion_is_first else ("RUNNING", None)
    )
    assert su.execute(_LEFT_BEHIND).fetchall() == []


@pytest.mark.parametrize("deletion", ["endpoint"])
@pytest.mark.parametrize("act", ["trigger", "pause", "resume"])
def test_what_a_live_job_needs_is_not_deleted_whatever_is_done_to_it(
    scene: Scene, su: psycopg.Connection, sessions: Sessions, act: str, deletion: str
) -> None:
    job = scene.created()
    if act == "resume":
        assert scene.pause(job).status_code == 200

    done, deleted = both(
        scene,
        su,
        sessions,
        "commit",
        lambda: getattr(scene, act)(job),
        lambda: DELETIONS[deletion].do(scene, ""),
    )

    assert done.is_success
    assert told(deleted) in DELETIONS[deletion].lost
    assert_agreement(su)


def test_a_run_by_hand_that_was_made_before_its_job_was_cancelled_keeps_the_endpoint_or_is_cancelled(
    scene: Scene, su: psycopg.Connection, sessions: Sessions
) -> None:
    """Three sessions at once: the deletion comes while the job is live, and again when both others are done."""
    job = scene.created()
    with ThreadPoolExecutor(3) as threads, sessions.superusers.connection() as holder:
        with at_commit(holder, scene):
            run = threads.submit(scene.trigger, job)
            assert await_waiting(su, 1, run.done)
            cancel = threads.submit(scene.delete, job)
            assert await_waiting(su, 2, cancel.done)
            assert told(DELETIONS["endpoint"].do(scene, "")) == (409, "endpoint_in_use")
        assert (run.result(60).status_code, cancel.result(60).status_code) == (202, 200)
    assert DELETIONS["endpoint"].do(scene, "").status_code == 204
    (execution,) = scene.client.get(f"{scene.jobs}/{job}/executions").json()["data"]
    assert (execution["status"], execution["status_reason"]["code"]) == ("CANCELLED", "job_cancelled")
