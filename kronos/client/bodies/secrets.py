"""What the API takes: secrets. Made by bin/client out of the API's document."""

from typing import Required, TypedDict


class SecretCreate(TypedDict, total=False):
    """A secret to create."""

    value: Required[str]
    """The value that {{secret.NAME}} inserts. At least 4 characters: a shorter value could not be redacted
    reliably from stored responses."""
    name: Required[str]
    """Name, unique in the workspace."""


class SecretPut(TypedDict, total=False):
    """A secret without its name, which is in the path. The value is stored encrypted, and no call returns
    it."""

    value: Required[str]
    """The value that {{secret.NAME}} inserts. At least 4 characters: a shorter value could not be redacted
    reliably from stored responses."""
