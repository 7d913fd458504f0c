"""What a response of the API, or of something else at its address, becomes: JSON, a frame of a stream, or an error."""

import json
from typing import Any

import pytest

from kronos.client import (
    AnswerInvalid,
    ApiError,
    Conflict,
    Fault,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unavailable,
)
from kronos.client._core.answers import Answer, judged, redacted, refuse_encoded, refused, retry_after
from kronos.client._core.events import audit_line, end_of, event_of, listening
from kronos.client._core.sse import Frame, FrameReader
from kronos.client.models.events import ResetEvent

KEY = "kr_live_0123456789ab_abcdefghijklmnopqrstuvwxyz012345"


def answer(status: int, body: object = b"", kind: str = "application/json", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers={"content-type": kind, **named}, body=content)


def problem(status: int, code: str = "c", **more: Any) -> Answer:
    return answer(status, {"code": code, "detail": "it is so", **more}, "application/problem+json; charset=utf-8")


def test_a_success_is_its_json() -> None:
    assert judged(answer(200, {"a": 1}, "Application/JSON; charset=utf-8"), "GET /a") == {"a": 1}
    assert judged(answer(299, []), "GET /a") == []
    assert judged(answer(204, b"", ""), "DELETE /a") is None
    for status in (199, 300):
        with pytest.raises(AnswerInvalid):
            judged(answer(status, {"a": 1}), "GET /a")


@pytest.mark.parametrize(
    ("found", "said", "is_unknown", "is_passing"),
    [
        (answer(200, b"{"), "GET /a: 200 with invalid JSON (1 byte): is the response incomplete?", True, True),
        (
            answer(200, b"<p>\n  Welcome </p>", "text/html"),
            "GET /a: 200 with text/html, not a Kronos response: is it a proxy's? It begins: '<p> Welcome </p>'",
            True,
            False,
        ),
        (
            answer(301, b"", ""),
            "GET /a: 301, a redirect; redirects are not followed: does the address point to the API?",
            False,
            False,
        ),
        (
            answer(404, b"", ""),
            "GET /a: 404 with no media type, not a Kronos response: is it a proxy's? It begins: ''",
            False,
            False,
        ),
        (
            answer(502, b"x" * 300, "text/plain"),
            f"GET /a: 502 with text/plain, not a Kronos response: is it a proxy's? It begins: '{'x' * 200}'",
            True,
            True,
        ),
    ],
)
def test_what_is_none_of_the_apis_responses_is_told_with_its_beginning(
    found: Answer, said: str, is_unknown: bool, is_passing: bool
) -> None:
    with pytest.raises(AnswerInvalid) as caught:
        judged(found, "GET /a")
    error = caught.value
    assert (str(error), error.status) == (said, found.status)
    assert (error.is_outcome_unknown, error.is_passing) == (is_unknown, is_passing)


@pytest.mark.parametrize("status", [199, 200, 299, 300, 301, 399, 400, 499, 500, 599])
def test_a_strange_response_may_pass_as_its_status_says(status: int) -> None:
    for found in (status, 408, 429, 502, 503, 504):
        error = refused(answer(found, b"x", "text/plain"), "GET /a")
        assert isinstance(error, AnswerInvalid)
        assert error.is_passing is (found in (408, 429, 502, 503, 504))
        assert error.is_outcome_unknown is (found < 300 or found >= 500)
        assert ("a redirect" in str(error)) is (300 <= found < 400)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict),
        (412, PreconditionFailed), (422, InvalidRequest), (429, RateLimited), (499, InvalidRequest),
        (500, ServerFault), (501, ServerFault), (503, Unavailable),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, kind: type[ApiError]) -> None:
    error = refused(problem(status), "GET /a")
    assert type(error) is kind
    assert (error.status, error.code, error.detail) == (status, "c", "it is so")
    assert type(refused(problem(503, "outcome_unknown"), "GET /a")) is OutcomeUnknown


def test_an_error_says_where_what_and_what_to_do() -> None:
    errors = [{"pointer": "/cron", "detail": f"not {KEY}", "hint": "Write mon."}, "nothing", {"detail": "more"}]
    found = problem(422, errors=errors, request_id="r-2", detail=f"the key {KEY} is wrong")
    error = refused(found, "GET /a")
    assert isinstance(error, InvalidRequest)
    masked = "kr_live_0123456789ab_***"
    assert error.faults == (
        Fault(pointer="/cron", detail=f"not {masked}", hint="Write mon."),
        Fault(pointer="", detail="more", hint=None),
    )
    assert (error.pointers, error.hint, error.request_id) == (("/cron", ""), "Write mon.", "r-2")
    assert str(error).splitlines() == [
        f"422 c: the key {masked} is wrong",
        f"  /cron: not {masked} (Write mon.)",
        "  : more",
        "  request r-2",
    ]
    header = answer(404, {"code": "c", "request_id": "r-2"}, "application/problem+json", request_id="r-1")
    assert getattr(refused(header, "GET /a"), "request_id", None) == "r-1"


@pytest.mark.parametrize(
    ("document", "detail"),
    [({"code": "c", "detail": "", "title": "T"}, "T"), ({"code": "c"}, "c"), ({"code": "c", "errors": {}}, "c")],
)
def test_a_problem_without_a_detail_is_told_by_its_title_or_its_code(document: object, detail: str) -> None:
    error = refused(answer(404, document, "application/problem+json"), "GET /a")
    assert isinstance(error, NotFound)
    assert (error.detail, error.faults, error.hint) == (detail, (), None)


@pytest.mark.parametrize("document", [b"{", [], {"detail": "d"}, {"code": 5}])
def test_a_problem_without_a_code_is_no_error_of_the_api(document: object) -> None:
    assert isinstance(refused(answer(404, document, "application/problem+json"), "GET /a"), AnswerInvalid)


@pytest.mark.parametrize(
    ("after", "sent", "seconds"),
    [
        ("5", "", 5.0), (" 0.5 ", "", 0.5), ("-5", "", 0.0), ("", "", None), ("soon", "", None), ("nan", "", None),
        ("inf", "", None),
        ("Mon, 30 Nov 2026 09:00:05 GMT", "Mon, 30 Nov 2026 09:00:00 GMT", 5.0),
        ("Mon, 30 Nov 2026 08:00:05 GMT", "Mon, 30 Nov 2026 09:00:00 GMT", 0.0),
        ("Mon, 30 Nov 2026 09:00:05 GMT", "", None),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_a_number_or_a_date_after_the_servers_own(
    after: str, sent: str, seconds: float | None
) -> None:
    assert retry_after({"retry-after": after, "date": sent}) == seconds
    error = refused(answer(503, b"", "text/plain", retry_after=after, date=sent), "GET /a")
    assert error.retry_after == seconds


def test_no_error_shows_the_secret_part_of_a_key() -> None:
    assert redacted(f"a {KEY}, {KEY}.") == "a kr_live_0123456789ab_***, kr_live_0123456789ab_***."
    assert redacted("kr_live_0123456789ab") == "kr_live_0123456789ab"
    error = refused(answer(500, f"<p>{KEY}".encode(), "text/html"), "GET /a")
    assert "abcdefghij" not in str(error)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_response_that_is_not_compressed_is_read(encoding: str) -> None:
    refuse_encoded(200, {"content-encoding": encoding}, "GET /a")


@pytest.mark.parametrize(("status", "is_unknown"), [(200, True), (299, True), (300, False), (499, False), (500, True)])
def test_a_compressed_response_is_refused(status: int, is_unknown: bool) -> None:
    with pytest.raises(AnswerInvalid, match="with the encoding 'gzip'") as caught:
        refuse_encoded(status, {"content-encoding": "GZIP", "retry-after": "3"}, "GET /a")
    assert (caught.value.is_outcome_unknown, caught.value.retry_after, caught.value.is_passing) == (
        is_unknown,
        3.0,
        False,
    )
    with pytest.raises(AnswerInvalid) as passing:
        refuse_encoded(503, {"content-encoding": "br"}, "GET /a")
    assert passing.value.is_passing


STREAM = (
    b": hello\n\nid: 7\n\nevent: job\ndata: {\"a\":\r\ndata: 1}\nid: 8\nretry: 5\nodd\n\n"
    b"data:  x\n\nid: a\0b\ndata: y\n\n\n: deleted\n\n"
)  # fmt: skip
FRAMES = [
    Frame("message", "", None, "hello"),
    Frame("message", "", "7"),
    Frame("job", '{"a":\n1}', "8"),
    Frame("message", " x", None),
    Frame("message", "y", None),
    Frame("message", "", None, "deleted"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_frames_are_the_same_however_their_bytes_arrive(size: int) -> None:
    reader, found = FrameReader(), list[Frame]()
    for at in range(0, len(STREAM), size):
        found += reader.feed(STREAM[at : at + size])
    assert found == FRAMES


def test_an_event_is_a_mebibyte_at_most_and_a_stream_has_no_end() -> None:
    reader = FrameReader()
    for _ in range(3):
        (frame,) = reader.feed(b"data: " + b"x" * 700_000 + b"\n\n")
        assert len(frame.data) == 700_000
    assert reader.feed(b"x" * (1024 * 1024)) == []
    with pytest.raises(AnswerInvalid, match="larger than 1 MiB"):
        reader.feed(b"x")


def test_an_event_of_the_stream_is_a_model() -> None:
    text = '{"reason": "slow"}'
    event = event_of(Frame("reset", text, "7"))
    assert event is not None
    assert (type(event.data), event.id) == (ResetEvent, "7")
    assert event_of(Frame("new-kind", text, "7")) is None
    assert event_of(Frame("job", "", "7")) is None
    for data in ("{", '{"job_id": 5}'):
        with pytest.raises(AnswerInvalid, match="an event of the stream cannot be read"):
            event_of(Frame("job", data, None))


@pytest.mark.parametrize(
    ("comment", "kind", "said"),
    [
        ("unauthorized", Unauthorized, "401 unauthorized: the stream has ended: the key was revoked or has expired"),
        ("forbidden", Forbidden, "403 forbidden: the stream has ended: the key may not listen here"),
        ("deleted", NotFound, "404 deleted: the stream has ended: the workspace no longer exists"),
    ],
)
def test_a_stream_that_ends_for_good_says_why(comment: str, kind: type[ApiError], said: str) -> None:
    error = end_of(Frame("message", "", None, comment))
    assert (type(error), str(error)) == (kind, said)
    assert end_of(Frame("message", "", None, "keep-alive")) is None
    assert end_of(Frame("message", "x", None)) is None


def test_listening_asks_for_what_was_named() -> None:
    call = listening(("v1", "workspaces", "acme"), types=["job", "audit"], job="report", status=None, after="7")
    assert (call.path, dict(call.query)) == (
        "/v1/workspaces/acme/events",
        {"types": "job,audit", "job": "report", "after": "7"},
    )
    everything = listening(("v1",), types=(), job=None, status="FAILED", after=None)
    assert dict(everything.query) == {"status": "FAILED"}


def test_a_line_of_an_audit_is_a_sealed_row() -> None:
    line = audit_line(b'{"number": "7", "hash": "5f", "record": {"a": 1}}\n')
    assert (line.number, line.hash, line.record) == (7, "5f", {"a": 1})
    assert line.text == '{"number": "7", "hash": "5f", "record": {"a": 1}}\n'
    for text in (b"{", b"[]", b'{"number": 7}', b'{"number": "x", "hash": "", "record": 1}', b"\xff"):
        with pytest.raises(AnswerInvalid, match="a line of the audit's export cannot be read"):
            audit_line(text)
