"""Runs of one job that must not overlap: what becomes of a tick while another run is there, and when one that waits may go."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, attempts_of, in_flight
from kronos import idempotency, sql
from sql_factory import Connection, Record, account, acting_as, await_lock, done, job, live, make_cron_job, records, value, values
from worker.protocol import FULL_LOOK, claim, expire, finalize, run

MINUTE = timedelta(minutes=1)
POLICIES = ("SKIP", "QUEUE", "REPLACE")


@dataclass(kw_only=True)
class Ticking:
    """A job of every minute whose ticks come when the test says so."""

    connection: Connection
    worker: psycopg.Connection
    endpoint: EndpointRow
    overlap: str
    columns: dict[str, Any] = field(default_factory=dict)
    job_id: uuid.UUID = field(init=False)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = value(self.connection, "select date_trunc('minute', now()) - interval '30 minutes'")
        self.job_id = make_cron_job(
            self.connection, self.endpoint, overlap=self.overlap, next_tick_at=self.now + MINUTE, ticks_from=self.now, **self.columns
        )

    def tick(self, count: int = 1) -> list[Record]:
        """The executions of the next ticks, each accounted for at its own instant."""
        first = self.now + MINUTE
        for _ in range(count):
            self.now += MINUTE
            account(self.connection, self.job_id, now=self.now)
        return records(
            self.connection,
            "select * from kronos.executions where job_id = %s and scheduled_at between %s and %s order by scheduled_at",
            [self.job_id, first, self.now],
        )

    def one_tick(self) -> Record:
        (made,) = self.tick()
        return made

    def claim(self) -> tuple[uuid.UUID, list[uuid.UUID]]:
        return claim(self.worker, self.endpoint)

    def run_one(self) -> uuid.UUID:
        """A tick whose execution is claimed; the fence."""
        made = self.one_tick()
        token, claimed = self.claim()
        assert claimed == [made["execution_id"]]
        return token

    def end(self, token: uuid.UUID, execution_id: uuid.UUID, status: str = "SUCCESS") -> str:
        return finalize(self.worker, token, [execution_id], status)[execution_id]

    def statuses(self) -> list[str]:
        return values(self.connection, "select status from kronos.executions where job_id = %s order by scheduled_at", [self.job_id])


@pytest.fixture
def ticking(superuser: Connection, worker: psycopg.Connection) -> Callable[..., Ticking]:
    def make(overlap: str, *, endpoint: EndpointRow | None = None, **columns: object) -> Ticking:
        return Ticking(connection=superuser, worker=worker, endpoint=endpoint or add_endpoint(superuser), overlap=overlap, columns=columns)

    return make


def waiting(one: Ticking) -> list[uuid.UUID]:
    """The job's executions that are held back."""
    return values(
        one.connection, "select execution_id from kronos.execution_live where job_id = %s and visible_at = 'infinity'", [one.job_id]
    )


INSERT_BY_HAND = """
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at,
                                       visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)
    select gen_random_uuid(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', now(), now(), now(), 5, 3, 1000, '{}', job_id
      from kronos.jobs where job_id = %s
"""


def waits(one: Ticking, execution_id: uuid.UUID) -> bool:
    return execution_id in waiting(one)


def upkeep(connection: Connection) -> int:
    """How many executions it let go."""
    return int(value(connection, "select released from kronos.upkeep(1000)"))


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
def test_skip_records_a_tick_while_a_run_has_not_ended(ticking: Callable[..., Ticking], state: Callable[[Ticking], None]) -> None:
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


def test_queue_lets_one_wait_and_skips_the_rest(ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE")
    first, second, third = one.tick(3)
    assert (first["status"], first["status_reason"]) == ("QUEUED", None)
    assert (second["status"], second["run_at"], second["status_reason"]) == (
        "QUEUED",
        second["scheduled_at"],
        {"code": "overlap_waiting", "detail": "waits until another execution of its job has ended", "running": str(first["execution_id"])},
    )
    assert (third["status"], third["status_reason"]["code"]) == ("SKIPPED", "overlap_queue_full")
    assert third["status_reason"] | {"detail": ""} == {
        "code": "overlap_queue_full",
        "detail": "",
        "running": str(first["execution_id"]),
        "waiting": str(second["execution_id"]),
    }


def test_what_waits_is_no_workers_business(ticking: Callable[..., Ticking], superuser: Connection) -> None:
    """Whether it comes first, last or between in the order in which a look goes through the endpoints."""
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
    assert ([row[0] for row in due], [row[1] <= 0 for row in due]) == ([endpoint.endpoint_id for endpoint in endpoints], [True] * 3)


def succeeds(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id) == "SUCCESS"


def fails(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id, "PERMANENT") == "FAILED"


def dies(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    one.connection.execute(
        "update kronos.execution_live set visible_at = now() - interval '1 ms', crashes = max_crashes where execution_id = %s",
        [execution_id],
    )
    assert expire(one.worker) == (0, 1)


def is_cancelled(one: Ticking, token: uuid.UUID, execution_id: uuid.UUID) -> None:
    assert one.end(token, execution_id, "FAILED") == "RETRY"
    with acting_as(one.connection, "kronos_api"), one.connection.transaction():
        one.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(one.endpoint.workspace_id)])
        assert one.connection.execute(sql.texts()["executions.cancel_execution"], {"execution_id": execution_id}).fetchall()


@pytest.mark.parametrize("ends", [succeeds, fails, dies, is_cancelled])
def test_whoever_ends_a_run_lets_the_next_one_go(
    ticking: Callable[..., Ticking], ends: Callable[[Ticking, uuid.UUID, uuid.UUID], None]
) -> None:
    one = ticking("QUEUE")
    token = one.run_one()
    execution_id = live(one.connection, one.job_id)[0]["execution_id"]
    second = one.one_tick()
    one.connection.execute("listen kronos_work")
    ends(one, token, execution_id)
    assert [told.channel for told in one.connection.notifies(timeout=20, stop_after=1)] == ["kronos_work"]
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
        "update kronos.execution_live set run_at = now() + interval '1 hour' where execution_id = %s", [second["execution_id"]]
    )
    one.end(token, first["execution_id"])
    (row,) = live(one.connection, one.job_id)
    assert row["visible_at"] == row["run_at"]


def test_replace_ends_the_run_under_way_and_its_workers_result_is_late(ticking: Callable[..., Ticking], superuser: Connection) -> None:
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


@pytest.mark.parametrize("locked", ["execution_live", "endpoint_gate"])
def test_replace_waits_for_nobody_and_ends_a_little_later_what_was_locked(
    ticking: Callable[..., Ticking], superuser: Connection, database_url: str, locked: str
) -> None:
    one = ticking("REPLACE", endpoint=add_endpoint(superuser, max_in_flight=5))
    token = one.run_one()
    (old,) = live(one.connection, one.job_id)
    with psycopg.connect(database_url) as holder:
        holder.execute(f"select from kronos.{locked} where endpoint_id = %s for update", [one.endpoint.endpoint_id])
        new = one.one_tick()
        assert (new["status_reason"]["code"], new["status_reason"]["running"]) == ("overlap_waiting", str(old["execution_id"]))
        assert upkeep(one.connection) == 0
    assert upkeep(one.connection) == 1
    assert one.statuses() == ["CANCELLED", "QUEUED"]
    assert in_flight(one.connection, one.endpoint) == 0
    assert one.end(token, old["execution_id"]) == "FENCED"
    assert one.claim()[1] == [new["execution_id"]]


def lose(one: Ticking, execution_id: uuid.UUID) -> None:
    """Its lease ends, by the clock that ticks are accounted for with."""
    one.connection.execute("update kronos.execution_live set visible_at = %s where execution_id = %s", [one.now, execution_id])


@pytest.mark.parametrize("is_expired", [False, True], ids=["claimed", "due again"])
@pytest.mark.parametrize("overlap", ["SKIP", "QUEUE"])
def test_a_dead_workers_run_costs_no_tick_beyond_its_lease(ticking: Callable[..., Ticking], overlap: str, is_expired: bool) -> None:
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
    assert claimed == [lost["execution_id"]]  # it is delivered again, and never at the same time as the next
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
    assert one.one_tick()["status"] == "SKIPPED"  # between attempts: it has a worker's word that it goes on


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
            update tests.jobs set status = 'RETIRED', replaced_by_id = %(next_id)s where job_id = %(job_id)s returning job_id
        )
        insert into tests.jobs (job_id, first_version_id, previous_version_id, version, workspace_id, endpoint_id, trigger, cron, timezone,
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


def test_nothing_is_let_go_while_someone_may_be_adding_a_run(ticking: Callable[..., Ticking], database_url: str) -> None:
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


def retry(one: Ticking, execution_id: uuid.UUID) -> None:
    with acting_as(one.connection, "kronos_api"), one.connection.transaction():
        one.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(one.endpoint.workspace_id)])
        params = {"execution_id": execution_id, "endpoint_version": "latest", **idempotency.params(None)}
        assert one.connection.execute(sql.texts()["executions.retry_execution"], params).fetchall()


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_retry_by_hand_waits_for_the_run_that_is_there(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap)
    first = one.one_tick()["execution_id"]
    token, _ = one.claim()
    one.end(token, first, "PERMANENT")
    second = one.one_tick()["execution_id"]
    retry(one, first)
    assert (waits(one, first), upkeep(one.connection)) == (True, 0)
    token, claimed = one.claim()
    assert claimed == [second]
    one.end(token, second)
    assert one.claim()[1] == [first]


@pytest.mark.parametrize("overlap", ["ALLOW", *POLICIES])
def test_a_retry_by_hand_goes_at_once_where_nothing_is_there(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap)
    first = one.one_tick()["execution_id"]
    token, _ = one.claim()
    one.end(token, first, "PERMANENT")
    retry(one, first)
    (row,) = records(one.connection, "select status, status_reason from kronos.executions where execution_id = %s", [first])
    assert row == {"status": "RETRYING", "status_reason": None}
    assert one.claim()[1] == [first]


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_pointer_that_was_set_back_meets_the_runs_that_are_there(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap)
    one.run_one()
    before = records(one.connection, "select * from kronos.executions where job_id = %s", [one.job_id])
    one.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [one.now, one.job_id])
    account(one.connection, one.job_id, now=one.now)
    assert records(one.connection, "select * from kronos.executions where job_id = %s", [one.job_id]) == before
    assert job(one.connection, one.job_id)["runs"] == 1


@pytest.mark.parametrize(
    ("overlap", "statuses"),
    [
        ("SKIP", ["QUEUED", "SKIPPED", "SKIPPED", "SKIPPED"]),
        ("QUEUE", ["QUEUED", "QUEUED", "SKIPPED", "SKIPPED"]),
        ("REPLACE", ["SKIPPED", "SKIPPED", "SKIPPED", "QUEUED"]),
    ],
)
def test_ticks_that_are_caught_up_together_stand_in_each_others_way(
    ticking: Callable[..., Ticking], overlap: str, statuses: list[str]
) -> None:
    one = ticking(overlap, catch_up_policy="ALL", catch_up_window_seconds=86400)
    one.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [one.now - 3 * MINUTE, one.job_id])
    account(one.connection, one.job_id, now=one.now + timedelta(seconds=10))
    assert one.statuses() == statuses
    assert len(waiting(one)) == statuses.count("QUEUED") - 1


@pytest.mark.parametrize("overlap", POLICIES)
def test_only_runs_count_towards_max_runs(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap, max_runs=2)
    while job(one.connection, one.job_id)["status"] == "ACTIVE":
        made = one.one_tick()
        if made["status"] == "SKIPPED":
            token, claimed = one.claim()
            one.end(token, claimed[0])
    row = job(one.connection, one.job_id)
    assert (row["runs"], row["status_reason"]["code"], row["next_tick_at"]) == (2, "max_runs_reached", None)
    token, claimed = one.claim()
    if claimed:
        one.end(token, claimed[0])
        one.claim()
    assert len([status for status in one.statuses() if status != "SKIPPED"]) == 2
    assert waiting(one) == []


@pytest.mark.parametrize("name", ["reaper", None], ids=["an internal job", "another workspace's job"])
def test_what_is_nobodys_to_trigger_is_not_triggered(ticking: Callable[..., Ticking], superuser: Connection, name: str | None) -> None:
    neighbour = ticking("SKIP")
    workspace_id = value(superuser, "select workspace_id from kronos.workspaces where slug = 'kronos-system'")
    with acting_as(superuser, "kronos_api"), superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        triggered = value(superuser, "select kronos.trigger_job(%s, kronos.uuid7(), null, true)", [name or str(neighbour.job_id)])
    assert (triggered, neighbour.statuses()) == (None, [])


def test_two_hands_cannot_make_two_runs_to_be_delivered(superuser: Connection, database_url: str, ticking: Callable[..., Ticking]) -> None:
    one = ticking("SKIP")
    with psycopg.connect(database_url, autocommit=True) as other, ThreadPoolExecutor(1) as threads:
        with superuser.transaction():
            superuser.execute(INSERT_BY_HAND, [one.job_id])
            second = threads.submit(other.execute, INSERT_BY_HAND, [one.job_id])
            await_lock(superuser, other)
            assert not second.done()
        with pytest.raises(psycopg.errors.UniqueViolation) as refused:
            second.result(20)
    assert refused.value.diag.constraint_name == "execution_live_one_at_a_time"
    assert value(superuser, "select count(*) from kronos.execution_live where job_id = %s", [one.job_id]) == 1
    superuser.execute("alter table kronos.execution_live disable trigger execution_live_waits_for_something")
    superuser.execute(INSERT_BY_HAND.replace("now(), now(), now()", "now(), now(), 'infinity'"), [one.job_id])
    with pytest.raises(psycopg.errors.UniqueViolation):  # nor is the one that waits let go by hand
        superuser.execute("update kronos.execution_live set visible_at = now() where visible_at = 'infinity'")


def test_a_tick_looks_at_no_run_that_ended_before_the_oldest_that_is_there(superuser: Connection, ticking: Callable[..., Ticking]) -> None:
    one = ticking("QUEUE")
    numbers = "select array_agg(overlap_nth order by overlap_nth) from kronos.execution_live where job_id = %s"
    runs_from = "select runs_from from kronos.pointers where job_id = %s"
    token = one.run_one()
    one.tick()
    running, held = value(superuser, numbers, [one.job_id])
    assert value(superuser, runs_from, [one.job_id]) <= running
    one.tick()  # skipped: one waits
    assert value(superuser, runs_from, [one.job_id]) == running
    ran = value(superuser, "select execution_id from kronos.execution_live where overlap_nth = %s", [running])
    assert one.end(token, ran) == "SUCCESS"
    one.tick()
    assert value(superuser, runs_from, [one.job_id]) == held
    superuser.execute("delete from kronos.execution_live where job_id = %s", [one.job_id])
    one.tick()
    assert held < value(superuser, runs_from, [one.job_id]) <= min(value(superuser, numbers, [one.job_id]))
