"""The delivery protocol, crash point by crash point: claim, lease, finalize, expire, release. Real PostgreSQL, as
kronos_worker."""

import uuid
from datetime import timedelta

import psycopg
import pytest

from conftest import await_condition
from factory import add_endpoint, add_executions, attempts_of, end_leases, in_flight, status_of
from kronos.sql import texts
from worker.protocol import as_worker, claim, claim_params, expire, finalize, release, run


def _gates_agree(superuser: psycopg.Connection) -> bool:
    row = superuser.execute(
        """
        select bool_and(gate.in_flight = (select count(*)
                                            from kronos.execution_live as live
                                           where live.endpoint_id = gate.endpoint_id and live.holds_slot))
          from kronos.endpoint_gate as gate
        """
    ).fetchone()
    assert row is not None
    return bool(row[0])


def _die(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    """The worker's session ends, and its uncommitted work is lost."""
    pid = worker.info.backend_pid
    worker.close()
    gone = "select not exists (select from pg_stat_activity where pid = %s)"
    await_condition(
        lambda: superuser.execute(gone, [pid]).fetchone() == (True,), "the dead worker's session to be rolled back"
    )


@pytest.mark.parametrize("limit", [None, 5])
def test_a_claim_is_on_disk_with_its_lease_and_a_success_ends_it(
    superuser: psycopg.Connection, worker: psycopg.Connection, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit, timeout_ms=60_000)
    (execution_id,) = add_executions(superuser, endpoint)
    token, claimed = claim(worker, endpoint)
    lease = superuser.execute(
        "select visible_at - claimed_at, claim_token, attempt_count, worker_id from kronos.execution_live where "
        "execution_id = %s",
        [execution_id],
    ).fetchone()
    assert claimed == [execution_id]
    assert lease == (timedelta(milliseconds=65_000), token, 1, "test:1:abcdef")
    assert (status_of(superuser, execution_id), in_flight(superuser, endpoint)) == ("RUNNING", 1 if limit else 0)
    assert finalize(worker, token, claimed) == {execution_id: "SUCCESS"}
    assert (
        status_of(superuser, execution_id),
        attempts_of(superuser, execution_id),
        in_flight(superuser, endpoint),
    ) == (
        "SUCCESS",
        ["SUCCESS"],
        0,
    )


def test_crash_before_the_claim_commits_leaves_no_trace(
    superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    (execution_id,) = add_executions(superuser, endpoint)
    dying = as_worker(database_url)
    dying.autocommit = False
    assert claim(dying, endpoint)[1] == [execution_id]
    _die(superuser, dying)
    _, claimed = claim(worker, endpoint)
    assert claimed == [execution_id]
    count = superuser.execute("select attempt_count from kronos.execution_live").fetchone()
    assert (count, attempts_of(superuser, execution_id), in_flight(superuser, endpoint)) == ((1,), [], 1)


def test_a_claim_whose_answer_was_lost_is_recovered_by_its_token(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    ids = add_executions(superuser, endpoint, 3)
    add_executions(superuser, add_endpoint(superuser), 2)
    params = claim_params([endpoint])
    run(worker, "claim_executions", params)
    recovered = run(
        worker, "recover_claim", {"claim_token": params["claim_token"], "endpoint_ids": params["endpoint_ids"]}
    )
    assert {row[0] for row in recovered} == set(ids)


@pytest.mark.parametrize("limit", [None, 5])
def test_crash_during_delivery_is_lost_evidence_and_the_zombie_is_fenced(
    superuser: psycopg.Connection, worker: psycopg.Connection, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    (execution_id,) = add_executions(superuser, endpoint)
    first, _ = claim(worker, endpoint)
    assert claim(worker, endpoint)[1] == []  # invisible while leased
    assert expire(worker) == (0, 0)
    end_leases(superuser)
    assert expire(worker) == (1, 0)
    second, claimed = claim(worker, endpoint)
    assert (claimed, attempts_of(superuser, execution_id), in_flight(superuser, endpoint)) == (
        [execution_id],
        ["LOST"],
        1 if limit else 0,
    )
    assert finalize(worker, first, [execution_id]) == {execution_id: "FENCED"}
    assert status_of(superuser, execution_id) == "RUNNING"
    assert superuser.execute(
        "select status, worker_id from kronos.attempt_late where claim_token = %s", [first]
    ).fetchall() == [("SUCCESS", "test:1:abcdef")]
    assert finalize(worker, second, [execution_id]) == {execution_id: "SUCCESS"}
    assert finalize(worker, first, [execution_id]) == {execution_id: "FENCED"}  # again: no second row, no error
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == (
        "SUCCESS",
        ["LOST", "SUCCESS"],
    )
    assert in_flight(superuser, endpoint) == 0


def test_late_but_not_claimed_again_is_accepted(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    (execution_id,) = add_executions(superuser, endpoint)
    token, _ = claim(worker, endpoint)
    end_leases(superuser)
    assert finalize(worker, token, [execution_id]) == {execution_id: "SUCCESS"}
    assert (attempts_of(superuser, execution_id), expire(worker)) == (["SUCCESS"], (0, 0))


@pytest.mark.parametrize("limit", [None, 5])
def test_a_batch_sent_again_after_an_unknown_commit_is_already_counted(
    superuser: psycopg.Connection, worker: psycopg.Connection, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    ids = add_executions(superuser, endpoint, 3)
    token, _ = claim(worker, endpoint)
    assert set(finalize(worker, token, ids).values()) == {"SUCCESS"}
    assert set(finalize(worker, token, ids).values()) == {"ALREADY"}
    assert ([attempts_of(superuser, one) for one in ids], in_flight(superuser, endpoint)) == ([["SUCCESS"]] * 3, 0)


@pytest.mark.parametrize("limit", [None, 5])
def test_crash_before_the_finalize_commits_changes_nothing(
    superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str, limit: int | None
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=limit)
    (execution_id,) = add_executions(superuser, endpoint)
    token, _ = claim(worker, endpoint)
    dying = as_worker(database_url)
    dying.autocommit = False
    finalize(dying, token, [execution_id])
    _die(superuser, dying)
    assert (status_of(superuser, execution_id), in_flight(superuser, endpoint)) == ("RUNNING", 1 if limit else 0)
    assert finalize(worker, token, [execution_id]) == {execution_id: "SUCCESS"}


def test_a_repeated_retry_does_not_touch_the_next_claim(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=9)
    (execution_id,) = add_executions(superuser, endpoint)
    first, _ = claim(worker, endpoint)
    assert finalize(worker, first, [execution_id], "FAILED") == {execution_id: "RETRY"}
    second, claimed = claim(worker, endpoint)
    assert claimed == [execution_id]
    assert finalize(worker, first, [execution_id], "FAILED") == {execution_id: "ALREADY"}
    assert finalize(worker, second, [execution_id]) == {execution_id: "SUCCESS"}
    assert (attempts_of(superuser, execution_id), in_flight(superuser, endpoint)) == (["FAILED", "SUCCESS"], 0)


def test_a_retry_waits_from_the_end_of_the_attempt(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    (execution_id,) = add_executions(superuser, endpoint)
    token, _ = claim(worker, endpoint)
    superuser.execute(
        "update kronos.execution_live set claimed_at = claimed_at - interval '8 s'"
    )  # the attempt took this long
    finalize(worker, token, [execution_id], "TIMED_OUT", retry=timedelta(seconds=30))
    waits = superuser.execute(
        "select live.visible_at - completed_at from kronos.execution_live as live join kronos.attempt using "
        "(execution_id)"
    )
    assert waits.fetchall() == [(timedelta(seconds=30),)]
    assert (status_of(superuser, execution_id), claim(worker, endpoint)[1]) == ("RETRYING", [])


def test_attempts_run_out(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser, max_attempts=3)
    (execution_id,) = add_executions(superuser, endpoint)
    for _ in range(3):
        token, claimed = claim(worker, endpoint)
        assert claimed == [execution_id]
        finalize(worker, token, claimed, "FAILED")
    reason = superuser.execute(
        "select status_reason ->> 'code' from kronos.executions where execution_id = %s", [execution_id]
    ).fetchone()
    assert (status_of(superuser, execution_id), reason, claim(worker, endpoint)[1]) == (
        "FAILED",
        ("attempts_exhausted",),
        [],
    )


def test_a_permanent_error_is_not_tried_again(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    (execution_id,) = add_executions(superuser, endpoint)
    token, claimed = claim(worker, endpoint)
    assert finalize(worker, token, claimed, "PERMANENT") == {execution_id: "FAILED"}
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("FAILED", ["FAILED"])


def test_an_execution_whose_workers_keep_dying_fails(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser, max_attempts=100, max_crashes=3, max_in_flight=5)
    (execution_id,) = add_executions(superuser, endpoint)
    claims = 0
    while claim(worker, endpoint)[1]:
        claims += 1
        assert claims < 10
        end_leases(superuser)
        expire(worker)
    assert (claims, status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == (
        4,
        "FAILED",
        ["LOST"] * 4,
    )
    assert in_flight(superuser, endpoint) == 0


def test_at_most_once_is_never_sent_again(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser, max_crashes=0)
    (execution_id,) = add_executions(superuser, endpoint)
    claim(worker, endpoint)
    end_leases(superuser)
    assert expire(worker) == (0, 1)
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("FAILED", ["LOST"])
    assert claim(worker, endpoint)[1] == []


def test_released_claims_are_due_at_once_and_not_counted(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=9)
    ids = add_executions(superuser, endpoint, 3)
    token, _ = claim(worker, endpoint)
    assert release(worker, uuid.uuid4(), ids) == []  # another's token
    assert sorted(release(worker, token, ids[:2])) == sorted(ids[:2])
    assert in_flight(superuser, endpoint) == 1
    assert finalize(worker, token, ids[:1]) == {ids[0]: "FENCED"}
    assert set(claim(worker, endpoint)[1]) == set(ids[:2])
    counts = superuser.execute("select attempt_count from kronos.execution_live").fetchall()
    assert (counts, in_flight(superuser, endpoint)) == ([(1,)] * 3, 3)


def test_a_result_that_cannot_be_stored_leaves_the_batch_as_it_was(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=9)
    ids = add_executions(superuser, endpoint, 2)
    token, _ = claim(worker, endpoint)
    text = texts()["results.finalize_executions"]
    nul = {"responses": ['{"body": "\\u0000"}', '{"body": "ok"}'], "requests": [None, None], "errors": [None, None]}
    params = {
        "execution_ids": ids,
        "claim_tokens": [token] * 2,
        "statuses": ["SUCCESS"] * 2,
        "is_retryable": [False] * 2,
        "retry_ms": [0] * 2,
        "is_cut_off": [False] * 2,
        "duration_ms": [1] * 2,
        "slow_ms": [0] * 2,
        "is_gone": [False] * 2,
        "max_age_ms": [None] * 2,
        **nul,
    }
    with pytest.raises(psycopg.DataError):
        worker.execute(text, params)
    assert [status_of(superuser, one) for one in ids] == ["RUNNING"] * 2
    assert set(finalize(worker, token, ids).values()) == {"SUCCESS"}
    assert _gates_agree(superuser)


_UNSOUND = {  # constraint -> a change of a claimed execution's row, or of its rows once it has ended
    "execution_live_cause_known": "update kronos.execution_live set cause = 'WHIM'",
    "execution_live_claim_is_whole": "update kronos.execution_live set worker_id = null",
    "execution_live_attempts_bounded": "update kronos.execution_live set attempt_count = max_attempts + 1",
    "execution_live_held_is_unclaimed": "update kronos.execution_live set visible_at = 'infinity'",
    "execution_live_cancelled_is_claimed": """
        update kronos.execution_live
           set cancel_reason = '{}', claim_token = null, worker_id = null, claimed_at = null, holds_slot = false
    """,
    "execution_live_priority_known": "update kronos.execution_live set priority = 11",
    "execution_live_overlap_is_whole": "update kronos.execution_live set overlap_nth = 1",
    "execution_live_parked_waits": "update kronos.execution_live set parked_at = visible_at",
    "execution_done_cause_known": "update kronos.execution_done set cause = 'WHIM'",
    "execution_done_status_known": "update kronos.execution_done set status = 'WHIM', status_reason = '{}'",
    "execution_done_reason_given": "update kronos.execution_done set status = 'MISSED'",
    "execution_done_counts_ticks": "update kronos.execution_done set tick_count = 0",
    "attempt_status_known": "update kronos.attempt set status = 'WHIM'",
}


def test_no_unsound_row_can_be_written_by_anybody(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 3)
    for status in ("SUCCESS", "PERMANENT"):
        token, claimed = claim(worker, endpoint, quota=1)
        finalize(worker, token, claimed, status)
    claim(worker, endpoint, quota=1)
    there = superuser.execute(
        "select conname from pg_constraint where contype = 'c' and convalidated"
        " and conrelid in ('kronos.execution_live'::regclass, 'kronos.execution_done'::regclass, "
        "'kronos.attempt'::regclass)"
    ).fetchall()
    assert {name for (name,) in there} == set(_UNSOUND)
    for role in ("kronos_owner", "none"):
        for name, change in _UNSOUND.items():
            with pytest.raises(psycopg.errors.CheckViolation) as caught, superuser.transaction():
                superuser.execute(f"set local role {role}; {change}".encode())
            assert caught.value.diag.constraint_name == name
