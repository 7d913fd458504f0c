"""Runs of a job that must not overlap: what becomes of a tick while another run is unfinished, and when a waiting run
is released.
"""

import uuid
from collections.abc import Callable

import psycopg
import pytest

from factory import add_endpoint, attempts_of, in_flight
from kronos import sql
from overlap_runs import MINUTE, POLICIES, Ticking, upkeep, waiting, waits
from sql_factory import Connection, account, acting_as, done, job, live, value, values
from worker.protocol import FULL_LOOK, expire, run


def test_runs_that_may_overlap_know_nothing_of_each_other(ticking: Callable[..., Ticking]) -> None:
    made = ticking("ALLOW").tick(3)
    assert [one["status"] for one in made] == ["QUEUED"] * 3


def queued(one: Ticking) -> None:
    one.tick()


def running(one: Ticking) -> None:
    one.run_one()


def between_attempts(one: Ticking) -> None:
    token = one.run_one()
    assert one.end(token, live(one.connection, one.job_id)[0]["execution_id"], "FAILED") == "RETRY"


@pytest.mark.parametrize("state", [queued, running, between_attempts])
def test_skip_records_a_tick_while_a_run_has_not_ended(
    ticking: Callable[..., Ticking], state: Callable[[Ticking], None]
) -> None:
    one = ticking("SKIP")
    state(one)
    (there,) = live(one.connection, one.job_id)
    skipped = one.one_tick()
    assert (skipped["status"], skipped["status_reason"]) == (
        "SKIPPED",
        {"code": "overlap", "detail": "an execution of the job had not ended", "running": str(there["execution_id"])},
    )
    assert skipped["scheduled_at"] == one.now
    assert job(one.connection, one.job_id)["next_tick_at"] == one.now + MINUTE


def test_skip_runs_the_tick_after_the_end(ticking: Callable[..., Ticking]) -> None:
    one = ticking("SKIP")
    token = one.run_one()
    one.tick(2)
    one.end(token, live(one.connection, one.job_id)[0]["execution_id"])
    one.tick(2)
    assert one.statuses() == ["SUCCESS", "SKIPPED", "SKIPPED", "QUEUED", "SKIPPED"]


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_run_that_waited_past_its_deadline_is_in_no_ticks_way(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap, deadline_seconds=60)
    one.tick(4)
    assert one.statuses() == ["EXPIRED", "EXPIRED", "EXPIRED", "QUEUED"]
    (there,) = live(one.connection, one.job_id)
    assert (there["scheduled_at"], there["visible_at"]) == (one.now, one.now)


def test_what_waits_for_a_run_that_expires_goes_and_the_tick_waits_for_it(ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE", deadline_seconds=90)
    *_, third, fourth = one.tick(4)
    assert one.statuses() == ["EXPIRED", "EXPIRED", "QUEUED", "QUEUED"]
    assert (third["status_reason"], fourth["status_reason"]["code"]) == (None, "overlap_waiting")


def test_a_run_under_way_past_its_deadline_is_in_the_next_ticks_way(ticking: Callable[..., Ticking]) -> None:
    one = ticking("SKIP", deadline_seconds=86_400)
    one.run_one()
    one.connection.execute("update kronos.execution_live set deadline_at = scheduled_at")
    assert (one.one_tick()["status"], one.statuses()) == ("SKIPPED", ["RUNNING", "SKIPPED"])


def test_queue_lets_one_wait_and_skips_the_rest(ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE")
    first, second, third = one.tick(3)
    assert (first["status"], first["status_reason"]) == ("QUEUED", None)
    assert (second["status"], second["run_at"], second["status_reason"]) == (
        "QUEUED",
        second["scheduled_at"],
        {
            "code": "overlap_waiting",
            "detail": "waits until another execution of its job has ended",
            "running": str(first["execution_id"]),
        },
    )
    assert (third["status"], third["status_reason"]["code"]) == ("SKIPPED", "overlap_queue_full")
    assert third["status_reason"] | {"detail": ""} == {
        "code": "overlap_queue_full",
        "detail": "",
        "running": str(first["execution_id"]),
        "waiting": str(second["execution_id"]),
    }


def test_what_waits_is_no_workers_business(ticking: Callable[..., Ticking], superuser: Connection) -> None:
    """Whatever its position in the order in which a query walks through the endpoints."""
    endpoints = sorted((add_endpoint(superuser) for _ in range(3)), key=lambda endpoint: endpoint.endpoint_id)
    jobs = [ticking("QUEUE", endpoint=endpoint) for endpoint in endpoints]
    jobs[1].tick()
    running = []
    for one in (jobs[0], jobs[2]):
        one.tick(2)
        running.append((one, *one.claim()))
        assert one.claim()[1] == []
    assert upkeep(superuser) == 0
    assert [row[0] for row in run(jobs[0].worker, "list_due_endpoints", FULL_LOOK)] == [endpoints[1].endpoint_id]
    for one, token, (execution_id,) in running:
        one.end(token, execution_id)
    due = run(jobs[0].worker, "list_due_endpoints", FULL_LOOK)
    assert ([row[0] for row in due], [row[1] <= 0 for row in due]) == (
        [endpoint.endpoint_id for endpoint in endpoints],
        [True] * 3,
    )


def succeeds(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id) == "SUCCESS"


def fails(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id, "PERMANENT") == "FAILED"


def dies(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    one.connection.execute(
        "update kronos.execution_live set visible_at = now() - interval '1 ms', crashes = max_crashes where "
        "execution_id = %s",
        [execution_id],
    )
    assert expire(one.worker) == (0, 1)


def is_cancelled(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id, "FAILED") == "RETRY"
    with acting_as(one.connection, "kronos_api"), one.connection.transaction():
        one.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(one.endpoint.workspace_id)])
        assert one.connection.execute(
            sql.texts()["executions.cancel_execution"], {"execution_id": execution_id}
        ).fetchall()


@pytest.mark.parametrize("ends", [succeeds, fails, dies, is_cancelled])
def test_no_matter_who_ends_a_run_the_next_one_goes(
    ticking: Callable[..., Ticking], ends: Callable[[Ticking, uuid.UUID, uuid.UUID], None]
) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    execution_id = live(one.connection, one.job_id)[0]["execution_id"]
    second = one.one_tick()
    one.connection.execute("listen kronos_work")
    ends(one, token, execution_id)
    assert [told.channel for told in one.connection.notifies(timeout=60, stop_after=1)] == ["kronos_work"]
    one.connection.execute("unlisten *")
    assert one.claim()[1] == [second["execution_id"]]


def test_a_retry_between_attempts_lets_nobody_go(ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE")
    between_attempts(one)
    second = one.one_tick()
    assert waits(one, second["execution_id"])
    token, claimed = one.claim()
    assert second["execution_id"] not in claimed
    one.end(token, claimed[0])
    assert not waits(one, second["execution_id"])


def test_what_waits_for_its_time_is_not_let_go_before_it(ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    (first,) = live(one.connection, one.job_id)
    second = one.one_tick()
    one.connection.execute(
        "update kronos.execution_live set run_at = now() + interval '1 hour' where execution_id = %s",
        [second["execution_id"]],
    )
    one.end(token, first["execution_id"])
    (row,) = live(one.connection, one.job_id)
    assert row["visible_at"] == row["run_at"]


def test_replace_ends_the_run_under_way_and_its_workers_result_is_late(
    ticking: Callable[..., Ticking], superuser: Connection
) -> None:
    one = ticking("REPLACE", endpoint=add_endpoint(superuser, max_in_flight=5))
    token = one.run_one()
    (old,) = live(one.connection, one.job_id)
    assert in_flight(one.connection, one.endpoint) == 1
    new = one.one_tick()
    (ended,) = done(one.connection, one.job_id)
    assert ended["execution_id"] == old["execution_id"]
    assert (ended["status"], ended["status_reason"]["code"]) == ("CANCELLED", "overlap_replaced")
    assert ended["completed_at"] >= ended["started_at"] == old["started_at"]
    assert attempts_of(one.connection, old["execution_id"]) == ["UNKNOWN"]
    assert in_flight(one.connection, one.endpoint) == 0
    assert one.claim()[1] == [new["execution_id"]]
    assert [one.end(token, old["execution_id"]) for _ in range(2)] == ["FENCED", "FENCED"]
    late = values(one.connection, "select status from kronos.attempt_late where claim_token = %s", [token])
    assert (late, attempts_of(one.connection, old["execution_id"])) == (["SUCCESS"], ["UNKNOWN"])
    assert one.statuses() == ["CANCELLED", "RUNNING"]


def test_replace_cancels_what_has_not_begun(ticking: Callable[..., Ticking]) -> None:
    one = ticking("REPLACE")
    one.tick(3)
    assert one.statuses() == ["CANCELLED", "CANCELLED", "QUEUED"]
    assert [row["attempt_count"] for row in done(one.connection, one.job_id)] == [0, 0]


def test_replace_says_of_a_lost_run_that_it_was_lost(ticking: Callable[..., Ticking]) -> None:
    one = ticking("REPLACE")
    one.run_one()
    (old,) = live(one.connection, one.job_id)
    lose(one, old["execution_id"])
    one.tick()
    assert attempts_of(one.connection, old["execution_id"]) == ["LOST"]
    assert one.statuses() == ["CANCELLED", "QUEUED"]


@pytest.mark.parametrize("locked", ["execution_live", "endpoint_gate", "workspace_gate"])
def test_replace_waits_for_nobody_and_ends_a_little_later_what_was_locked(
    ticking: Callable[..., Ticking], superuser: Connection, database_url: str, locked: str
) -> None:
    one = ticking("REPLACE", endpoint=add_endpoint(superuser, max_in_flight=5))
    workspace_id = one.endpoint.workspace_id
    superuser.execute("update kronos.workspaces set max_concurrency = 5 where workspace_id = %s", [workspace_id])
    token = one.run_one()
    (old,) = live(one.connection, one.job_id)
    with psycopg.connect(database_url) as holder:
        holder.execute(f"select from kronos.{locked} where workspace_id = %s for update", [workspace_id])
        one.connection.execute("set lock_timeout = '5s'")  # so that it fails instead of waiting forever
        new = one.one_tick()
        assert (new["status_reason"]["code"], new["status_reason"]["running"]) == (
            "overlap_waiting",
            str(old["execution_id"]),
        )
        assert upkeep(one.connection) == 0
    assert upkeep(one.connection) == 1
    assert one.statuses() == ["CANCELLED", "QUEUED"]
    assert in_flight(one.connection, one.endpoint) == 0
    assert one.end(token, old["execution_id"]) == "FENCED"
    assert one.claim()[1] == [new["execution_id"]]


def lose(one: Ticking, execution_id: uuid.UUID) -> None:
    """End its lease, by the clock that ticks are accounted for with."""
    one.connection.execute(
        "update kronos.execution_live set visible_at = %s where execution_id = %s", [one.now, execution_id]
    )


@pytest.mark.parametrize("is_expired", [False, True], ids=["claimed", "due again"])
@pytest.mark.parametrize("overlap", ["SKIP", "QUEUE"])
def test_a_dead_workers_run_costs_no_tick_beyond_its_lease(
    ticking: Callable[..., Ticking], overlap: str, is_expired: bool
) -> None:
    one = ticking(overlap)
    one.run_one()
    (lost,) = live(one.connection, one.job_id)
    lose(one, lost["execution_id"])
    if is_expired:
        assert value(one.connection, "select requeued from kronos.upkeep(1000)") == 1
    next_one, after_it = one.tick(2)
    assert (next_one["status"], after_it["status"]) == ("QUEUED", "SKIPPED")
    assert waits(one, next_one["execution_id"])
    upkeep(one.connection)
    token, claimed = one.claim()
    assert claimed == [lost["execution_id"]]  # it is delivered again, but never at the same time as the next one
    one.end(token, lost["execution_id"])
    assert one.claim()[1] == [next_one["execution_id"]]


def test_a_lost_run_that_was_claimed_again_is_a_run_like_any_other(ticking: Callable[..., Ticking]) -> None:
    one = ticking("SKIP")
    one.run_one()
    lose(one, live(one.connection, one.job_id)[0]["execution_id"])
    upkeep(one.connection)
    token, (again,) = one.claim()
    assert one.one_tick()["status"] == "SKIPPED"
    assert one.end(token, again, "FAILED") == "RETRY"
    assert one.one_tick()["status"] == "SKIPPED"  # between attempts: a worker has reported that it continues


@pytest.mark.parametrize(("old", "status"), [("SKIP", "SKIPPED"), ("ALLOW", "QUEUED")])
def test_versions_of_a_job_share_their_runs_under_the_policy_each_was_made_under(
    ticking: Callable[..., Ticking], old: str, status: str
) -> None:
    one = ticking(old)
    one.run_one()
    next_id = uuid.uuid4()
    one.connection.execute(
        """
        with retired as (
            update tests.jobs set status = 'RETIRED', replaced_by_id = %(next_id)s where job_id = %(job_id)s
                   returning job_id
        )
        insert into tests.jobs (job_id, first_version_id, previous_version_id, version, workspace_id,
            endpoint_id, trigger, cron, timezone,
                                 schedule, alarm, description, overlap, next_tick_at)
        select %(next_id)s, job_id, job_id, 2, workspace_id, endpoint_id, trigger, cron, timezone,
               schedule, alarm, description, 'SKIP', %(at)s
          from tests.jobs join retired using (job_id)
        """,
        {"next_id": next_id, "job_id": one.job_id, "at": one.now + MINUTE},
    )
    one.job_id = next_id
    assert one.one_tick()["status"] == status


def test_jobs_do_not_stand_in_each_others_way(ticking: Callable[..., Ticking]) -> None:
    one = ticking("SKIP")
    one.tick()
    assert ticking("SKIP", endpoint=one.endpoint).one_tick()["status"] == "QUEUED"


def test_a_run_held_while_the_one_before_it_ends_unseen_is_let_go_by_the_next_look(
    ticking: Callable[..., Ticking], database_url: str
) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    (first,) = live(one.connection, one.job_id)
    with psycopg.connect(database_url) as firing:
        one.now += MINUTE
        account(firing, one.job_id, now=one.now)
        assert one.end(token, first["execution_id"]) == "SUCCESS"  # and did not wait for the firing's locks
    held = waiting(one)
    assert len(held) == 1
    assert [upkeep(one.connection), upkeep(one.connection)] == [1, 0]
    assert one.claim()[1] == held


def test_nothing_is_let_go_while_someone_may_be_adding_a_run(
    ticking: Callable[..., Ticking], database_url: str
) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    (first,) = live(one.connection, one.job_id)
    second = one.one_tick()
    with psycopg.connect(database_url) as firing:
        firing.execute("select from kronos.jobs where job_id = %s for update", [one.job_id])
        one.end(token, first["execution_id"])
        assert upkeep(one.connection) == 0
        assert waits(one, second["execution_id"])
    assert upkeep(one.connection) == 1


def test_a_key_that_cannot_be_let_go_stops_no_other(ticking: Callable[..., Ticking]) -> None:
    stuck, other = ticking("QUEUE"), ticking("QUEUE")
    for one in (stuck, other):
        one.tick(2)
    with stuck.connection.transaction(force_rollback=True):
        stuck.connection.execute(
            f"""
            create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
            create trigger refuse before update on kronos.execution_live for each row
                when (new.overlap_key = '{stuck.job_id}') execute function public.refuse();
            alter table kronos.execution_live disable trigger execution_live_releases_next;
            delete from kronos.execution_live where visible_at < 'infinity';
            """
        )
        assert upkeep(stuck.connection) == 1
        assert (len(waiting(stuck)), len(waiting(other))) == (1, 0)


def test_a_tick_looks_at_no_run_that_ended_before_the_oldest_that_is_there(
    superuser: Connection, ticking: Callable[..., Ticking]
) -> None:
    one = ticking("QUEUE")
    numbers = "select array_agg(overlap_nth order by overlap_nth) from kronos.execution_live where job_id = %s"
    runs_from = "select runs_from from kronos.pointers where job_id = %s"
    token = one.run_one()
    one.tick()
    running, held = value(superuser, numbers, [one.job_id])
    assert value(superuser, runs_from, [one.job_id]) <= running
    one.tick()  # skipped, because one is waiting
    assert value(superuser, runs_from, [one.job_id]) == running
    ran = value(superuser, "select execution_id from kronos.execution_live where overlap_nth = %s", [running])
    assert one.end(token, ran) == "SUCCESS"
    one.tick()
    assert value(superuser, runs_from, [one.job_id]) == held
    superuser.execute("delete from kronos.execution_live where job_id = %s", [one.job_id])
    one.tick()
    assert held < value(superuser, runs_from, [one.job_id]) <= min(value(superuser, numbers, [one.job_id]))
