"""One delivery and its outcome: shared helpers for the tests of HttpTransport."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from delivery.servers import (
    Handler,
    Receiver,
)
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpDelivery, HttpTransport
from kronos.delivery.outcome import Outcome
from kronos.delivery.sending import Sending

LOCAL = EgressPolicy.parse("127.0.0.0/8")
EXECUTION_ID = UUID("01938e2a-7c1b-7def-8abc-0123456789ab")
JOB_ID = UUID("01938e2a-0000-7000-8000-000000000001")
HEAD_COMES = timedelta(seconds=1)  # a timeout within which the machine, however busy, connects and exchanges heads
ENDLESS = timedelta(seconds=9)  # no test waits this long unless it hangs: timeouts are 10 s at most


def delivery(url: str, **changes: Any) -> HttpDelivery:
    valid = HttpDelivery(
        execution_id=EXECUTION_ID,
        job_id=JOB_ID,
        attempt_number=2,
        scheduled_at=datetime(2026, 11, 23, 3, 30, tzinfo=UTC),
        url=url,
        method="POST",
        headers={},
        body=b'{"report":7}',
        timeout=timedelta(seconds=10),
    )
    return replace(valid, **changes)


async def deliver(handle: Handler, **changes: Any) -> Outcome:
    """Send one delivery to one receiver, and close both afterwards."""
    async with Receiver(handle) as receiver, HttpTransport(LOCAL) as transport:
        return await transport.deliver(delivery(receiver.url, **changes))


def has_head(sending: Sending) -> bool:
    """Whether the status line and the headers of the answer have come."""
    connection = sending._connection
    return connection is not None and connection._answer is not None and connection._answer.head is not None


def error_type(outcome: Outcome) -> str | None:
    return outcome.error["type"] if isinstance(outcome.error, dict) else None


def told(outcome: Outcome) -> tuple[str, str | None, bool]:
    """Return how it ended, its error's type, and whether it is retried."""
    assert outcome.is_unknown == (outcome.status == "UNKNOWN")  # retry_unknown depends on it
    return outcome.status, error_type(outcome), outcome.retryable


def response(outcome: Outcome) -> dict[str, Any]:
    return _stored(outcome.response)


def stored_request(outcome: Outcome) -> dict[str, Any]:
    return _stored(outcome.request)


def _stored(document: str | None) -> dict[str, Any]:
    assert document is not None
    found = json.loads(document)
    assert isinstance(found, dict)
    json.dumps(found).encode()  # it can be stored
    return found
