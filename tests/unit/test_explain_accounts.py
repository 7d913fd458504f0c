"""What explain says about a tick that was skipped, missed or held back."""

from datetime import timedelta
from typing import Any

import pytest

from kronos.explain.explaining import explained
from kronos.explain.facts import Explanation, Facts, Step
from kronos.model import JsonObject
from unit.test_explain import NOW, TICK, facts

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
NEXT = TICK + _DAY
_FAULT: JsonObject = {"sqlstate": "KR001", "message": "cron field weekday: 9 is too large", "failed_at": None}
_PAUSED: JsonObject = {"code": "paused", "detail": "it was paused", "actor": "eve", "note": "audit",
                       "at": "2026-11-20T11:00:00Z", "until": "2026-11-21T00:00:00Z"}  # fmt: skip
_DISABLED: JsonObject = {"state": "DISABLED", "since": "2026-11-20T11:00:00+00:00"}
HEALTHY: JsonObject = {"state": "HEALTHY", "on_trial": False, "since": None, "until": None, "reason": None}
_UNREAD: JsonObject = {"local": "2026-11-20T12:05:00+00:00", "weekday": "Friday", "clock": None, "is_named": False,
                       "fields": {name: {"is": 5, "matches": name != "minute"} for name in ("minute", "hour", "month")}
                       | {"matches": False, "day_matches": True}, "texts": ["0", "12", "*", "*", "*"]}  # fmt: skip
"""How a schedule reads a minute in which it has no tick."""
COMING: dict[str, Any] = {"at": NEXT, "tick": NEXT, "next_tick_at": TICK}
"""A tick of tomorrow."""


def execution(status: str, created: timedelta = timedelta(), **known: Any) -> JsonObject:
    """An execution of the tick that was created so long after it."""
    made = (TICK + created).isoformat()
    usual = {"execution_id": "01938e2a", "created_at": made, "cause": "SCHEDULE", "status": status, "tick_count": 1,
             "scheduled_at": TICK.isoformat(), "completed_at": None, "due_at": TICK.isoformat(), "lease_until": None,
             "attempt_count": 0, "max_attempts": 3, "worker_id": None}  # fmt: skip
    return usual | known


def accounted(run: JsonObject, **known: Any) -> Facts:
    """A tick for which there is an execution."""
    usual: dict[str, Any] = {"next_tick_at": NEXT, "workspace": "acme", "endpoint": "hook", "in_flight": 0,
                             "worker_sessions": 1, "endpoint_health": HEALTHY, "is_group_served": True}  # fmt: skip
    return facts(run=run, **(usual | known))


def step_of(answer: Explanation, name: str) -> Step | None:
    return next((each for each in answer.steps if each.step == name), None)


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, "job_fault"),  # overdue, and stays so
        ({"tick": None, "next_tick_at": None, "reading": {"error": "9 is too large"}}, "job_fault"),
        ({"tick": None, "next_tick_at": None, "reading": {"next_tick": None, **_UNREAD}}, "job_fault"),
        ({"next_tick_at": NEXT, "tick": TICK}, "unaccounted"),
        ({"run": execution("SUCCESS"), "next_tick_at": NEXT}, "ran"),  # what ran has run, whatever the job is now
    ],
)
def test_a_job_whose_ticks_cannot_be_accounted_for_says_why_and_what_to_change(
    known: dict[str, Any], code: str
) -> None:
    answer = explained(facts(fault=_FAULT, **known))
    step = step_of(answer, "fault")
    detail = "the job's ticks cannot be accounted for: cron field weekday: 9 is too large"
    assert step == Step(step="fault", holds=False, detail=detail, evidence=_FAULT)
    assert answer.code == code
    if code == "job_fault":
        assert answer.decision == "ERROR"
        assert answer.because.endswith("9 is too large. Change its schedule or endpoint to create a valid version.")


def test_a_fault_does_not_hide_that_the_minute_has_no_tick() -> None:
    reading = {"next_tick": "2026-11-21T12:00:00Z", **_UNREAD}
    answer = explained(facts(fault=_FAULT, tick=None, next_tick_at=NEXT, reading=reading))
    assert answer.code == "no_tick_at_this_minute"


def test_a_run_by_hand_of_a_job_with_a_fault_is_explained_by_its_execution() -> None:
    by_hand = accounted(
        execution("SUCCESS", cause="MANUAL", completed_at=NOW.isoformat()),
        fault=_FAULT,
        tick=None,
        reading={"error": "no"},
    )
    assert explained(by_hand).decision == "RAN"


def test_a_one_shot_is_never_paused() -> None:
    answer = explained(facts(trigger="DELAYED", one_shot_at=TICK, tick=None, is_to_be_skipped=True))
    assert step_of(answer, "pause") is None


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        (_PAUSED, "The tick was skipped: it was paused, by eve, at 2026-11-20T11:00:00Z, until 2026-11-21T00:00:00Z "
                  "(audit)."),
        ({"code": "skip_next"}, "The tick was skipped: skip_next."),
        ({"code": "workspace_suspended", "detail": "acme was suspended", "count": 1}, "The tick was skipped: acme was "
                                                                                      "suspended."),
        ({"code": "endpoint_disabled", "detail": "hook was disabled", "count": 2, "first": "2026-11-20T12:00:00Z",
          "last": "2026-11-20T12:01:00Z"}, "The tick was skipped: hook was disabled; 2 ticks from 2026-11-20T12:00:00Z "
                                           "to 2026-11-20T12:01:00Z."),
        ({"code": "paused", "detail": "it was paused", "count": "many"}, "The tick was skipped: it was paused."),
    ],
)  # fmt: skip
def test_a_skipped_tick_has_the_reason_that_its_execution_recorded(reason: JsonObject, because: str) -> None:
    """And not the present one: the job runs again."""
    answer = explained(accounted(execution("SKIPPED", status_reason=reason)))
    assert (answer.decision, answer.code, answer.because) == ("SKIPPED", reason["code"], because)
    step = step_of(answer, "pause")
    assert step is not None
    assert (step.holds, step.evidence, f"The tick was skipped: {step.detail}.") == (False, reason, because)


@pytest.mark.parametrize("status", ["SUCCESS", "CANCELLED"])
def test_a_reason_to_skip_does_not_explain_an_execution_that_was_not_skipped(status: str) -> None:
    answer = explained(accounted(execution(status, status_reason=_PAUSED, completed_at=NOW.isoformat())))
    assert answer.decision != "SKIPPED"
    assert step_of(answer, "pause") == Step(
        step="pause", holds=True, detail="neither the job nor its workspace is halted", evidence=_present()
    )


def _present(**known: Any) -> JsonObject:
    usual = {"status": "ACTIVE", "status_reason": None, "resume_at": None, "workspace_status": "ACTIVE",
             "suspended_at": None, "skip_next": 0}  # fmt: skip
    return usual | known


def test_the_reason_of_a_status_is_shown_only_for_a_pause() -> None:
    for status, shown in (("PAUSED", _PAUSED), ("ACTIVE", None)):
        step = step_of(explained(facts(status=status, status_reason=_PAUSED)), "pause")
        assert step is not None
        assert (step.evidence, step.holds) == (_present(status=status, status_reason=shown), status == "ACTIVE")


@pytest.mark.parametrize(
    ("known", "code", "why"),
    [
        ({"status": "PAUSED"}, "paused", "the job was paused"),
        ({"status": "PAUSED", "status_reason": {"code": "paused", "note": "audit"}}, "paused",
         "the job was paused (audit)"),
        ({"status": "PAUSED", "resume_at": NEXT + _MINUTE}, "paused",
         "the job was paused; it resumes at 2026-11-21T12:01:00Z"),
        ({"workspace": "acme", "workspace_status": "SUSPENDED", "suspended_at": TICK}, "workspace_suspended",
         "the workspace acme has been SUSPENDED since 2026-11-20T12:00:00Z"),
        ({"endpoint": "hook", "on_disabled": "SKIP", "endpoint_health": _DISABLED}, "endpoint_disabled",
         "endpoint hook has been disabled since 2026-11-20T11:00:00Z, and ticks are skipped while it is (on_disabled)"),
        ({"is_to_be_skipped": True, "skip_next": 3}, "skip_next",
         "it is one of the next 3 ticks, which skip_next skips"),
    ],
)  # fmt: skip
def test_a_coming_tick_will_be_skipped_for_what_halts_it_now(known: dict[str, Any], code: str, why: str) -> None:
    answer = explained(facts(**COMING, **known))
    assert (answer.decision, answer.code) == ("WILL_BE_SKIPPED", code)
    assert answer.because == f"The tick will be skipped: {why}."


@pytest.mark.parametrize(
    "known",
    [
        {"status": "PAUSED", "resume_at": NEXT},
        {"status": "PAUSED", "resume_at": NEXT - _MINUTE},
        {"on_disabled": "SKIP", "endpoint_health": HEALTHY},
        {"on_disabled": "QUEUE", "endpoint_health": _DISABLED},
    ],
    ids=["a pause that ends with the tick", "a pause that ends before", "a healthy endpoint", "one that queues"],
)
def test_a_coming_tick_is_not_skipped_for_what_will_not_halt_it(known: dict[str, Any]) -> None:
    answer = explained(facts(**COMING, **known))
    assert (answer.decision, step_of(answer, "pause")) != ("WILL_BE_SKIPPED", None)
    assert [each.holds for each in answer.steps if each.step == "pause"] == [True]


def test_a_pause_that_ends_halts_where_the_minute_has_no_tick() -> None:
    answer = explained(facts(status="PAUSED", resume_at=NOW + _DAY, tick=None, next_tick_at=NEXT, fault=_FAULT,
                             reading={"error": "unreadable"}))  # fmt: skip
    assert [each.holds for each in answer.steps if each.step == "pause"] == [False]


def test_an_overdue_tick_of_a_halted_job_does_not_run_but_one_to_skip_will_still_be_skipped() -> None:
    answer = explained(facts(status="PAUSED"))
    assert (answer.decision, answer.because) == ("SKIPPED", "The tick does not run: the job was paused.")
    answer = explained(facts(is_to_be_skipped=True, skip_next=1))
    assert (answer.decision, answer.code) == ("WILL_BE_SKIPPED", "skip_next")


def test_what_halts_the_job_now_does_not_explain_a_tick_that_was_accounted_for_before() -> None:
    ran = explained(accounted(execution("SUCCESS", completed_at=NOW.isoformat()), status="PAUSED"))
    assert (ran.decision, [each.holds for each in ran.steps if each.step == "pause"]) == ("RAN", [False])
    gone = explained(facts(status="PAUSED", next_tick_at=NEXT))
    assert gone.decision != "SKIPPED"


def test_a_workspace_that_is_active_again_is_named_as_it_was_at_the_tick() -> None:
    around = [TICK - _MINUTE, TICK + _MINUTE]
    answer = explained(facts(workspace="acme", turns=around))
    assert answer.because == "The tick does not run: the workspace acme was suspended."


def test_a_tick_whose_job_follows_its_workspace_later_waits_for_its_turn() -> None:
    answer = explained(facts(workspace_status="SUSPENDED", suspended_at=TICK + _MINUTE, turns=[TICK + _MINUTE]))
    assert answer.because == (
        "The tick will be accounted for in its turn, under the workspace's status at its time: the workspace was "
        "suspended or resumed at 2026-11-20T12:01:00Z, and this job has not followed yet."
    )
    assert [each.holds for each in answer.steps if each.step == "pause"] == [False]


@pytest.mark.parametrize(
    ("code", "status", "decision", "shown", "because"),
    [
        ("overlap", "SKIPPED", "SKIPPED", "overlap_skipped", "The tick was skipped under overlap QUEUE: two ran."),
        ("overlap_queue_full", "SKIPPED", "SKIPPED", "overlap_queue_full",
         "The tick was skipped under overlap QUEUE: two ran."),
        ("overlap_replaced", "CANCELLED", "CANCELLED", "overlap_replaced",
         "The tick's execution was ended under overlap QUEUE: two ran."),
    ],
)  # fmt: skip
def test_what_another_run_of_the_job_did_to_a_tick_is_named_by_its_overlap_policy(
    code: str, status: str, decision: str, shown: str, because: str
) -> None:
    reason: JsonObject = {"code": code, "detail": "two ran"}
    answer = explained(accounted(execution(status, status_reason=reason), overlap="QUEUE"))
    assert (answer.decision, answer.code, answer.because) == (decision, shown, because)
    assert step_of(answer, "overlap") == Step(
        step="overlap", holds=False, detail="overlap QUEUE: two ran", evidence=reason
    )


def test_an_execution_that_waits_for_the_previous_run_says_so() -> None:
    answer = explained(accounted(execution("QUEUED", is_held=True), overlap="QUEUE"))
    detail = "overlap QUEUE: it waits until the previous run has ended"
    assert (answer.decision, answer.code) == ("WAITING", "overlap_held")
    assert answer.because == f"The execution is held back under {detail}."
    assert step_of(answer, "overlap") == Step(step="overlap", holds=False, detail=detail)


def test_that_no_other_run_blocked_a_tick_is_said_only_of_jobs_whose_overlap_policy_matters() -> None:
    run = execution("SUCCESS", completed_at=NOW.isoformat())
    step = step_of(explained(accounted(run, overlap="SKIP")), "overlap")
    assert step == Step(step="overlap", holds=True, detail="overlap SKIP: no other run blocked it")
    assert step_of(explained(accounted(run, overlap="ALLOW")), "overlap") is None
    assert step_of(explained(facts(overlap="SKIP")), "overlap") is None  # there is no execution yet


@pytest.mark.parametrize(
    ("reason", "why"), [({}, "it expired"), ({"detail": "its deadline came"}, "its deadline came")]
)
def test_an_execution_that_expired_is_a_missed_tick(reason: JsonObject, why: str) -> None:
    answer = explained(accounted(execution("EXPIRED", status_reason=reason)))
    assert (answer.decision, answer.code, answer.because) == ("MISSED", "expired", f"The execution expired: {why}.")
    assert step_of(answer, "missed") == Step(step="missed", holds=False, detail=why, evidence=reason)


_LATE = timedelta(minutes=10)
_WITHIN: JsonObject = {"policy": "ALL", "window_seconds": 600}


@pytest.mark.parametrize(
    ("reason", "known", "count", "code", "why"),
    [
        ({"policy": "SKIP", "window_seconds": 60}, {}, 1, "missed_policy", "catch_up SKIP delivers no missed ticks"),
        ({"policy": "ALL", "window_seconds": 599}, {}, 1, "missed_outside_window",
         "catch_up's window of 599 s had passed"),
        ({"policy": "LATEST", "window_seconds": 600}, {}, 3, "missed_policy",
         "catch_up LATEST delivers the newest of the missed ticks, and this was not the newest"),
        ({}, {"catch_up_policy": "SKIP", "catch_up_window_seconds": 3600}, 1, "missed_policy",
         "catch_up SKIP delivers no missed ticks"),
        ({}, {"catch_up_policy": "ALL", "catch_up_window_seconds": 300}, 1, "missed_outside_window",
         "catch_up's window of 300 s had passed"),
        ({"policy": "ALL", "window_seconds": "long"}, {"catch_up_window_seconds": 300}, 1, "missed_outside_window",
         "catch_up's window of 300 s had passed"),
    ],
)  # fmt: skip
def test_a_missed_tick_says_how_late_it_was_and_by_which_rule_it_was_not_delivered(
    reason: JsonObject, known: dict[str, Any], count: int, code: str, why: str
) -> None:
    """By the terms that its row recorded, and by the job's present ones only where it recorded none."""
    run = execution("MISSED", _LATE, status_reason=reason, tick_count=count)
    answer = explained(accounted(run, **known))
    counted = f", one of {count} in a row" if count > 1 else ""
    assert (answer.decision, answer.code) == ("MISSED", code)
    assert answer.because == (
        f"The tick was missed: it was not accounted for until 2026-11-20T12:10:00Z, 10 min late, and {why}."
    )
    assert step_of(answer, "missed") == Step(
        step="missed",
        holds=False,
        detail=f"accounted for 10 min after its time{counted}; {why}",
        evidence={"late_seconds": 600.0, **reason},
    )


def test_two_missed_ticks_in_a_row_are_counted() -> None:
    step = step_of(explained(accounted(execution("MISSED", _LATE, status_reason=_WITHIN, tick_count=2))), "missed")
    assert step is not None
    assert ", one of 2 in a row; " in step.detail


def test_a_tick_that_its_calendar_moved_is_late_counted_from_its_new_time() -> None:
    moved = {"code": "rolled", "detail": "a holiday", "run_at": (TICK + _MINUTE).isoformat(),
             "due_at": (TICK + 9 * _MINUTE).isoformat()}  # fmt: skip
    run = execution("MISSED", _LATE, status_reason={"policy": "SKIP"})
    assert "12:10:00Z, 60 s late, and" in explained(accounted(run, closure=moved)).because


def test_a_tick_that_was_caught_up_is_delivered_and_says_how_late() -> None:
    run = execution("SUCCESS", _LATE, cause="CATCH_UP", completed_at=NOW.isoformat())
    answer = explained(accounted(run, catch_up_policy="LATEST"))
    assert (answer.decision, answer.code) == ("RAN", "ran")
    assert step_of(answer, "missed") == Step(
        step="missed",
        holds=True,
        detail="accounted for 10 min after its time, and delivered under catch_up LATEST",
        evidence={"late_seconds": 600.0},
    )
    assert step_of(explained(accounted(execution("SUCCESS", completed_at=NOW.isoformat()))), "missed") is None


def test_a_run_that_belongs_to_no_tick_is_never_late() -> None:
    run = execution("SUCCESS", _LATE, cause="CATCH_UP", completed_at=NOW.isoformat())
    assert step_of(explained(accounted(run, tick=None, reading={"error": "not asked for here"})), "missed") is None
