"""What can be done to an endpoint: where deliveries go. A change makes its next version; executions that exist keep theirs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from kronos import errors
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import Endpoint, EndpointType, JsonObject, ListedEndpoint
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The endpoint and version that a statement wrote."""

    endpoint_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Whether an endpoint was deleted; None: there is none of that name."""

    is_deleted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed delivery is tried again: sql/schema/endpoints.sql keeps it with the version."""

    max_attempts: int = 5
    backoff: str = "exponential"
    initial_delay_ms: int = 1_000
    max_delay_ms: int = 60_000
    max_crashes: int = 3  # leases that may run out before the execution fails; 0: at most once


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What a caller says of an endpoint."""

    name: str
    type: EndpointType
    spec: JsonObject
    timeout_ms: int
    retry_policy: RetryPolicy
    max_in_flight: int | None = None


_INSERT = statement("endpoints.insert_endpoint", Written)
_REPLACE = statement("endpoints.replace_endpoint", Written)
_GET = statement("endpoints.get_endpoint", Endpoint)
_LIST = statement("endpoints.list_endpoints", ListedEndpoint)
_DELETE = statement("endpoints.delete_endpoint", Deletion)


async def create(view: WorkspaceView, new: NewEndpoint) -> Endpoint:
    """A new endpoint. Raises Conflict when the name is taken."""
    written, endpoint = await view.write_then_read(_INSERT, _params(new), _GET, {"name": new.name})
    if not written:
        raise errors.Conflict(
            f"the endpoint {new.name!r} exists",
            faults=(errors.Fault(pointer="/name", detail="an endpoint has this name", hint="PUT changes an existing endpoint"),),
        )
    return endpoint[0]


async def replace(view: WorkspaceView, new: NewEndpoint) -> tuple[Endpoint, bool]:
    """The endpoint's next version, or its first; and whether it is new. Raises Conflict when its type would change."""
    written, endpoint = await view.write_then_read(_REPLACE, _params(new), _GET, {"name": new.name})
    if written:
        return endpoint[0], False
    if endpoint:
        raise errors.Conflict(f"the endpoint {new.name!r} is of type {endpoint[0].type}: its type cannot change")
    return await create(view, new), True


async def get(view: WorkspaceView, name: str) -> Endpoint:
    """The endpoint. Raises EndpointNotFound."""
    if (endpoint := await view.one_or_none(_GET, {"name": name})) is None:
        raise errors.EndpointNotFound(f"no endpoint {name!r} in workspace {view.workspace}")
    return endpoint


async def list_page(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedEndpoint]:
    """Up to `limit` endpoints, newest first, after the position `before`; fewer where they are more than PAGE_BYTES."""
    created_at, endpoint_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "bytes": PAGE_BYTES, "before_created_at": created_at, "before_id": endpoint_id})


async def delete(view: WorkspaceView, name: str) -> None:
    """Delete an endpoint that nothing uses. Raises EndpointNotFound, Conflict (endpoint_in_use)."""
    (deletion,) = await view.rows(_DELETE, {"name": name})
    if deletion.is_deleted is None:
        raise errors.EndpointNotFound(f"no endpoint {name!r} in workspace {view.workspace}")
    if not deletion.is_deleted:
        raise errors.Conflict(f"the endpoint {name!r} has live jobs or unfinished executions", code="endpoint_in_use")


def _params(new: NewEndpoint) -> dict[str, object]:
    policy = new.retry_policy
    return {
        "name": new.name,
        "type": new.type,
        "spec": Jsonb(new.spec),
        "retry_policy": Jsonb(
            {
                "max_attempts": policy.max_attempts,
                "backoff": policy.backoff,
                "initial_delay_ms": policy.initial_delay_ms,
                "max_delay_ms": policy.max_delay_ms,
                "max_crashes": policy.max_crashes,
            }
        ),
        "timeout_ms": new.timeout_ms,
        "max_attempts": policy.max_attempts,
        "max_crashes": policy.max_crashes,
        "max_in_flight": new.max_in_flight,
    }
