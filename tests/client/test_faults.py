"""The client when the network or the server is faulty."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from client.both import client_of
from client.meeting import HTML, KEY, OK, READ, WORKSPACE, Meet, failing
from client.stub import Answering, Asked, answer, nothing, problem, relayed, stub
from conftest import Api, await_condition
from kronos.client import (
    AnswerInvalid,
    ApiError,
    ConnectionLost,
    InvalidRequest,
    KronosError,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from kronos.client._async import transport as of_tasks
from kronos.client._sync import transport as of_threads
from stopped_clock import StoppedClock


@pytest.mark.parametrize(
    "first",
    [
        nothing,
        lambda asked: answer(200, WORKSPACE)(asked)[:-20],
        lambda asked: (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + b'{"slug": "ac'
        ),
        lambda asked: b"HTTP/1.1 200 OK\r\nContent-Type: applica",
        lambda asked: b"\x15\x03\x01 what is no HTTP\r\n\r\n",
        HTML,
        answer(503, b"<html>", media_type="text/html"),
        answer(504, b""),
        problem(503, "database_unavailable"),
        problem(503, "outcome_unknown"),
        problem(429, "rate_limited", Retry_After="0"),
        problem(408, "request_timeout"),
        answer(408, b"<html>", media_type="text/html"),
    ],
    ids=[
        "gone",
        "short",
        "half-json",
        "half-head",
        "no-http",
        "html-502",
        "html-503",
        "504",
        "503",
        "unknown",
        "429",
        "408",
        "html-408",
    ],
)
def test_a_read_is_sent_again_whatever_became_of_it(meet: Meet, first: Answering) -> None:
    server, client = meet(first, OK)
    assert client.ask(*READ).slug == "acme"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answering", "kind_of_error", "is_unknown"),
    [
        (nothing, ConnectionLost, True),
        (lambda asked: answer(201, WORKSPACE)(asked)[:-20], ConnectionLost, True),
        (HTML, AnswerInvalid, True),
        (problem(503, "outcome_unknown"), OutcomeUnknown, True),
        (problem(500, "internal_error"), ServerFault, True),
        (answer(200, b"<html>welcome to the airport</html>", media_type="text/html"), AnswerInvalid, True),
        (answer(413, b"<html>", media_type="text/html"), AnswerInvalid, False),
        (answer(301, b"", Location="https://elsewhere/"), AnswerInvalid, False),
        (problem(422, "input_validation_failed"), InvalidRequest, False),
    ],
    ids=["gone", "half", "html-502", "unknown", "500", "portal", "413", "redirect", "422"],
)
def test_a_write_without_a_key_is_sent_once_where_it_may_have_been_done(
    meet: Meet, answering: Answering, kind_of_error: type[KronosError], is_unknown: bool
) -> None:
    server, client = meet(answering)
    error = failing(client, "workspaces.create", slug="acme")
    assert (type(error), error.is_outcome_unknown, len(server.asked)) == (kind_of_error, is_unknown, 1)


@pytest.mark.parametrize("refusal", [problem(429, "rate_limited"), problem(503, "overloaded")], ids=["429", "503"])
def test_a_write_without_a_key_is_sent_again_where_nothing_was_done(meet: Meet, refusal: Answering) -> None:
    server, client = meet(refusal, refusal, answer(201, WORKSPACE))
    assert client.ask("workspaces.create", slug="acme").slug == "acme"
    assert len(server.asked) == 3


@pytest.mark.parametrize("has_key", [True, False])
def test_a_job_whose_answer_is_lost_is_made_once(
    kind: str, meet: Meet, shared_api: Api, workspace: str, has_key: bool
) -> None:
    """With a key, which the client generates by default, the call is retried. Without one it is not, and the error says
    so."""
    api = str(shared_api.client.base_url).rstrip("/")
    server, client = meet(relayed(api, is_cut=True), relayed(api, is_cut=False), key=shared_api.key)
    wanted = dict(endpoint="sink", trigger="IMMEDIATE", input={"id": 7})
    if has_key:
        job = client.ask(f"{workspace}/jobs.create", **wanted)
        first, second = (asked.key for asked in server.asked)
        assert first == second == job.idempotency_key
    else:
        error = failing(client, f"{workspace}/jobs.create", **wanted, idempotency_key=None)
        assert (type(error), error.is_outcome_unknown, len(server.asked)) == (ConnectionLost, True, 1)
    made = shared_api.client.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]
    assert [each["input"] for each in made] == [{"id": 7}]


def test_a_batch_is_sent_again_with_the_keys_that_it_got(meet: Meet, shared_api: Api, workspace: str) -> None:
    api = str(shared_api.client.base_url).rstrip("/")
    _, client = meet(relayed(api, is_cut=True), relayed(api, is_cut=False), key=shared_api.key)
    jobs = [dict(endpoint="sink", trigger="IMMEDIATE", input={"id": number}) for number in range(3)]
    made = client.ask(f"{workspace}/jobs.batch", jobs=jobs).data
    assert [job.input["id"] for job in made] == [0, 1, 2]
    assert len(shared_api.client.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]) == 3


def test_what_was_done_before_its_answer_was_lost_is_told_apart(meet: Meet) -> None:
    """A DELETE is retried. A 404 may then be the result of the first try."""
    server, client = meet(nothing, problem(404, "endpoint_not_found"))
    error = failing(client, "acme/endpoints.delete", "hook")
    assert isinstance(error, NotFound)
    assert (error.may_be_done, len(server.asked)) == (True, 2)
    assert "the call itself may have caused this" in str(error)
    _, client = meet(problem(404, "endpoint_not_found"))
    error = failing(client, "acme/endpoints.delete", "hook")
    assert isinstance(error, NotFound)
    assert not error.may_be_done


@pytest.mark.parametrize(("if_match", "times"), [(3, 2), (None, 1)])
def test_a_patch_is_sent_again_under_a_condition_alone(meet: Meet, if_match: int | None, times: int) -> None:
    server, client = meet(nothing, problem(412, "precondition_failed"))
    error = failing(client, "acme/jobs.edit", "report", cron="0 9 * * *", if_match=if_match)
    assert (len(server.asked), error.is_outcome_unknown or getattr(error, "may_be_done", False)) == (times, True)
    assert server.asked[0].headers.get("if-match") == ('"3"' if if_match else None)


def test_ticks_are_not_skipped_twice(meet: Meet) -> None:
    server, client = meet(nothing)
    assert failing(client, "acme/jobs.skip_next", "report", count=1).is_outcome_unknown
    assert len(server.asked) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(meet: Meet, form: str) -> None:
    sent = datetime(2020, 1, 1, tzinfo=UTC)  # by the server's clock, whatever ours says
    at = format_datetime(sent + timedelta(seconds=1), usegmt=True)
    told = {"Retry_After": "1" if form == "seconds" else at, "Date": format_datetime(sent, usegmt=True)}
    refusal = problem(429, "rate_limited", **told)
    server, client = meet(refusal, OK)
    began = time.monotonic()
    assert client.ask(*READ).slug == "acme"
    assert time.monotonic() - began >= 0.9
    assert len(server.asked) == 2


def test_what_would_be_waited_for_past_the_deadline_is_not_waited_for(meet: Meet) -> None:
    server, client = meet(problem(429, "quota_exceeded", Retry_After="3600"))
    error = failing(client, *READ)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, len(server.asked)) == (3600, 1)


def test_it_ends_after_its_tries_with_the_last_error(meet: Meet) -> None:
    server, client = meet(problem(503, "overloaded"), tries=3)
    error = failing(client, *READ)
    assert isinstance(error, Unavailable)
    assert (error.code, error.request_id, len(server.asked)) == ("overloaded", "r-1", 3)


def test_an_error_says_where_what_and_what_to_do(meet: Meet) -> None:
    fault = {"pointer": "/cron", "detail": "six fields", "hint": "five fields, or every"}
    _, client = meet(problem(422, "cron_expression_invalid", errors=[fault, {"pointer": "/name", "detail": "taken"}]))
    error = failing(client, "acme/jobs.create", endpoint="a", trigger="CRON", cron="* * * * * *")
    assert isinstance(error, InvalidRequest)
    assert (error.status, error.code, error.pointers, error.hint, error.request_id) == (
        422,
        "cron_expression_invalid",
        ("/cron", "/name"),
        "five fields, or every",
        "r-1",
    )
    assert "/cron: six fields (five fields, or every)" in str(error)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["body", "head", "heads"],
)
def test_an_answer_that_trickles_ends_at_the_deadline(meet: Meet, head: bytes, part: bytes) -> None:
    """Each byte is in time, the whole answer is not."""
    trickling = threading.Event()

    def trickle(asked: Asked) -> Iterator[bytes]:
        yield head
        for _ in range(1200):  # a minute, for a client that waited for all of it
            if trickling.wait(0.05):
                return
            yield part

    server, client = meet(trickle, deadline=0.5)
    error = failing(client, *READ)
    assert not trickling.is_set()
    trickling.set()
    assert isinstance(error, TimedOut)
    await_condition(lambda: server.asked, "the server to read what was sent to it")
    assert len(server.asked) == 1


def test_silence_ends_a_try_and_not_the_call(meet: Meet) -> None:
    """A busy machine has more time for a try: there, the second one's answer may take as long, too."""
    over = threading.Event()

    def silent(asked: Asked) -> Iterator[bytes]:
        over.wait(300)
        yield b""

    for timeout in (0.3, 3.0, 30.0):
        server, client = meet(silent, OK, timeout=timeout)
        assert client.ask(*READ).slug == "acme"
        if len(server.asked) == 2:
            break
    over.set()
    assert len(server.asked) == 2


def test_an_answer_without_end_is_not_held(meet: Meet) -> None:
    def endless(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
        while True:
            yield b"1," * 32768

    server, client = meet(endless, max_answer_bytes=1_000_000)
    error = failing(client, *READ)
    assert isinstance(error, AnswerInvalid)
    assert "max_answer_bytes" in str(error)
    assert len(server.asked) == 1


def test_what_is_not_reached_was_not_sent(kind: str) -> None:
    with stub(OK) as server:
        url = server.url
    with client_of(kind, url, KEY, tries=2, first_pause=0.001) as client:
        error = failing(client, "workspaces.create", slug="acme")
    assert isinstance(error, NotConnected)
    assert not error.is_outcome_unknown


def test_a_page_that_repeats_a_key_shows_none(meet: Meet) -> None:
    _, client = meet(answer(403, f"<p>Bearer {KEY} is not welcome".encode(), media_type="text/html"))
    error = failing(client, *READ)
    assert "kr_live_0123456789ab_***" in str(error)


def test_a_new_key_is_taken_up_where_the_old_one_is_refused(meet: Meet) -> None:
    keys = iter(["kr_live_a_old", "kr_live_b_new", "kr_live_b_new", "kr_live_b_new"])
    server, client = meet(problem(401, "unauthorized"), answer(201, WORKSPACE), key=lambda: next(keys))
    assert client.ask("workspaces.create", slug="acme").slug == "acme"
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer kr_live_a_old",
        "Bearer kr_live_b_new",
    ]


def test_a_key_that_is_refused_is_not_tried_again(meet: Meet) -> None:
    server, client = meet(problem(401, "unauthorized"))
    error = failing(client, *READ)
    assert isinstance(error, Unauthorized)
    assert len(server.asked) == 1


def test_fields_and_words_of_a_newer_api_are_passed_over(meet: Meet) -> None:
    newer = {**WORKSPACE, "status": "FROZEN", "colour": {"of": "money"}}
    del newer["organization"]  # of an older one: null
    _, client = meet(answer(200, newer))
    found = client.ask(*READ)
    assert (found.status, found.organization, found.slug) == ("FROZEN", None, "acme")


def test_an_answer_of_another_form_says_which_field(meet: Meet) -> None:
    _, client = meet(answer(200, {**WORKSPACE, "version": "one", "name": "a secret name"}))
    error = failing(client, *READ)
    assert "Workspace's version" in str(error) or "version of" in str(error)
    assert "a secret name" not in str(error)
    assert not isinstance(error, ApiError)


def test_a_redirection_is_followed_by_no_client_of_yours(kind: str) -> None:
    """The redirect would receive the key."""
    with stub(OK) as elsewhere, stub(answer(307, b"", Location=f"{elsewhere.url}/v1/workspaces/acme")) as server:
        made = (
            httpx.Client(follow_redirects=True, timeout=60)
            if kind == "threads"
            else httpx.AsyncClient(follow_redirects=True, timeout=60)
        )
        with client_of(kind, server.url, KEY, http=made) as client:
            error = failing(client, *READ)
    assert "redirects are not followed" in str(error)
    assert elsewhere.asked == []


@pytest.fixture
def pauses_alone(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    """A clock of both clients that only their pauses move: refusals take no time, however busy the machine is."""
    clock = StoppedClock()

    def pause(seconds: float) -> None:
        clock.now += seconds

    async def pause_of_a_task(seconds: float) -> None:
        pause(seconds)

    for transport, sleep in ((of_threads, pause), (of_tasks, pause_of_a_task)):
        monkeypatch.setattr(transport, "monotonic", clock.monotonic)
        monkeypatch.setattr(transport, "sleep", sleep)
    return clock


def test_a_write_that_was_refused_until_its_deadline_was_not_done(meet: Meet, pauses_alone: StoppedClock) -> None:
    began = pauses_alone.now
    server, client = meet(problem(503, "overloaded", Retry_After="0.2"), deadline=3.0, tries=1000)
    error = failing(client, "workspaces.create", slug="acme")
    assert (error.is_outcome_unknown, 12 <= len(server.asked) <= 15) == (False, True)  # pauses of 0.2 to 0.27 s
    assert 2.7 < pauses_alone.now - began < 3.0
