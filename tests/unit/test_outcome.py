"""Retry-After in all its forms, and what is stored of answers."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from kronos.delivery.answer import AnswerParser
from kronos.delivery.outcome import MAX_STORED_BODY_BYTES, MOST_ASKED, Outcome, aborted, answered, failed, retry_after
from kronos.server_time import CLOCK

DATE = "Mon, 23 Nov 2026 03:30:00 GMT"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("3601", timedelta(seconds=3601)),
        ("31536000", timedelta(days=365)),
        ("9999999999", timedelta(seconds=9_999_999_999)),
        ("9" * 5000, MOST_ASKED),
        ("00000000000120", timedelta(minutes=2)),
        ("0" * 5000, timedelta(0)),
        ("Mon, 23 Nov 2026 03:31:00 GMT", timedelta(minutes=1)),
        ("Monday, 23-Nov-26 03:31:00 GMT", timedelta(minutes=1)),
        ("Mon Nov 23 03:31:00 2026", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 03:29:00 GMT", timedelta(0)),
        ("Sat, 01 Jan 9999 00:00:00 GMT", MOST_ASKED),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("١٢", None),
        ("Mon, 23 Nov 2026 03:31:00 +0100", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_against_the_answers_own(value: str, wanted: timedelta | None) -> None:
    assert retry_after(CIMultiDict({"retry-after": value, "date": DATE})) == wanted


def test_retry_after_date_without_a_date_header_is_against_our_clock() -> None:
    soon = CLOCK.now() + timedelta(minutes=10)
    found = retry_after({"retry-after": soon.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    assert found is not None
    assert timedelta(minutes=9) < found <= timedelta(minutes=10)


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_retry_after_is_none_or_bounded(value: str, date: str) -> None:
    found = retry_after({"retry-after": value, "date": date})
    assert found is None or timedelta(0) <= found <= MOST_ASKED


@pytest.mark.parametrize(
    ("error_type", "status", "retryable"),
    [
        ("timeout", "TIMED_OUT", True),
        ("closed_without_answer", "UNKNOWN", True),
        ("closed_while_sending", "FAILED", True),
        ("dns", "FAILED", True),
        ("connect", "FAILED", True),
        ("tls", "FAILED", True),
        ("bad_response", "FAILED", True),
        ("address_blocked", "FAILED", False),
        ("bad_url", "FAILED", False),
        ("template", "FAILED", False),
    ],
)
def test_error_decides_status_and_whether_sending_again_can_help(error_type: str, status: str, retryable: bool) -> None:
    outcome = failed(error_type, "why\x00")  # type: ignore[arg-type]  # the parameters are of its Literal
    assert (outcome.status, outcome.retryable) == (status, retryable)
    assert outcome.error == {"type": error_type, "message": "why\ufffd"}


def _stored(head: bytes, body: bytes) -> dict[str, object]:
    """What an attempt stores of an answer that is read in one piece, as happens when its head is known."""
    answer = AnswerParser()
    answer.feed(head + body)
    answer.end()
    response = answered(answer, expected=(), request="{}", duration=timedelta()).response
    assert response is not None
    stored: dict[str, object] = json.loads(response)
    return stored


def test_an_answer_that_repeats_the_last_one_is_stored_as_that_and_no_other_is() -> None:
    """The last short body of each head is cached in its stored form. It may only be reused for identical bytes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Test: repeats\r\n\r\n"
    bodies = [b"one!", b"one!", b"two!", b"one!", b"a\x00\xff\x22", b"a\x00\xff\x22"]
    found = [_stored(head, body) for body in bodies]
    assert [each["body"] for each in found] == ["one!", "one!", "two!", "one!", 'a\ufffd\ufffd"', 'a\ufffd\ufffd"']
    assert {each["body_bytes"] for each in found} == {4}
    assert {each["truncated"] for each in found} == {False}


def test_an_answer_that_was_cut_is_not_taken_for_a_whole_one_with_the_same_bytes() -> None:
    """An answer without a length is read until the connection ends; a length may promise more than arrives."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: cut\r\n\r\n"
    assert _stored(head, b"whole") == _stored(head, b"whole")
    assert (_stored(head, b"whol")["truncated"], _stored(head, b"whol")["body"]) == (True, "whol")
    assert _stored(head, b"whole")["truncated"] is False


def test_a_body_that_grows_as_text_is_cut_and_says_so() -> None:
    """A byte that is not UTF-8 is stored as U+FFFD, which has three bytes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\nX-Test: grows\r\n\r\n"
    found = _stored(head, b"\xfc" * 4000)
    assert (found["body"], found["body_bytes"], found["truncated"]) == ("\ufffd" * 1365, 4000, True)


@pytest.mark.parametrize("name", [b"whole-first", b"cut-first"])
def test_pieces_that_end_early_are_a_cut_answer_beside_a_whole_one_of_the_same_bytes(name: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Test: %s\r\n\r\n" % name
    whole, cut = b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n"
    for body in (whole, cut, cut, whole) if name == b"whole-first" else (cut, whole, cut):
        found = _stored(head, body)
        assert (found["body"], found["truncated"]) == ("abc", body is cut)


def _answered(status: int, *, expected: tuple[int, ...] = (), more: bytes = b"") -> Outcome:
    answer = AnswerParser()
    answer.feed(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n%s\r\n" % (status, more))
    answer.end()
    return answered(answer, expected=expected, request="{}", duration=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, True) for status in (408, 425, 429, 500, 501, 502, 503, 504, 599)),
        *((status, False) for status in (400, 401, 404, 407, 409, 410, 424, 426, 428, 430, 431, 499)),
        *((status, False) for status in (300, 301, 302, 308, 399)),
    ],
)
def test_an_answer_says_whether_sending_again_can_help(status: int, retryable: bool) -> None:
    found = _answered(status)
    assert (found.status, found.retryable, found.status_code, found.is_unknown) == ("FAILED", retryable, status, False)
    assert isinstance(found.error, dict)
    if 300 <= status < 400:
        assert (found.error["type"], "redirects are not followed" in found.error["message"]) == ("redirect", True)
    else:
        assert found.error == {
            "type": "http_status",
            "message": f"the endpoint answered {status}, expected 200 to 299",
        }


def test_what_is_expected_decides_and_is_named() -> None:
    assert [_answered(status).status for status in (200, 299)] == ["SUCCESS", "SUCCESS"]
    assert _answered(404, expected=(404, 302)).status == "SUCCESS"
    assert _answered(302, expected=(404, 302)).retryable is False
    refused = _answered(200, expected=(404, 302), more=b"Retry-After: 7\r\n")
    assert (refused.status, refused.retry_after) == ("FAILED", timedelta(seconds=7))
    assert isinstance(refused.error, dict)
    assert refused.error["message"] == "the endpoint answered 200, expected 404, 302"


@pytest.mark.parametrize(("is_sent", "status"), [(True, "UNKNOWN"), (False, "FAILED")])
def test_what_was_cancelled_before_it_was_sent_is_no_unknown(is_sent: bool, status: str) -> None:
    found = aborted("it was cancelled", is_sent=is_sent, request="{}", duration=timedelta())
    assert (found.status, found.error) == (status, {"type": "cancelled", "message": "it was cancelled"})


def test_long_bodies_are_cut_and_those_with_a_coding_withheld_however_often_they_come() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Test: long\r\nContent-Length: %d\r\n%s\r\n"
    body = b"x" * (MAX_STORED_BODY_BYTES + 1)
    for _ in range(2):
        long = _stored(head % (len(body), b""), body)
        assert (long["body"], long["truncated"]) == ("x" * MAX_STORED_BODY_BYTES, True)
        coded = _stored(head % (3, b"Content-Encoding: gzip\r\n"), b"abc")
        assert (coded["body"], coded["truncated"]) == ("", True)
        empty = _stored(head % (0, b"Content-Encoding: gzip\r\n"), b"")
        assert (empty["body_bytes"], empty["truncated"]) == (0, False)
