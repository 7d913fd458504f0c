"""Which headers an endpoint's author may set, and the headers that describe a delivery."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from kronos.delivery.destinations import MAX_PAIR_NAME, MAX_PAIRS, check_pairs
from kronos.delivery.headers import (
    IDENTITY,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    check_headers,
    identity,
    identity_pairs,
    reserved,
)
from kronos.delivery.refused import Refused
from kronos.delivery.signing import signature, signer

_ID = "01234567-89ab-7cde-8f01-23456789abcd"
_AT = datetime(2026, 11, 29, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
_SPAN = re.compile(r"00-0123456789ab7cde8f0123456789abcd-[0-9a-f]{16}-01")


@pytest.mark.parametrize(
    ("headers", "code", "pointer"),
    [
        ({"a": "b\r\nX: y"}, "header_value", "/a"),
        ({"a": "b\nc"}, "header_value", "/a"),
        ({"a": "b\n"}, "header_value", "/a"),
        ({"a": "\x00"}, "header_value", "/a"),
        ({"a": "\x7f"}, "header_value", "/a"),
        ({"a": "é€"}, "header_value", "/a"),
        ({"a": " x"}, "header_value", "/a"),
        ({"a\r\nb": "c"}, "header_name", "/a\r\nb"),
        ({"a\n": "c"}, "header_name", "/a\n"),
        ({"a b": "c"}, "header_name", "/a b"),
        ({"a/b": "c"}, "header_name", "/a~1b"),
        ({"a:": "b"}, "header_name", "/a:"),
        ({"": "x"}, "header_name", "/"),
        ({"é": "x"}, "header_name", "/é"),
        ({"A": "1", "a": "2"}, "header_duplicate", "/a"),
        ({"a": "x" * 20000}, "headers_too_large", ""),
        ({f"h{n}": "x" for n in range(65)}, "too_many_headers", ""),
    ],
    ids=str,
)
def test_header_that_cannot_be_sent_is_refused_where_it_stands(
    headers: dict[str, str], code: str, pointer: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_headers(headers)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Accept-Encoding",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Real-IP",
        "Via",
        "Date",
        "webhook-id",
        "Webhook-Signature",
        "webhook-anything",
        "Kronos-Job-Id",
        "X-Kronos-Id",
        "Idempotency-Key",
        "traceparent",
    ],
)
def test_header_that_kronos_or_the_connection_sets_is_reserved(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_headers({name: "x"})
    assert refused.value.code == "header_reserved"


def test_other_headers_are_taken() -> None:
    check_headers(
        {"Authorization": "Bearer x", "X-A": "tab\tok", "User-Agent": "acme", "Content-Type": "text/plain", "X-B": ""}
    )


def test_as_many_and_as_large_headers_are_taken_as_are_sent() -> None:
    check_headers({f"h{number}": "x" for number in range(MAX_HEADERS)})
    largest = "x" * (MAX_HEADER_BYTES - len("a: \r\n"))
    check_headers({"a": largest})
    with pytest.raises(Refused, match=f"{MAX_HEADER_BYTES + 1} bytes"):
        check_headers({"a": f"{largest}x"})


@pytest.mark.parametrize("traceparent", [None, "00-of-a-span-01"])
def test_a_delivery_says_what_it_is_in_lines_and_a_message_in_pairs(traceparent: str | None) -> None:
    def said(keys: list[str]) -> dict[str, str]:
        lines = identity(
            execution_id=_ID,
            job_id="job",
            attempt_number=3,
            scheduled_at=_AT,
            timestamp=17,
            body=b"{}",
            keys=[signer(key) for key in keys],
            traceparent=traceparent,
        )
        assert lines.endswith("\r\n")
        return dict(line.split(": ", 1) for line in lines.removesuffix("\r\n").split("\r\n"))

    lines = said([])
    span = lines.pop("traceparent")
    assert span == traceparent or (traceparent is None and _SPAN.fullmatch(span))
    assert lines == {
        "Idempotency-Key": _ID,
        "webhook-id": _ID,
        "webhook-timestamp": "17",
        "Kronos-Job-Id": "job",
        "Kronos-Execution-Id": _ID,
        "Kronos-Attempt": "3",
        "Kronos-Scheduled-At": "2026-11-30T01:30:00Z",
    }
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = said([key])
    assert signed["webhook-signature"] == signature([signer(key)], message_id=_ID, timestamp=17, body=b"{}")
    assert signed.keys() == {*IDENTITY, "webhook-signature"}

    pairs = dict(
        identity_pairs(execution_id=_ID, job_id="job", attempt_number=3, scheduled_at=_AT, traceparent=traceparent)
    )
    span = pairs.pop("traceparent").decode()
    assert span == traceparent or (traceparent is None and _SPAN.fullmatch(span))
    assert pairs == {name: value.encode() for name, value in lines.items() if not name.startswith("webhook-")}


@pytest.mark.parametrize("name", [*IDENTITY, "webhook-signature", "KRONOS-x", "TraceParent", "IDEMPOTENCY-KEY"])
def test_what_a_message_says_of_itself_is_reserved(name: str) -> None:
    assert reserved(name)
    assert not reserved(f"x-{name}")


def _scheduled(at: datetime) -> str:
    lines = identity(
        execution_id="e", job_id="j", attempt_number=1, scheduled_at=at, timestamp=1, body=b"", keys=(), traceparent="t"
    )
    (found,) = [line for line in lines.split("\r\n") if line.startswith("Kronos-Scheduled-At: ")]
    pairs = dict(identity_pairs(execution_id="e", job_id="j", attempt_number=1, scheduled_at=at, traceparent="t"))
    text = found.removeprefix("Kronos-Scheduled-At: ")
    assert pairs["Kronos-Scheduled-At"].decode() == text
    return text


def test_the_time_that_a_delivery_is_for_is_in_utc_whoever_came_before() -> None:
    """The last rendered time is cached. It may only be reused for the same instant, in whatever zone that is given."""
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    in_delhi = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    later = noon + timedelta(microseconds=1)
    assert [_scheduled(at) for at in (noon, noon, in_delhi, later, noon, in_delhi)] == [
        "2026-11-29T12:00:00Z",
        "2026-11-29T12:00:00Z",
        "2026-11-29T12:00:00Z",
        "2026-11-29T12:00:00.000001Z",
        "2026-11-29T12:00:00Z",
        "2026-11-29T12:00:00Z",
    ]
    assert _scheduled(datetime.min.replace(tzinfo=UTC)) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("names", "code", "pointer"),
    [
        ([f"h{number}" for number in range(MAX_PAIRS + 1)], "too_many_pairs", ""),
        (["x" * (MAX_PAIR_NAME + 1)], "pair_name", f"/{'x' * 64}"),
        (["fine", ""], "pair_name", "/"),
        (["Idempotency-Key"], "pair_reserved", "/Idempotency-Key"),
        (["traceparent"], "pair_reserved", "/traceparent"),
        (["KRONOS-Anything"], "pair_reserved", "/KRONOS-Anything"),
        (["webhook-id"], "pair_reserved", "/webhook-id"),
    ],
)
def test_pairs_of_a_message_that_cannot_be_set_are_refused_with_their_place(
    names: list[str], code: str, pointer: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_pairs(names, "field")
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


def test_as_many_and_as_long_pairs_are_taken_as_are_sent() -> None:
    check_pairs([str(number).rjust(MAX_PAIR_NAME, "x") for number in range(MAX_PAIRS)], "field")
