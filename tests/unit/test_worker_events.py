"""The log lines of a worker: each situation writes its event at its level, with the facts that an operator needs, and
without the database's rows or a receiver's secrets."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from kronos.worker import attempt_log, main, results
from kronos.worker.aborts import Aborts
from kronos.worker.attempt import Leased, _unforeseen
from kronos.worker.claims import Claim, Upkeep
from kronos.worker.finalizer import Finalizer
from kronos.worker.link import Outage
from kronos.worker.listener import Listener
from kronos.worker.loop import Loop
from kronos.worker.results import Judged, Result, Verdict
from kronos.worker.upkeep import Keeper
from kronos.worker.vault import Needs, Vault
from kronos.worker.wake import Wake
from kronos.worker.watchdog import Watchdog
from told import all_told, told

_JOB, _WORKSPACE, _ENDPOINT = (str(UUID(int=number)) for number in (1, 2, 3))
_SECRET = "canary-of-a-row"
_AT = datetime(2026, 1, 1, tzinfo=UTC)
Answer = Sequence[tuple[object, ...] | Upkeep] | Exception


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kronos")


class FakeLink:
    """A link whose statements have these results, one after the other. An exception is raised."""

    is_connected = True

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    async def rows(self, *_: object, **__: object) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rows_or_reason = texts = rows

    async def pause(self) -> None: ...

    async def close(self) -> None: ...


def link(*answers: Answer) -> Any:
    return FakeLink(*answers)


def leased(number: int = 7) -> Leased:
    claim = Claim(
        execution_id=str(UUID(int=number)),
        workspace_id=_WORKSPACE,
        job_id=_JOB,
        endpoint_id=_ENDPOINT,
        endpoint_version=1,
        attempt_count=2,
        max_attempts=5,
        scheduled_at=_AT,
        timeout_ms=1000,
        holds_slot=False,
        input=f'"{_SECRET}"',
        due_at=_AT,
    )
    return Leased(claim, token="a-claim-token", ends_at=0.0)


def result(number: int = 7, *, error: str | None = None, status: str = "FAILED", documents: bool = False) -> Result:
    document = f'{{"body": "{_SECRET}"}}' if documents else None
    return Result(
        execution_id=str(UUID(int=number)),
        claim_token="a-claim-token",
        status=status,
        is_retryable=True,
        retry_ms=1043,
        duration_ms=12,
        request=document,
        response=document,
        error=error,
    )


_ERROR = f'{{"type": "http_status", "message": "503 \\n{"x" * 300}", "body": "{_SECRET}"}}'


@pytest.mark.parametrize(
    ("verdict", "event", "level", "follows"),
    [
        ("SUCCESS", "attempt.succeeded", "DEBUG", "SUCCESS"),
        ("ALREADY", "attempt.succeeded", "DEBUG", "ALREADY"),
        ("RETRY", "attempt.retried", "INFO", "again in 1043 ms"),
        ("FAILED", "attempt.failed", "WARNING", "FAILED"),
        ("FENCED", "attempt.failed", "WARNING", "FENCED"),
        ("CANCELLED", "attempt.failed", "WARNING", "CANCELLED"),
        ("DROPPED", "attempt.failed", "WARNING", "DROPPED"),
    ],
)
def test_each_attempt_is_a_line_at_the_level_of_its_verdict(
    caplog: pytest.LogCaptureFixture, verdict: Verdict, event: str, level: str, follows: str
) -> None:
    attempt_log.tell(leased(), result(error=_ERROR), verdict)
    line = told(caplog, event)
    assert (line["level"], line["verdict"], line["status"], line["attempt"], line["milliseconds"]) == (
        level,
        verdict,
        "FAILED",
        2,
        12,
    )
    assert (line["execution_id"], line["job_id"]) == (str(UUID(int=7)), _JOB)
    assert (line["workspace"], line["endpoint_id"]) == (_WORKSPACE, _ENDPOINT)
    assert 'attempt 2 of 5: FAILED after 12 ms (http_status: "503 \\n' in line["message"]
    assert line["message"].endswith(f", {follows}")
    assert line["message"].count("x") < 250, "a receiver's text is cut off"
    assert _SECRET not in str(line)


@pytest.mark.parametrize("error", [None, "null", "[]", '"type"', "{}", '{"message": "without a type"}'])
def test_an_attempt_without_an_error_that_can_be_named_is_a_line_without_one(
    caplog: pytest.LogCaptureFixture, error: str | None
) -> None:
    attempt_log.tell(leased(), result(error=error), "FAILED")
    assert told(caplog, "attempt.failed")["message"].endswith("attempt 2 of 5: FAILED after 12 ms, FAILED")


def test_an_attempt_that_is_traced_names_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    traced = leased()
    traced.span = SimpleNamespace(trace_id="0af7651916cd43dd8448eb211c80319c")
    attempt_log.tell(traced, result(error=_ERROR), "FAILED")
    attempt_log.tell(leased(), result(error=_ERROR), "FAILED")
    first, second = all_told(caplog, "attempt.failed")
    assert (first["trace_id"], "trace_id" in second) == ("0af7651916cd43dd8448eb211c80319c", False)


def test_successes_are_logged_only_at_the_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    assert attempt_log.is_all_told()
    caplog.set_level(logging.INFO, "kronos")
    assert not attempt_log.is_all_told()


_REFUSALS: dict[str, tuple[Callable[[], Exception], str]] = {
    "data": (lambda: psycopg.errors.UntranslatableCharacter(_SECRET), "UntranslatableCharacter"),
    "integrity": (lambda: psycopg.errors.CheckViolation(_SECRET), "CheckViolation"),
    "unicode": (lambda: UnicodeEncodeError("utf-8", _SECRET, 0, 1, _SECRET), "UnicodeEncodeError"),
}


@pytest.mark.parametrize("case", _REFUSALS)
async def test_a_result_that_cannot_be_stored_is_stored_bare_and_then_dropped(
    caplog: pytest.LogCaptureFixture, case: str
) -> None:
    refusal, name = _REFUSALS[case]
    one = result(documents=True)
    ended = await results.finalize(link(refusal(), [Judged(one.execution_id, "FAILED")]), [one], worker_id="w")
    assert ended == {one.execution_id: "FAILED"}
    bare = told(caplog, "result.bare")
    assert (bare["level"], bare["execution_id"]) == ("WARNING", one.execution_id)
    assert bare["message"] == f"execution {one.execution_id}: the result is stored without its documents ({name})"
    assert all_told(caplog, "result.dropped") == []

    caplog.clear()
    ended = await results.finalize(link(refusal(), refusal()), [one], worker_id="w")
    assert ended == {one.execution_id: "DROPPED"}
    dropped = told(caplog, "result.dropped")
    assert (dropped["level"], dropped["execution_id"]) == ("ERROR", one.execution_id)
    assert f"the result cannot be stored ({name}); its lease will expire" in dropped["message"]
    assert _SECRET not in str((bare, dropped))


async def test_results_are_sent_again_when_postgresql_did_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    one = result()
    lost = psycopg.OperationalError("the connection was lost")
    assert await results.finalize(link(lost, [Judged(one.execution_id, "RETRY")]), [one], worker_id="w") == {
        one.execution_id: "RETRY"
    }
    line = told(caplog, "results.again")
    assert (line["level"], line["message"]) == ("DEBUG", "1 results are sent again: the connection was lost")


async def test_results_of_locked_rows_are_named_and_the_others_are_stored(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    locked, free = result(7), result(8)
    answers: list[Answer] = [
        psycopg.errors.LockNotAvailable("locked"),
        [results.Locked(locked.execution_id)],
        [Judged(free.execution_id, "FAILED")],
    ]
    finalizer = Finalizer(link(*answers), "w", lambda batch: ended.extend(each[2] for each in batch))
    finalizer.put(leased(7), locked)
    finalizer.put(leased(8), free)
    await finalizer._store()
    assert ended == ["FAILED"]
    line = told(caplog, "results.locked")
    assert line["level"] == "WARNING"
    assert line["message"].startswith("1 results cannot be stored while another session holds locks")
    assert locked.execution_id in line["message"]
    assert free.execution_id not in line["message"]
    assert "pg_locks" in line["message"]


@pytest.mark.parametrize(
    ("answer", "event", "level", "message"),
    [
        ([Judged("x", "x")], "claims.given_back", "INFO", "1 of 2 unsent claims were given back"),
        (
            psycopg.OperationalError(_SECRET),
            "claims.left",
            "WARNING",
            "2 unsent claims could not be given back and wait for their leases to end: OperationalError",
        ),
    ],
)
async def test_claims_that_were_not_sent_are_given_back_or_left(
    caplog: pytest.LogCaptureFixture, answer: Answer, event: str, level: str, message: str
) -> None:
    finalizer = Finalizer(link(answer), "w", lambda _: None)
    for number in (7, 8):
        finalizer.give_back(leased(number))
    await finalizer._give_back()
    line = told(caplog, event)
    assert (line["level"], line["message"]) == (level, message)


def _kept(requeued: int, failed: int) -> Upkeep:
    return Upkeep(requeued=requeued, failed=failed, released=0, backfilled=None)


async def test_a_worker_that_is_gone_is_told_of_by_what_its_leases_held(caplog: pytest.LogCaptureFixture) -> None:
    await Keeper(link([_kept(3, 1)]), SimpleNamespace(within=None), None).keep(1.0, is_full=True)  # type: ignore[arg-type]
    line = told(caplog, "leases.ended")
    assert (line["level"], line["message"]) == (
        "WARNING",
        "leases of lost attempts ended: 3 executions are due again, 1 failed",
    )
    await Keeper(link([_kept(0, 0)]), SimpleNamespace(within=None), None).keep(1.0, is_full=True)  # type: ignore[arg-type]
    assert len(all_told(caplog, "leases.ended")) == 1, "no news is no line"


async def test_upkeep_that_fails_is_told_of_and_so_are_leases_that_nobody_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two lines: the second says that dead workers' executions wait, too."""
    broken = [psycopg.errors.RaiseException(f"part {number} is broken") for number in (1, 2)]
    await Keeper(link(*broken), SimpleNamespace(), None).keep(1.0, is_full=True)  # type: ignore[arg-type]
    upkeep, leases = told(caplog, "upkeep.failed"), told(caplog, "leases.not_seen_to")
    assert (upkeep["level"], leases["level"]) == ("WARNING", "WARNING")
    assert upkeep["message"] == (
        "upkeep failed: this worker cannot process deadlines, backfills and held executions: part 1 is broken"
    )
    assert leases["message"] == "this worker cannot end leases of lost attempts: part 2 is broken"


async def test_a_cancelled_delivery_is_told_of_by_its_execution(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, other = leased(7), leased(8)
    aborted: list[Leased] = []
    monkeypatch.setattr("kronos.worker.aborts.abort", aborted.append)

    async def unwanted(*_: object) -> set[tuple[str, str]]:
        return {(wanted.claim.execution_id, wanted.token)}

    monkeypatch.setattr("kronos.worker.claims.unwanted", unwanted)
    await Aborts(link(), {wanted, other}, lambda: None).end_among([wanted, other])
    line = told(caplog, "delivery.aborted")
    assert aborted == [wanted]
    assert (line["level"], line["execution_id"], line["job_id"]) == ("INFO", wanted.claim.execution_id, _JOB)


def test_an_error_of_our_own_in_an_attempt_is_told_of_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise ZeroDivisionError(_SECRET)

    try:
        breaks()
    except ZeroDivisionError as error:
        outcome = _unforeseen(leased(), error)
    line = told(caplog, "delivery.unforeseen")
    assert (line["level"], line["execution_id"], line["job_id"]) == ("ERROR", str(UUID(int=7)), _JOB)
    assert "failed with ZeroDivisionError inside Kronos" in line["message"]
    assert "test_worker_events.py" in line["message"], "the trace"
    assert _SECRET not in str((line, outcome))


async def test_an_internal_job_that_failed_in_pg_crons_place_is_named(caplog: pytest.LogCaptureFixture) -> None:
    failing, next_one = UUID(int=5), UUID(int=6)
    tasks = link(psycopg.errors.RaiseException("the reaper is broken"), [])
    await Watchdog(tasks)._run([failing, next_one])
    line = told(caplog, "internal_job.failed")
    assert (line["level"], line["job_id"]) == ("WARNING", str(failing))
    assert line["message"] == f"internal job {failing} failed in pg_cron's place: the reaper is broken"
    assert tasks.answers == [], "the next one is run"


async def test_a_secret_that_cannot_be_opened_is_named_once_a_minute_without_its_value(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("kronos.worker.vault.time", SimpleNamespace(monotonic=lambda: now[0]))
    vault, wanted = Vault(), {(_ENDPOINT, 1): Needs(workspace_id=_WORKSPACE, names=("token",), signing=())}
    for at in (1000.0, 1059.0, 1060.0):
        now[0] = at
        (opened,) = (await vault.open(link([]), wanted)).values()
        assert opened.fault is not None
    first, second = all_told(caplog, "secrets.unopened")
    assert first["level"] == "ERROR"
    fault = "the secret token cannot be used: it no longer exists; PUT it again, or change the endpoint"
    assert {first["message"], second["message"]} == {f"workspace {_WORKSPACE}: {fault}"}


def test_an_outage_is_told_of_once_for_all_links_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [10.0]
    monkeypatch.setattr("kronos.worker.link.time", SimpleNamespace(monotonic=lambda: now[0]))
    outage = Outage()
    for name, why in (("claim", "refused"), ("finalize", "refused"), ("claim", "refused"), ("claim", "starting up")):
        outage.begins(name, why)
    assert [each["message"] for each in all_told(caplog, "postgresql.away")] == [
        "PostgreSQL is unavailable (claim): refused; retrying",
        "PostgreSQL is unavailable (claim): starting up; retrying",
    ]
    now[0] = 12.5
    outage.ends("claim")
    assert all_told(caplog, "postgresql.back") == [], "one link is still down"
    outage.ends("finalize")
    outage.ends("finalize")
    line = told(caplog, "postgresql.back")
    assert (line["level"], line["message"]) == ("INFO", "PostgreSQL is available again after 2.5 s")


async def test_results_that_postgresql_does_not_store_in_time_are_left_and_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "_STORING", timedelta())

    async def never_ends() -> None:
        await asyncio.Event().wait()

    async def ends() -> None: ...

    async def drain(_: timedelta) -> int:
        return 0

    finalizer = SimpleNamespace(run=never_ends, close=lambda: None)
    loop: Any = SimpleNamespace(run=ends, stop=lambda: None, drain=drain, finalizer=finalizer)
    stops: Any = asyncio.Event()
    stops.set()
    listener: Any = SimpleNamespace(run=never_ends)
    await main._work(loop, listener, stops, timedelta())
    line = told(caplog, "results.not_stored")
    assert (line["level"], line["message"]) == (
        "WARNING",
        "PostgreSQL did not store the last results within 0.0 s: their leases will expire",
    )
    assert all_told(caplog, "worker.cut_off") == []


async def test_a_claim_whose_answer_is_lost_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    """Lines for debugging: the worker goes on by itself."""
    lost, found = psycopg.OperationalError("the connection was lost"), [leased().claim]
    loop = Loop.__new__(Loop)
    loop._is_stopping = False
    loop._link = link(lost, found)
    assert await loop._recovered([], str(UUID(int=9))) == found
    line = told(caplog, "claim.unknown")
    assert (line["level"], line["message"].endswith("still not known: the connection was lost")) == ("DEBUG", True)
    assert await results.locked(link(lost), [result()]) == set()
    assert told(caplog, "worker.read_failed")["message"] == "reading locks failed: the connection was lost"


async def test_a_listening_connection_that_ends_is_told_of_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    connections = [psycopg.OperationalError("the connection was lost"), ZeroDivisionError("the end of this test")]

    class Listening(FakeLink):
        async def connected(self) -> Any:
            raise connections.pop(0)

    listening: Any = Listening()
    watchdog: Any = FakeLink()
    with pytest.raises(ZeroDivisionError):
        await Listener(listening, Wake(1.0), watchdog).run()
    line = told(caplog, "worker.listening_ended")
    assert (line["level"], line["message"]) == ("DEBUG", "listening ended: the connection was lost")
