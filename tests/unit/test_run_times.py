"""A run's timeline, and its last request as a command to send it again."""

import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from kronos.dashboard.run_times import curl, spans
from kronos.model import Attempt, Execution, JsonObject

DUE = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RUN, JOB = UUID(int=1), UUID(int=2)


def a_run(**known: Any) -> Execution:
    """An execution that was due at 12:00."""
    usual: dict[str, Any] = {
        "execution_id": RUN, "job_id": JOB, "job_name": "report", "workspace": "acme", "endpoint": "hook",
        "endpoint_type": "HTTP", "cause": "SCHEDULE", "status": "SUCCESS", "status_reason": None, "scheduled_at": DUE,
        "run_at": DUE, "started_at": None, "completed_at": None, "duration_ms": None, "attempt_count": 1,
        "max_attempts": 3, "tick_count": 1, "input": {"team": "sales"}, "output": None, "error": None,
        "worker_id": None, "created_at": DUE, "created_by": None, "caused_by": None, "callbacks": [],
    }  # fmt: skip
    return Execution(**usual | known)


def an_attempt(number: int, begins: int, ends: int | None, status: str = "FAILED", **known: Any) -> Attempt:
    """An attempt from one second after the run was due to another."""
    usual: dict[str, Any] = {
        "attempt_number": number, "status": status, "started_at": DUE + begins * SECOND,
        "completed_at": None if ends is None else DUE + ends * SECOND, "duration_ms": None, "request": None,
        "response": None, "error": None, "worker_id": "w-1", "endpoint_version": 1,
    }  # fmt: skip
    return Attempt(**usual | known)


def told(run: Execution, attempts: list[Attempt], now: int) -> list[tuple[str, str, float]]:
    """The phases: text, kind and seconds."""
    return [(each.what, each.kind, each.seconds) for each in spans(run, attempts, DUE + now * SECOND)]


def test_a_run_of_two_attempts_is_shown_from_when_it_was_due() -> None:
    attempts = [an_attempt(1, 2, 5, "TIMED_OUT"), an_attempt(2, 9, 10, "SUCCESS")]
    assert told(a_run(completed_at=DUE + 10 * SECOND), attempts, 60) == [
        ("waited", "wait", 2),
        ("attempt 1: timed out", "bad", 3),
        ("waited for its retry", "wait", 4),
        ("attempt 2: success", "good", 1),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("SUCCESS", "good"), ("RUNNING", "busy"), ("FAILED", "bad"), ("TIMED_OUT", "bad"), ("LOST", "bad"),
     ("UNKNOWN", "warn"), ("CANCELLED", "calm")],
)  # fmt: skip
def test_the_color_of_an_attempt_says_how_it_ended(status: str, kind: str) -> None:
    assert told(a_run(), [an_attempt(1, 0, 1, status)], 60)[-1][1] == kind


def test_a_run_waits_from_its_creation_where_that_was_after_its_time() -> None:
    created = DUE + 90 * SECOND
    assert told(a_run(created_at=created), [an_attempt(1, 92, 93)], 100)[0] == ("waited", "wait", 2)
    early = a_run(created_at=DUE - timedelta(days=1))
    assert told(early, [an_attempt(1, 2, 3)], 100)[0] == ("waited", "wait", 2)


def test_a_clock_that_was_set_back_makes_no_phase_of_negative_length() -> None:
    assert told(a_run(created_at=DUE + 9 * SECOND), [an_attempt(1, 2, 3)], 100)[0] == ("waited", "wait", 0)
    attempts = [an_attempt(1, 2, 1), an_attempt(2, 4, 5)]
    assert [each[0] for each in told(a_run(), attempts, 100)] == [
        "waited", "waited for its retry", "attempt 2: failed",
    ]  # fmt: skip
    assert all(each.width > 0 and each.seconds >= 0 for each in spans(a_run(), attempts, DUE))


def test_an_attempt_that_runs_goes_on_until_now() -> None:
    running = an_attempt(1, 1, None, "RUNNING")
    assert told(a_run(status="RUNNING"), [running], 4) == [
        ("waited", "wait", 1), ("attempt 1: running", "busy", 3),
    ]  # fmt: skip
    last = spans(a_run(status="RUNNING"), [running], DUE + 4 * SECOND)[-1]
    assert (last.ended_at, last.x, last.width) == (None, 250, 750)


def test_a_retry_to_come_is_shown_up_to_when_it_is_due() -> None:
    retrying = a_run(status="RETRYING", run_at=DUE + 30 * SECOND)
    assert told(retrying, [an_attempt(1, 1, 2)], 5)[-1] == ("waiting for its retry", "wait", 28)
    overdue = a_run(status="RETRYING", run_at=DUE)
    assert told(overdue, [an_attempt(1, 1, 2)], 5)[-1] == ("waiting for its retry", "wait", 0)
    assert told(a_run(status="FAILED", run_at=DUE + 30 * SECOND), [an_attempt(1, 1, 2)], 5)[-1][0] == (
        "attempt 1: failed"
    )


def test_a_run_without_an_attempt_says_what_it_waits_for() -> None:
    coming = a_run(status="PENDING", created_at=DUE - 60 * SECOND)
    assert told(coming, [], 0) == [("not due yet", "calm", 60)]
    assert told(a_run(status="QUEUED"), [], 7) == [("waiting for a worker", "wait", 7)]
    reason = {"code": "waiting", "detail": "endpoint hook is disabled: it was disabled by hand"}
    assert told(a_run(status="QUEUED", status_reason=reason), [], 7) == [("waiting", "wait", 7)]
    assert told(a_run(status="SKIPPED", completed_at=DUE), [], 7) == []


def test_the_chart_is_a_thousand_wide_and_each_phase_can_be_seen() -> None:
    attempts = [an_attempt(1, 0, 0), an_attempt(2, 1000, 1000, "SUCCESS")]
    found = spans(a_run(), attempts, DUE)
    assert [(each.x, each.width) for each in found] == [(0, 4), (0, 4), (0, 1000), (996, 4)]
    assert all(each.x + each.width <= 1000 for each in found)
    assert [(each.x, each.width) for each in spans(a_run(), [an_attempt(1, 0, 0)], DUE)] == [(0, 4), (0, 4)]


def sent(**request: Any) -> JsonObject:
    return {"method": "PUT", "url": "https://hook.example/a?b=c&d='e'", "headers": [], "body_bytes": 0} | request


def arguments(run: Execution, attempt: Attempt) -> list[str]:
    """The arguments of the command, as a shell would pass them."""
    written = curl(run, attempt)
    assert written is not None
    return shlex.split(written.replace(" \\\n", " "))


def test_a_request_can_be_sent_again_from_a_shell() -> None:
    request = sent(headers=["Content-Type", "X-Team"], body_bytes=16)
    words = arguments(a_run(), an_attempt(3, 0, 1, request=request))
    assert words[:4] == ["curl", "-X", "PUT", "https://hook.example/a?b=c&d='e'"]
    assert words[-2:] == ["--data", '{"team":"sales"}']
    heads = [value for flag, value in pairwise(words) if flag == "-H"]
    assert heads == [
        "Content-Type: application/json", "X-Team: <X-Team>", f"webhook-id: {RUN}", f"idempotency-key: {RUN}",
        f"kronos-job-id: {JOB}", f"kronos-execution-id: {RUN}", "kronos-attempt: 3",
    ]  # fmt: skip


def test_what_curl_writes_itself_is_left_out_and_nothing_is_sent_twice() -> None:
    names = ["Host", "Content-Length", "connection", "Accept-Encoding", "webhook-id", "X-Team", "X-Team"]
    words = arguments(a_run(), an_attempt(1, 0, 1, request=sent(headers=names)))
    heads = [word.partition(":")[0].lower() for word in words[4:] if word != "-H"]
    assert heads == [
        "webhook-id",
        "x-team",
        "idempotency-key",
        "kronos-job-id",
        "kronos-execution-id",
        "kronos-attempt",
    ]


def test_a_request_without_a_body_has_none_and_one_without_a_method_is_a_post() -> None:
    assert "--data" not in arguments(a_run(), an_attempt(1, 0, 1, request=sent()))
    without = {"url": "https://hook.example/", "headers": None}
    assert arguments(a_run(), an_attempt(1, 0, 1, request=without))[1:4] == ["-X", "POST", "https://hook.example/"]


def test_a_text_of_the_input_cannot_leave_its_argument_nor_look_like_another() -> None:
    run = a_run(input={"a": "'; rm -rf /; '", "b": "\u202etxt"})
    words = arguments(run, an_attempt(1, 0, 1, request=sent(body_bytes=1)))
    assert words[-1] == '{"a":"\'; rm -rf /; \'","b":"\\u202etxt"}'


@pytest.mark.parametrize("request_", [None, "text", {}, {"topic": "t"}])
def test_what_was_not_sent_over_http_has_no_command(request_: Any) -> None:
    assert curl(a_run(), an_attempt(1, 0, 1, request=request_)) is None
    assert curl(a_run(endpoint_type="KAFKA"), an_attempt(1, 0, 1, request=sent())) is None
