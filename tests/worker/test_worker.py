"""A real worker process against real receivers: what it delivers, what it retries, how it stops."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from delivery.servers import Receiver, Talk, answer, huge_body, once, silent
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, in_flight, is_idle, status_of
from looking import starved
from worker.running import Worker, until

BEFORE_A_POLL = 55  # seconds, where the worker polls once in 60


async def test_a_notify_wakes_a_worker_long_before_it_polls(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        worker = start(poll_seconds=60)
        await worker.started()
        await until(lambda: _is_listening(superuser), "the worker to listen")
        latencies = [float(BEFORE_A_POLL)]
        while min(latencies) >= 0.5:
            number = len(latencies)
            assert number <= 100, "a few ms each on a quiet machine; a busy one delays many of them, but not all"
            started = time.monotonic()
            add_executions(superuser, add_endpoint(superuser, url=receiver.url), is_told=True)
            await until(
                lambda: len(receiver.requests) == number,  # noqa: B023 awaited here
                "the delivery",
                seconds=BEFORE_A_POLL,
            )
            latencies.append(time.monotonic() - started)


def _is_listening(superuser: psycopg.Connection) -> bool:
    rows = superuser.execute(
        "select query from pg_stat_activity where application_name = 'kronos-worker-listen' and query ~ 'select "
        "1|ring_if_silent'"
    )
    return rows.fetchone() is not None


async def test_a_worker_goes_on_with_a_new_session_when_a_zones_rules_have_changed(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    """A session caches a time zone's rules; the session that rings instead of pg_cron reads schedules."""
    worker = start(poll_seconds=60)
    await worker.started()
    await until(lambda: _is_listening(superuser), "the worker to listen")
    of_listener = "select pid from pg_stat_activity where application_name = 'kronos-worker-listen'"
    before = superuser.execute(of_listener).fetchall()
    superuser.execute("select pg_notify('kronos_zones', '')")
    await until(lambda: superuser.execute(of_listener).fetchall() not in (before, []), "the listener's new session")
    async with Receiver(answer(), keep=True) as receiver:
        await until(lambda: _is_listening(superuser), "the worker to listen again")
        add_executions(superuser, add_endpoint(superuser, url=receiver.url), is_told=True)
        await until(lambda: len(receiver.requests) == 1, "the delivery", seconds=BEFORE_A_POLL)


async def test_what_nobody_announced_is_found_by_polling_and_a_due_time_by_a_timer(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    before = starved()
    async with Receiver(answer(), keep=True) as receiver:
        await start(poll_seconds=0.3).started()
        endpoint = add_endpoint(superuser, url=receiver.url)
        add_executions(superuser, endpoint)
        add_executions(superuser, endpoint, due_in_seconds=1.5)
        await until(lambda: len(receiver.requests) == 2, "both deliveries")
        await until(lambda: is_idle(superuser), "the end")
    row = superuser.execute(
        "select min(started_at - run_at) >= interval '0', max(started_at - run_at) from kronos.execution_done"
    ).fetchone()
    assert row is not None
    assert (row[0], row[1] < timedelta(seconds=10 + starved() - before)) == (True, True)


async def test_success_stores_request_and_response_and_repeats_keep_their_key(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async def fail_first(talk: Talk) -> None:
        status = "500 Oh" if len(receiver.requests) == 1 else "200 OK"
        await answer(b"done", status=status)(talk)

    async with Receiver(fail_first, keep=True) as receiver:
        endpoint = add_endpoint(
            superuser,
            url=receiver.url,
            spec={"body_template": {"id": "{{input.id}}"}, "headers": {"X-Id": "{{input.id}}"}},
        )
        (execution_id,) = add_executions(superuser, endpoint, input={"id": 12})
        start()
        await until(lambda: is_idle(superuser), "the end")
    assert [request.headers["idempotency-key"] for request in receiver.requests] == [str(execution_id)] * 2
    assert [request.headers["kronos-attempt"] for request in receiver.requests] == ["1", "2"]
    assert [(request.body, request.headers["x-id"]) for request in receiver.requests] == [(b'{"id":12}', "12")] * 2
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == (
        "SUCCESS",
        ["FAILED", "SUCCESS"],
    )
    output = superuser.execute(
        "select output ->> 'body', (output ->> 'status')::integer from kronos.execution_done"
    ).fetchone()
    assert output == ("done", 200)


@pytest.mark.parametrize(
    ("status", "attempts"),
    [("400 Bad", 1), ("404 Not Found", 1), ("422 No", 1), ("408 Slow", 3), ("429 Many", 3), ("503 Busy", 3)],
)
async def test_what_sending_again_cannot_help_is_sent_once(
    superuser: psycopg.Connection, start: Callable[..., Worker], status: str, attempts: int
) -> None:
    async with Receiver(answer(status=status), keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, max_attempts=3)
        (execution_id,) = add_executions(superuser, endpoint)
        start()
        await until(lambda: is_idle(superuser), "the end")
        assert len(receiver.requests) == attempts
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == (
        "FAILED",
        ["FAILED"] * attempts,
    )


async def test_retry_after_is_waited_out(superuser: psycopg.Connection, start: Callable[..., Worker]) -> None:
    async with Receiver(answer(status="429 Many", headers="Retry-After: 2\r\n"), keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, max_attempts=2)
        add_executions(superuser, endpoint)
        before = starved()
        start()
        await until(lambda: is_idle(superuser), "the end")
        assert len(receiver.requests) == 2
    row = superuser.execute("select max(started_at) - min(completed_at) from kronos.attempt").fetchone()
    assert row is not None
    assert timedelta(seconds=2) <= row[0] < timedelta(seconds=8 + starved() - before)


@pytest.mark.parametrize("is_date", [False, True], ids=["seconds", "date"])
async def test_a_slow_answer_keeps_every_other_execution_of_its_endpoint_off(
    superuser: psycopg.Connection, start: Callable[..., Worker], is_date: bool
) -> None:
    asked = (
        "Date: Sat, 28 Nov 2026 12:00:00 GMT\r\nRetry-After: Sat, 28 Nov 2026 12:10:00 GMT"
        if is_date
        else "Retry-After: 600"
    )
    async with (
        Receiver(answer(status="503 Busy", headers=f"{asked}\r\n"), keep=True) as receiver,
        Receiver(answer(), keep=True) as free,
    ):
        endpoint = add_endpoint(superuser, url=receiver.url, max_in_flight=1)
        neighbour = add_endpoint(superuser, url=free.url)
        add_executions(superuser, endpoint, 5)
        start()
        await until(lambda: _health(superuser, endpoint)["state"] == "SLOWED", "the endpoint to be slowed down")
        add_executions(superuser, neighbour, 20, is_told=True)
        await until(lambda: len(free.requests) == 20, "the neighbour's deliveries")
    assert len(receiver.requests) == 1
    health = _health(superuser, endpoint)
    off = datetime.fromisoformat(health["until"]) - datetime.fromisoformat(health["since"])
    assert off == timedelta(minutes=10)


async def test_410_disables_the_endpoint_and_what_waits_goes_on_once_it_is_enabled(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async def gone_first(talk: Talk) -> None:
        await answer(status="410 Gone" if len(receiver.requests) == 1 else "200 OK")(talk)

    async with Receiver(gone_first, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, max_in_flight=1)
        first, *others = add_executions(superuser, endpoint, 3)
        start()
        await until(lambda: _health(superuser, endpoint)["state"] == "DISABLED", "the endpoint to be disabled")
        assert (status_of(superuser, first), [status_of(superuser, each) for each in others]) == (
            "FAILED",
            ["QUEUED"] * 2,
        )
        superuser.execute(
            "select set_config('kronos.workspace_id', workspace_id::text, false), kronos.enable_endpoint(name)"
            "  from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id]
        )  # fmt: skip
        await until(lambda: is_idle(superuser), "the others")
    assert [status_of(superuser, each) for each in others] == ["SUCCESS"] * 2


async def test_what_was_sent_and_not_answered_is_sent_once_where_the_policy_says_so(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(silent, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, timeout_ms=200, retry_policy={"retry_unknown": False})
        (execution_id,) = add_executions(superuser, endpoint)
        start()
        await until(lambda: is_idle(superuser), "the end")
    assert (len(receiver.requests), attempts_of(superuser, execution_id)) == (1, ["TIMED_OUT"])
    reason = "select status_reason ->> 'code' from kronos.execution_done where execution_id = %s"
    assert superuser.execute(reason, [execution_id]).fetchone() == ("outcome_unknown",)


def _health(superuser: psycopg.Connection, endpoint: EndpointRow) -> dict[str, Any]:
    row = superuser.execute(
        "select health from kronos.endpoint_details where endpoint_id = %s", [endpoint.endpoint_id]
    ).fetchone()
    assert row is not None
    health: dict[str, Any] = row[0]
    return health


@pytest.mark.parametrize(
    ("policy", "granted"), [({}, 3600), ({"max_retry_after_seconds": 7200}, 7200), ({"max_retry_after_seconds": 0}, 0)]
)
async def test_of_a_long_retry_after_as_much_is_waited_as_the_endpoint_grants_and_the_attempt_says_so(
    superuser: psycopg.Connection, start: Callable[..., Worker], policy: dict[str, Any], granted: int
) -> None:
    async with Receiver(answer(status="503 Busy", headers="Retry-After: 86400\r\n"), keep=True) as receiver:
        (execution_id,) = add_executions(
            superuser, add_endpoint(superuser, url=receiver.url, max_attempts=2, retry_policy=policy)
        )
        start()
        await until(lambda: attempts_of(superuser, execution_id), "the attempt")
    row = superuser.execute(
        "select response -> 'retry_after' from kronos.attempt order by attempt_number limit 1"
    ).fetchone()
    assert row == ({"asked_seconds": 86_400, "granted_seconds": granted},)
    if granted:
        due = superuser.execute(
            "select live.visible_at - attempt.completed_at from kronos.execution_live as live, kronos.attempt"
        ).fetchone()
        assert due is not None
        assert timedelta(seconds=granted) <= due[0] < timedelta(seconds=granted + 60)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"spec": {"body_template": {"a": "{{input.missing}}"}}}, "input.missing"),
        ({"type": "KAFKA"}, "bootstrap_servers"),
        ({"spec": {"headers": {"X-A": 1}}}, "headers.X-A"),
        ({"spec": {"url": None}}, "url"),
        ({"retry_policy": {"backoff": "never"}}, "backoff"),
    ],
)
async def test_what_cannot_be_made_fails_at_once_and_is_reported(
    superuser: psycopg.Connection, start: Callable[..., Worker], definition: dict[str, Any], message: str
) -> None:
    (execution_id,) = add_executions(superuser, add_endpoint(superuser, **definition))
    start()
    await until(lambda: is_idle(superuser), "the end")
    error = superuser.execute("select error ->> 'type', error ->> 'message' from kronos.attempt").fetchone()
    assert error is not None
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id), error[0]) == (
        "FAILED",
        ["FAILED"],
        "template",
    )
    assert message in error[1]


async def test_content_of_any_kind_harms_nothing(superuser: psycopg.Connection, start: Callable[..., Worker]) -> None:
    nul = once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\0b\0c")
    broken = once(b"HTTP/1.1 200 OK\r\nX-A: \xff\xfe\r\nContent-Length: 4\r\n\r\n\xff\xfe\xed\xa0")
    async with (
        Receiver(nul) as with_nul,
        Receiver(broken) as with_bytes,
        Receiver(huge_body(50_000_000)) as huge,
        Receiver(silent) as never,
        Receiver(answer(), keep=True) as good,
    ):
        ids = {
            name: add_executions(
                superuser,
                add_endpoint(
                    superuser, url=receiver.url, timeout_ms=500 if receiver is never else 15_000, max_attempts=2
                ),
                5,
            )
            for name, receiver in {
                "nul": with_nul,
                "bytes": with_bytes,
                "huge": huge,
                "never": never,
                "good": good,
            }.items()
        }
        # Python can parse no such number: 5,000 digits, which jsonb stores.
        odd = add_executions(superuser, add_endpoint(superuser, url=good.url))
        superuser.execute(
            "update kronos.execution_live set input = jsonb_build_object('n', repeat('9', 5000)::numeric) where "
            "execution_id = %s",
            odd,
        )
        worker = start()
        await until(lambda: is_idle(superuser), "the end")
        assert worker.process.poll() is None
    statuses = {name: {status_of(superuser, one) for one in found} for name, found in ids.items()}
    assert statuses == {
        "nul": {"SUCCESS"},
        "bytes": {"SUCCESS"},
        "huge": {"SUCCESS"},
        "never": {"FAILED"},
        "good": {"SUCCESS"},
    }
    assert attempts_of(superuser, ids["never"][0]) == ["TIMED_OUT", "TIMED_OUT"]
    assert attempts_of(superuser, odd[0]) == ["FAILED"]
    row = superuser.execute("select max(pg_column_size(output)) from kronos.execution_done").fetchone()
    assert row is not None
    assert row[0] < 20_000


async def test_a_limit_holds_at_the_receiver_and_does_not_idle(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    now, peak = 0, 0

    async def slow(talk: Talk) -> None:
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        await asyncio.sleep(0.02)  # the receiver's own time
        now -= 1
        await answer()(talk)

    async with Receiver(slow, keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url, max_in_flight=2)
        add_executions(superuser, endpoint, 40)
        await start(poll_seconds=60).started()
        # 0.4 s of work: a freed slot was used without waiting for the poll
        await until(lambda: is_idle(superuser), "the end", seconds=BEFORE_A_POLL)
    assert (peak, in_flight(superuser, endpoint)) == (2, 0)
