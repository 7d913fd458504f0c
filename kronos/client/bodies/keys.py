"""What the API takes: keys. Made by bin/client out of the API's document."""

from datetime import datetime
from typing import Required, TypedDict

from kronos.client.bodies.words import WorkspaceRole


class KeyCreate(TypedDict, total=False):
    """A key of the workspace to be made."""

    role: Required[WorkspaceRole]
    """viewer: reads; operator: jobs, executions, dead letters too; admin: everything in the workspace."""
    name: str | None
    """What it is for."""
    sees_payloads: bool | None
    """Whether a viewer sees inputs, outputs, requests and responses; by default it does not. Others do."""
    expires_at: datetime | str | None
    """From then on it does not work; null: until it is revoked."""


class KeyRotate(TypedDict, total=False):
    """How a key is replaced."""

    overlap_seconds: int
    """How long the old one goes on working."""
    expires_at: datetime | str | None
    """When the new one ends; by default it lives as long as the old one was to."""


class MappingCreate(TypedDict, total=False):
    """A role for the people of a group."""

    group: Required[str]
    """As the identity provider's groups claim has it."""
    role: Required[WorkspaceRole]
    """What they may."""
    sees_payloads: bool | None
    """Whether viewers see payloads; by default they do not. Others do."""
