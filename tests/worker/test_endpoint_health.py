"""The effect of outcomes on an endpoint: slowed down, gone, disabled after nothing but failures, on trial, enabled
again."""

import threading
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions, end_leases, in_flight
from moved_clock import MovedClock
from worker.protocol import FULL_LOOK, as_worker, claim, expire, finalize, release, run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RULE = {"disable_after_seconds": 3600, "disable_after_attempts": 3, "probe_seconds": 60}


def shown(connection: psycopg.Connection, endpoint: EndpointRow) -> dict[str, Any]:
    """Its health as GET returns it."""
    row = connection.execute(
        "select health from kronos.endpoint_details where endpoint_id = %s", [endpoint.endpoint_id]
    ).fetchone()
    assert row is not None
    health: dict[str, Any] = row[0]
    return health


def state(connection: psycopg.Connection, endpoint: EndpointRow) -> tuple[str, bool, int]:
    health = shown(connection, endpoint)
    return health["state"], health["on_trial"], health["consecutive_failures"]


def fail(worker: psycopg.Connection, endpoint: EndpointRow, **said: Any) -> None:
    """Let one attempt fail, and make it due again immediately."""
    token, (claimed,) = claim(worker, endpoint, quota=1)
    assert finalize(worker, token, [claimed], "FAILED", retry=timedelta(0), **said) == {claimed: "RETRY"}


def disable(
    superuser: psycopg.Connection, worker: psycopg.Connection, clock: MovedClock, endpoint: EndpointRow
) -> None:
    """Disable it, by its rule."""
    fail(worker, endpoint)
    clock.step(HOUR)
    fail(worker, endpoint)
    fail(worker, endpoint)
    assert state(superuser, endpoint) == ("DISABLED", True, 3)


def test_a_slow_answer_keeps_the_endpoint_off_until_its_instant_and_then_one_is_tried(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint, neighbour = add_endpoint(superuser), add_endpoint(superuser)
    add_executions(superuser, endpoint, 5)
    add_executions(superuser, neighbour, 1)
    fail(worker, endpoint, slow_ms=30_000)
    health = shown(superuser, endpoint)
    assert (health["state"], health["reason"]["code"], health["on_trial"]) == ("SLOWED", "slow_down", True)
    due = {row[0]: row[1] for row in run(worker, "list_due_endpoints", FULL_LOOK)}
    assert 29_000 < due[endpoint.endpoint_id] <= 30_000
    assert due[neighbour.endpoint_id] <= 0
    assert claim(worker, endpoint)[1] == []
    assert len(claim(worker, neighbour)[1]) == 1
    clock.step(timedelta(seconds=31))
    assert shown(superuser, endpoint)["state"] == "FAILING"  # the slow-down is over
    token, tried = claim(worker, endpoint)
    assert (len(tried), claim(worker, endpoint)[1], in_flight(superuser, endpoint)) == (1, [], 1)
    finalize(worker, token, tried)
    assert (state(superuser, endpoint), in_flight(superuser, endpoint)) == (("HEALTHY", False, 0), 0)
    assert len(claim(worker, endpoint)[1]) == 4


def test_a_trial_that_is_answered_slowly_again_slows_the_endpoint_down_again(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, max_in_flight=2)
    add_executions(superuser, endpoint, 5)
    fail(worker, endpoint, slow_ms=30_000)
    first = datetime.fromisoformat(shown(superuser, endpoint)["until"])
    clock.step(timedelta(seconds=31))
    fail(worker, endpoint, slow_ms=30_000)
    assert datetime.fromisoformat(shown(superuser, endpoint)["until"]) - first >= timedelta(seconds=30)
    clock.step(timedelta(seconds=31))
    fail(worker, endpoint)  # an answer, and not a slow one
    assert (state(superuser, endpoint), in_flight(superuser, endpoint)) == (("FAILING", False, 3), 0)
    assert len(claim(worker, endpoint)[1]) == 2


def test_the_longest_of_several_slow_answers_holds_and_a_success_on_its_way_does_not_end_it(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 3)
    token, (first, second, third) = claim(worker, endpoint)
    finalize(worker, token, [first], "FAILED", slow_ms=60_000)
    until = shown(superuser, endpoint)["until"]
    finalize(worker, token, [second], "FAILED", slow_ms=5_000)
    finalize(worker, token, [third])
    health = shown(superuser, endpoint)
    assert (health["state"], health["until"], health["consecutive_failures"]) == ("SLOWED", until, 0)


def test_an_endpoint_that_is_gone_is_disabled_until_it_is_enabled_by_hand(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE)
    add_executions(superuser, endpoint, 3)
    token, (first, second) = claim(worker, endpoint, quota=2)
    finalize(worker, token, [first], "PERMANENT", is_gone=True)
    assert (shown(superuser, endpoint)["state"], shown(superuser, endpoint)["reason"]["code"]) == ("DISABLED", "gone")
    finalize(worker, token, [second])  # in progress when the other was answered: it proves nothing
    clock.step(timedelta(days=7))
    assert state(superuser, endpoint)[:2] == ("DISABLED", False)
    assert claim(worker, endpoint)[1] == []
    assert endpoint.endpoint_id not in {row[0] for row in run(worker, "list_due_endpoints", FULL_LOOK)}


def test_nothing_but_failures_for_as_long_and_as_often_as_the_rule_says_disables(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    without = add_endpoint(superuser, max_attempts=50)
    add_executions(superuser, endpoint)
    add_executions(superuser, without)
    for step in (timedelta(), 30 * MINUTE, 29 * MINUTE):
        clock.step(step)
        fail(worker, endpoint)
        fail(worker, without)
    assert state(superuser, endpoint) == ("FAILING", False, 3)  # often enough, but not yet for long enough
    clock.step(2 * MINUTE)
    fail(worker, endpoint)
    fail(worker, without)
    health = shown(superuser, endpoint)
    assert (health["state"], health["reason"]["code"], health["on_trial"]) == ("DISABLED", "failing", True)
    assert state(superuser, without) == ("FAILING", False, 4)


def test_a_success_between_them_begins_the_streak_anew(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint, 2)
    token, (good, bad) = claim(worker, endpoint)
    finalize(worker, token, [bad], "FAILED")
    clock.step(2 * HOUR)
    finalize(worker, token, [good])
    assert state(superuser, endpoint) == ("HEALTHY", False, 0)
    for _ in range(5):
        fail(worker, endpoint)
    assert state(superuser, endpoint) == ("FAILING", False, 5)


def test_few_failures_far_apart_disable_nothing(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE)
    add_executions(superuser, endpoint)
    fail(worker, endpoint)
    clock.step(timedelta(days=2))
    fail(worker, endpoint)
    assert state(superuser, endpoint) == ("FAILING", False, 2)


@pytest.mark.parametrize("kind", ["worker_stopped", "internal", "driver", "cancelled"])
def test_what_the_worker_or_a_cancellation_is_to_blame_for_is_no_failure_of_the_endpoint(
    superuser: psycopg.Connection, worker: psycopg.Connection, kind: str
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint)
    fail(worker, endpoint, errors=psycopg.types.json.Jsonb({"type": kind, "message": "…"}))
    assert (state(superuser, endpoint), shown(superuser, endpoint)["since"]) == (("HEALTHY", False, 0), None)


def test_what_an_older_version_met_is_not_held_against_the_present_one(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2)
    token, (first, second) = claim(worker, endpoint)
    superuser.execute("insert into kronos.endpoint_versions select endpoint_id, 2, workspace_id, spec, retry_policy,"
                      " timeout_ms, max_attempts, max_crashes from kronos.endpoint_versions where endpoint_id = %s",
                      [endpoint.endpoint_id])  # fmt: skip
    superuser.execute("update kronos.endpoints set version = 2 where endpoint_id = %s", [endpoint.endpoint_id])
    finalize(worker, token, [first], "PERMANENT", is_gone=True)
    finalize(worker, token, [second], "FAILED")
    assert state(superuser, endpoint) == ("HEALTHY", False, 0)


def test_what_is_no_failure_of_the_endpoint_disables_nothing_however_late_it_comes(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint)
    for _ in range(3):
        fail(worker, endpoint)
    clock.step(2 * HOUR)
    fail(worker, endpoint, errors=psycopg.types.json.Jsonb({"type": "worker_stopped", "message": "…"}))
    assert state(superuser, endpoint) == ("FAILING", False, 3)


def test_a_new_version_begins_the_streak_anew(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint)
    fail(worker, endpoint)
    fail(worker, endpoint)
    clock.step(2 * HOUR)
    superuser.execute("insert into kronos.endpoint_versions select endpoint_id, 2, workspace_id, spec, retry_policy,"
                      " timeout_ms, max_attempts, max_crashes, kronos.now() from kronos.endpoint_versions"
                      " where endpoint_id = %s", [endpoint.endpoint_id])  # fmt: skip
    superuser.execute("update kronos.endpoints set version = 2 where endpoint_id = %s", [endpoint.endpoint_id])
    superuser.execute(
        "update kronos.endpoint_gate set latest_version = 2 where endpoint_id = %s", [endpoint.endpoint_id]
    )
    fail(worker, endpoint)
    assert state(superuser, endpoint) == ("FAILING", False, 1)
    clock.step(HOUR)
    fail(worker, endpoint)
    fail(worker, endpoint)
    assert state(superuser, endpoint) == ("DISABLED", True, 3)


def test_what_a_slow_answer_asked_for_is_waited_for_by_the_first_try_as_well(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint)
    fail(worker, endpoint)
    fail(worker, endpoint)
    clock.step(HOUR)
    fail(worker, endpoint, slow_ms=3_600_000)
    assert state(superuser, endpoint) == ("DISABLED", True, 3)
    clock.step(59 * MINUTE)
    assert claim(worker, endpoint)[1] == []
    clock.step(2 * MINUTE)
    assert len(claim(worker, endpoint)[1]) == 1


def test_one_delivery_is_tried_each_probe_seconds_and_its_success_enables(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint, 3)
    disable(superuser, worker, clock, endpoint)
    assert claim(worker, endpoint)[1] == []
    clock.step(61 * timedelta(seconds=1))
    token, tried = claim(worker, endpoint)
    assert (len(tried), claim(worker, endpoint)[1]) == (1, [])
    finalize(worker, token, tried, "FAILED", retry=HOUR)
    assert (state(superuser, endpoint), claim(worker, endpoint)[1]) == (("DISABLED", True, 4), [])
    clock.step(61 * timedelta(seconds=1))
    token, tried = claim(worker, endpoint)
    finalize(worker, token, tried)
    assert (state(superuser, endpoint), in_flight(superuser, endpoint)) == (("HEALTHY", False, 0), 0)
    assert shown(superuser, endpoint)["last_success_at"] is not None
    assert len(claim(worker, endpoint)[1]) == 1


def test_a_worker_that_dies_as_it_tries_leaves_the_next_try_where_it_was(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50, max_crashes=9)
    add_executions(superuser, endpoint, 2)
    disable(superuser, worker, clock, endpoint)
    clock.step(61 * timedelta(seconds=1))
    _, tried = claim(worker, endpoint)
    end_leases(superuser, tried)
    clock.step(timedelta(seconds=1))
    assert expire(worker) == (1, 0)
    assert (in_flight(superuser, endpoint), claim(worker, endpoint)[1]) == (0, [])
    assert state(superuser, endpoint) == ("DISABLED", True, 3)
    clock.step(60 * timedelta(seconds=1))
    token, tried = claim(worker, endpoint)
    assert len(tried) == 1
    assert release(worker, token, tried) == tried  # unsent: the next worker's turn is a minute later, as before
    assert (in_flight(superuser, endpoint), claim(worker, endpoint)[1]) == (0, [])


def test_a_success_on_its_way_when_the_rule_disabled_enables(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy=RULE, max_attempts=50)
    add_executions(superuser, endpoint, 2)
    slow_token, slow = claim(worker, endpoint, quota=1)
    disable(superuser, worker, clock, endpoint)
    finalize(worker, slow_token, slow)
    assert state(superuser, endpoint) == ("HEALTHY", False, 0)


def test_a_failure_and_a_success_that_are_finalized_together_leave_a_whole_state(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """The one that is stored last decides. Slots are given back, and neither waits for the other forever."""
    endpoint = add_endpoint(superuser, retry_policy={**RULE, "disable_after_seconds": 1, "disable_after_attempts": 1})
    others = [add_endpoint(superuser, max_in_flight=50) for _ in range(3)]
    errors: list[BaseException] = []
    for each in [endpoint, *others]:
        add_executions(superuser, each, 40)
    gates = [endpoint, *others]

    def work(turn: int) -> None:
        try:
            with as_worker(database_url) as connection:
                for number in range(20):
                    token, claimed = claim(connection, *gates, quota=2)
                    bad = (number + turn) % 2 == 0
                    if bad:
                        finalize(connection, token, claimed, "FAILED", slow_ms=1)
                    else:
                        finalize(connection, token, claimed)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[turn]) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [in_flight(superuser, each) for each in gates] == [0, 0, 0, 0]
    wrong = "select count(*) from kronos.endpoint_health where is_watched <> (failures > 0 or state = 'SLOWED')"
    assert superuser.execute(wrong).fetchone() == (0,)


def test_an_endpoint_that_never_fails_has_no_row_and_its_gate_is_not_written(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint, limited = add_endpoint(superuser), add_endpoint(superuser, max_in_flight=3)
    add_executions(superuser, endpoint, 5)
    add_executions(superuser, limited, 3)
    for each in (endpoint, limited):
        token, claimed = claim(worker, each)
        finalize(worker, token, claimed)
    assert superuser.execute("select count(*) from kronos.endpoint_health").fetchone() == (0,)
    assert in_flight(superuser, limited) == 0
