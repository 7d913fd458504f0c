"""Which headers an endpoint's author may set."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from kronos.delivery.headers import check_headers, identity, identity_pairs
from kronos.delivery.refused import Refused


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
    """The last one is kept: it stands for the same instant alone, by whatever clock that was told."""
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
