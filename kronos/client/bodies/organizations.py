"""What the API takes: organizations. Made by bin/client out of the API's document."""

from typing import Required, TypedDict


class OrganizationCreate(TypedDict, total=False):
    """An organization to be made."""

    slug: Required[str]
    """Its name in URLs; never changes."""
    name: str | None
    """Its name for people; the slug by default."""


class OrganizationPatch(TypedDict, total=False):
    """The changes to an organization."""

    name: Required[str]
    """Its name for people."""
