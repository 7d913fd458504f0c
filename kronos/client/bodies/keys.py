"""What the API takes: keys. Made by bin/client out of the API's document."""

from datetime import datetime
from typing import Required, TypedDict

from kronos.client.bodies.words import WorkspaceRole


class KeyCreate(TypedDict, total=False):
    """An API key to create in the workspace."""

    role: Required[WorkspaceRole]
    """viewer: reads. operator: also manages jobs, executions and dead letters. admin: everything in the
    workspace."""
    name: str | None
    """What the key is for."""
    sees_payloads: bool | None
    """Whether a viewer sees inputs, outputs, requests and responses. Defaults to false for viewers; other
    roles always see them."""
    expires_at: datetime | str | None
    """When the key stops working. null: it works until it is revoked."""


class KeyRotate(TypedDict, total=False):
    """How to replace a key."""

    overlap_seconds: int
    """Seconds for which the old key still works."""
    expires_at: datetime | str | None
    """When the new key expires. Defaults to the old key's expiry."""


class MappingCreate(TypedDict, total=False):
    """A role for the members of a group."""

    group: Required[str]
    """Group name, as in the identity provider's groups claim."""
    role: Required[WorkspaceRole]
    """Role of the group's members."""
    sees_payloads: bool | None
    """Whether viewers see payloads. Defaults to false for viewers; other roles always see them."""
