"""What the API takes: organizations. Made by bin/client out of the API's document."""

from typing import Required, TypedDict


class OrganizationCreate(TypedDict, total=False):
    """An organization to create."""

    slug: Required[str]
    """Name in URLs. Never changes."""
    name: str | None
    """Display name. Defaults to the slug."""


class OrganizationPatch(TypedDict, total=False):
    """Changes to an organization."""

    name: Required[str]
    """Display name."""
