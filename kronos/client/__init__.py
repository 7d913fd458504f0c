"""Client for the Kronos API: `Kronos` for threads, `AsyncKronos` for asyncio, `verify_webhook` for receivers.

    from kronos.client import Kronos

    with Kronos("http://127.0.0.1:8080", key_file="admin.key") as kronos:
        acme = kronos.workspace("acme")
        job = acme.jobs.create(endpoint="report", trigger="IMMEDIATE", input={"id": 7})

Part of the separate distribution kronos-client. It imports nothing else from Kronos.
"""

from kronos.client._async.client import AsyncKronos, AsyncWorkspaceClient
from kronos.client._async.listing import AsyncListing
from kronos.client._core.calls import AUTO, new_key
from kronos.client._core.events import AuditLine, Event
from kronos.client._sync.client import Kronos, WorkspaceClient
from kronos.client._sync.listing import Listing
from kronos.client.errors import (
    AnswerInvalid,
    ApiError,
    ConfigurationError,
    Conflict,
    ConnectionLost,
    ExecutionNotSuccessful,
    Fault,
    Forbidden,
    InvalidRequest,
    KronosError,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    TimedOut,
    TransportError,
    Unauthorized,
    Unavailable,
    WaitTimedOut,
    WebhookInvalid,
)
from kronos.client.models.page import Page
from kronos.client.webhooks import Webhook, verify_webhook

__all__ = [
    "AUTO",
    "AnswerInvalid",
    "ApiError",
    "AsyncKronos",
    "AsyncListing",
    "AsyncWorkspaceClient",
    "AuditLine",
    "ConfigurationError",
    "Conflict",
    "ConnectionLost",
    "Event",
    "ExecutionNotSuccessful",
    "Fault",
    "Forbidden",
    "InvalidRequest",
    "Kronos",
    "KronosError",
    "Listing",
    "NotConnected",
    "NotFound",
    "OutcomeUnknown",
    "Page",
    "PreconditionFailed",
    "RateLimited",
    "ServerFault",
    "TimedOut",
    "TransportError",
    "Unauthorized",
    "Unavailable",
    "WaitTimedOut",
    "Webhook",
    "WebhookInvalid",
    "WorkspaceClient",
    "new_key",
    "verify_webhook",
]
