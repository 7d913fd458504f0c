"""From its deadline on, an execution is not delivered: whichever session is first, it is not claimed, and it ends
EXPIRED.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from backfill_rows import advance, endpoint_and_job, make_backfill
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, end_leases
from moved_clock import MovedClock
from overlap_runs import Ticking
from sql.test_hold import hold
from sql.test_local_one_shots import RIGHT, one_shot
from sql_factory import Connection, buffers, done, fire, live, make_cron_job, once, records, value, values
from worker.protocol import as_worker, claim, expire, finalize

MINUTE = timedelta(minutes=1)


def late(connection: Connection, execution_id: uuid.UUID, interval: str = "-1 second") -> None:
    """Set its deadline that far from now."""
    connection.execute(
        "update kronos.execution_live set deadline_at = kronos.now() + %s::interval where execution_id = %s",
        [interval, execution_id],
    )


def expired(connection: Connection, limit: int = 100) -> int:
    return int(value(connection, "select kronos.expire_deadlines(%s)", [limit]))


def ended(connection: Connection, execution_id: uuid.UUID) -> dict[str, Any]:
    (found,) = records(connection, "select * from kronos.execution_done where execution_id = %s", [execution_id])
    return found


def test_at_its_deadline_it_is_expired_and_not_claimed_and_a_moment_before_the_other_way(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    with superuser.transaction():  # time stands still within a transaction
        first, second = add_executions(superuser, endpoint, 2)
        late(superuser, first, "0 s")
        late(superuser, second, "1 us")
        assert claim(superuser, endpoint)[1] == [second]
        assert expired(superuser) == 1
        found = ended(superuser, first)
    assert (found["status"], found["status_reason"]["code"], found["attempt_count"]) == (
        "EXPIRED",
        "deadline_passed",
        0,
    )
    assert found["status_reason"]["detail"] == "it was not delivered before its deadline"
    assert attempts_of(superuser, first) == []
    assert values(superuser, "select count(*) from kronos.dead_letters") == [0]


def test_a_tick_is_counted_from_its_nominal_time_whoever_makes_it_late(
    superuser: Connection, endpoint: EndpointRow, tick: datetime
) -> None:
    nominal = tick - timedelta(minutes=37)
    job_id = make_cron_job(
        superuser,
        endpoint,
        cron=once(nominal),
        next_tick_at=nominal,
        ticks_from=nominal - MINUTE,
        deadline_seconds=90,
    )
    assert fire(superuser, job_id) == 1
    (made,) = live(superuser, job_id)
    assert (made["cause"], made["deadline_at"]) == ("CATCH_UP", nominal + timedelta(seconds=90))
    value(superuser, "select kronos.upkeep(100)")
    (run,) = done(superuser, job_id)
    assert (run["status"], run["status_reason"]["deadline_at"]) == (
        "EXPIRED",
        value(superuser, "select kronos.iso(%s)", [nominal + timedelta(seconds=90)]),
    )
    disposed = "select disposition from kronos.jobs as job, kronos.ledger_rows(job, %s, %s) where job.job_id = %s"
    assert values(superuser, disposed, [nominal, nominal + MINUTE, job_id]) == ["missed"]


def test_no_retry_is_begun_and_what_was_tried_keeps_its_error(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=1)
    (execution_id,) = add_executions(superuser, endpoint)
    with as_worker(database_url) as worker:
        token, _ = claim(worker, endpoint)
        late(superuser, execution_id)
        assert expired(superuser) == 0  # the attempt may finish
        finalize(worker, token, [execution_id], "FAILED")
        assert claim(worker, endpoint)[1] == []
        assert expired(superuser) == 1
    found = ended(superuser, execution_id)
    assert (found["status"], found["attempt_count"], found["error"] is not None) == ("EXPIRED", 1, True)
    assert "none of its attempts succeeded before its deadline (attempts: 1)" in found["status_reason"]["detail"]


def test_a_success_after_the_deadline_counts(superuser: Connection, database_url: str, endpoint: EndpointRow) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    with as_worker(database_url) as worker:
        token, _ = claim(worker, endpoint)
        late(superuser, execution_id)
        finalize(worker, token, [execution_id], "SUCCESS")
    assert ended(superuser, execution_id)["status"] == "SUCCESS"


def test_what_was_lost_with_its_worker_is_not_delivered_after_it(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    with as_worker(database_url) as worker:
        claim(worker, endpoint)
        late(superuser, execution_id)
        end_leases(superuser, [execution_id])
        expire(worker)
    assert expired(superuser) == 1 or ended(superuser, execution_id)["status"] == "EXPIRED"
    assert attempts_of(superuser, execution_id) == ["LOST"]


def test_a_queued_run_that_expires_lets_the_next_one_go(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, next_tick_at=tick, overlap="QUEUE", deadline_seconds=3600)
    fire(superuser, job_id)
    (first,) = live(superuser, job_id)
    superuser.execute("select kronos.trigger_job(%s, %s, null, false) from (select set_config("
                      "'kronos.workspace_id', %s, true)) as entered",
                      [str(job_id), uuid.uuid4(), str(first["workspace_id"])])  # fmt: skip
    superuser.execute("update kronos.execution_live set visible_at = 'infinity' where execution_id <> %s",
                      [first["execution_id"]])  # fmt: skip
    late(superuser, first["execution_id"])
    assert expired(superuser) == 1
    (second,) = live(superuser, job_id)
    assert second["visible_at"] < datetime.now(UTC) + MINUTE
    late(superuser, second["execution_id"])
    superuser.execute("update kronos.execution_live set visible_at = 'infinity'")
    assert expired(superuser) == 1  # also while it waits
    assert [row["status"] for row in done(superuser, job_id)] == ["EXPIRED", "EXPIRED"]


def test_a_suspended_workspace_and_a_full_endpoint_keep_nothing_from_expiring(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=1)
    with as_worker(database_url) as worker:
        add_executions(superuser, endpoint)
        claim(worker, endpoint)
        (full,) = add_executions(superuser, endpoint)
        late(superuser, full)
        suspend = "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s"
        superuser.execute(suspend, [endpoint.workspace_id])
        assert expired(superuser) == 1
    assert ended(superuser, full)["status"] == "EXPIRED"


def test_a_held_instance_ends_nothing_and_does_so_once_it_goes_on(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    late(superuser, execution_id)
    hold(superuser, database_url, "on")
    with psycopg.connect(database_url, autocommit=True) as held:
        assert expired(held) == 0
    hold(superuser, database_url, None)
    assert expired(superuser) == 1


def test_a_tick_expires_no_other_jobs_run(ticking: Callable[..., Ticking]) -> None:
    """A tick expires only the runs that block it. The others are left to the search for late executions."""
    one, other = ticking("SKIP", deadline_seconds=60), ticking("SKIP", deadline_seconds=60)
    one.tick()
    other.tick()
    one.tick(2)
    assert (one.statuses(), other.statuses()) == (["EXPIRED", "EXPIRED", "QUEUED"], ["QUEUED"])


def test_a_tick_waits_for_nobody_who_has_a_late_run_locked(ticking: Callable[..., Ticking], other: Connection) -> None:
    one = ticking("SKIP", deadline_seconds=60)
    one.tick()
    other.execute("select from kronos.execution_live where job_id = %s for update", [one.job_id])
    warnings: list[str] = []
    one.connection.add_notice_handler(lambda warned: warnings.append(warned.message_primary or ""))
    one.connection.execute("set lock_timeout = '1s'")
    one.tick(2)
    assert (one.statuses(), warnings) == (["QUEUED", "SKIPPED", "SKIPPED"], [])


def test_the_databases_clock_decides_wherever_it_is_set(superuser: Connection, endpoint: EndpointRow) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    late(superuser, execution_id, "1 hour")
    clock = MovedClock(superuser)
    clock.step(timedelta(hours=-2))
    assert expired(superuser) == 0
    clock.step(timedelta(hours=4))
    assert expired(superuser) == 1


def test_as_many_as_are_asked_for_end_at_once_the_oldest_first(superuser: Connection, endpoint: EndpointRow) -> None:
    ids = add_executions(superuser, endpoint, 5)
    for nth, execution_id in enumerate(ids, 1):
        late(superuser, execution_id, f"-{nth} minutes")
    assert expired(superuser, 2) == 2
    left = values(superuser, "select execution_id from kronos.execution_live order by execution_id")
    assert left == sorted(ids[:3])
    assert (expired(superuser), expired(superuser)) == (3, 0)


def test_one_that_cannot_end_stops_no_other_nor_the_leases(superuser: Connection, endpoint: EndpointRow) -> None:
    *ids, lost = add_executions(superuser, endpoint, 6)
    for execution_id in ids:
        late(superuser, execution_id)
    superuser.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(),"
        " attempt_count = 1, visible_at = kronos.now() - interval '1 s' where execution_id = %s",
        [lost],
    )
    superuser.execute(
        f"alter table kronos.execution_done add constraint no_bad check (execution_id <> '{ids[2]}') not valid"
    )
    MovedClock(superuser).stop()
    assert value(superuser, "select requeued from kronos.upkeep(100)") == 1
    left = values(superuser, "select execution_id from kronos.execution_live order by execution_id")
    assert left == sorted([ids[2], lost])


def test_as_many_that_cannot_end_as_one_look_takes_leave_those_after_them_a_way(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    *bad, good = add_executions(superuser, endpoint, 3)
    for execution_id in bad:
        late(superuser, execution_id, "-1 hour")
    late(superuser, good)
    superuser.execute(
        f"alter table kronos.execution_done add constraint no_bad check (execution_id = '{good}') not valid"
    )
    assert sum(expired(superuser, 2) for _ in range(40)) == 1
    left = values(superuser, "select execution_id from kronos.execution_live order by execution_id")
    assert left == sorted(bad)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_of_deadlines_at_the_same_instant_each_has_its_turn(
    superuser: Connection, endpoint: EndpointRow, limit: int
) -> None:
    """Executions that are created together, with the same deadline_seconds, expire together."""
    ids = add_executions(superuser, endpoint, 9)
    with superuser.transaction():  # time stands still within a transaction
        for execution_id in ids:
            late(superuser, execution_id)
    in_order = values(superuser, "select execution_id from kronos.execution_live order by deadline_at, ctid")
    good = [in_order[4], in_order[8]]
    superuser.execute(
        "alter table kronos.execution_done add constraint no_bad check (execution_id in ("
        + ", ".join(f"'{each}'" for each in good)
        + ")) not valid"
    )
    ended = 0
    for _ in range(2000):
        ended += expired(superuser, limit)
        if ended == len(good):
            break
    assert ended == len(good)


def test_a_one_shots_row_that_a_session_holds_stops_no_other_end(
    superuser: Connection, database_url: str, endpoint: EndpointRow
) -> None:
    """Its end changes that row. Waiting for it would keep leases and deadlines of all workspaces waiting, too."""
    held, lost, again, held_late, too_late = add_executions(superuser, endpoint, 5)
    for execution_id in (held_late, too_late):
        late(superuser, execution_id)
    superuser.execute(
        "update kronos.execution_live"
        "   set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(),"
        "       attempt_count = case execution_id when %s then 1 else max_attempts end,"
        "       visible_at = kronos.now() - interval '1 s'"
        " where execution_id = any (%s)",
        [again, [held, lost, again]],
    )
    with psycopg.connect(database_url) as holder:
        holder.execute(
            "select from kronos.jobs where job_id in (select job_id from kronos.execution_live"
            " where execution_id = any (%s)) for update",
            [[held, held_late, again]],
        )
        superuser.execute("set lock_timeout = '1ms'")
        (counts,) = records(superuser, "select requeued, failed from kronos.upkeep(1)")
        assert counts == {"requeued": 0, "failed": 1}  # one that is held does not take another's place
        (counts,) = records(superuser, "select requeued, failed from kronos.upkeep(100)")
        assert counts == {"requeued": 1, "failed": 0}
        assert (ended(superuser, lost)["status"], ended(superuser, too_late)["status"]) == ("FAILED", "EXPIRED")
        left = values(superuser, "select execution_id from kronos.execution_live order by execution_id")
        assert left == sorted([held, again, held_late])
    (counts,) = records(superuser, "select requeued, failed from kronos.upkeep(100)")
    assert counts == {"requeued": 0, "failed": 1}
    assert (ended(superuser, held)["status"], ended(superuser, held_late)["status"]) == ("FAILED", "EXPIRED")


def test_the_lease_keeper_expires_what_no_worker_is_left_to(superuser: Connection, endpoint: EndpointRow) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    late(superuser, execution_id)
    superuser.execute("select kronos.fire(job_id) from kronos.jobs where name = 'lease-keeper'")
    assert ended(superuser, execution_id)["status"] == "EXPIRED"


def test_the_one_shot_is_completed_and_a_retry_by_hand_has_a_deadline_of_its_own(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    superuser.execute("update kronos.jobs set deadline_seconds = 600")
    late(superuser, execution_id)
    assert expired(superuser) == 1
    assert values(superuser, "select status from kronos.jobs where trigger = 'IMMEDIATE'") == ["COMPLETED"]
    with superuser.transaction():
        again = "select kronos.take_up_again(%s, %s, 'latest')"
        assert value(superuser, again, [endpoint.workspace_id, execution_id]) is None
        wanted = value(superuser, "select kronos.now() + interval '600 s'")
    (made,) = records(superuser, "select deadline_at, visible_at from kronos.execution_live")
    assert made["deadline_at"] == wanted


def test_who_has_no_deadline_is_not_looked_at(superuser: Connection, endpoint: EndpointRow) -> None:
    add_executions(superuser, endpoint, 3000)
    superuser.execute("vacuum analyze kronos.execution_live")
    expired(superuser)  # plans are cached
    assert buffers(superuser, "select kronos.expire_deadlines(1000)") < 20


@pytest.mark.parametrize("given", [{"deadline_seconds": 0}, {"deadline_seconds": "60"}, {"deadline_seconds": 1.5}])
def test_sql_judges_a_deadline_as_the_api_does(superuser: Connection, given: dict[str, Any]) -> None:
    judged = "select field from kronos.enqueue_fault(%s)"
    assert value(superuser, judged, [Jsonb({"endpoint": "a", **given})]) == "deadline_seconds"
    for sound in ({}, {"deadline_seconds": None}, {"deadline_seconds": 1}, {"deadline_seconds": 2_678_400}):
        assert value(superuser, judged, [Jsonb({"endpoint": "a", **sound})]) is None


def test_a_backfills_runs_have_the_jobs_deadline_from_when_they_are_made(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser, deadline_seconds=300)
    made = make_backfill(superuser, job_id, ticks=3)
    with superuser.transaction():
        assert advance(superuser, made) == 3
        until = value(superuser, "select kronos.now() + interval '300 s'")
    assert {run["deadline_at"] for run in live(superuser, job_id)} == {until}


def test_a_one_shot_at_a_local_time_keeps_its_distance_when_the_zones_rules_change(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = one_shot(superuser, endpoint)
    superuser.execute("update kronos.execution_live set deadline_at = scheduled_at + interval '10 minutes'")
    superuser.execute("select kronos.reask_local_one_shots('Europe/Berlin')")
    (run,) = live(superuser, job_id)
    assert (run["scheduled_at"], run["deadline_at"]) == (RIGHT, RIGHT + timedelta(minutes=10))
