"""What the API takes: secrets. Made by bin/client out of the API's document."""

from typing import Required, TypedDict


class SecretCreate(TypedDict, total=False):
    """A secret to be made."""

    value: Required[str]
    """The value, as templates put it in: {{secret.NAME}}. Fewer than 4 characters could not be kept out of
    what is stored of answers."""
    name: Required[str]
    """Its name in this workspace."""


class SecretPut(TypedDict, total=False):
    """A secret without its name, which stands in the path. Its value is stored sealed, and no call gives it
    back."""

    value: Required[str]
    """The value, as templates put it in: {{secret.NAME}}. Fewer than 4 characters could not be kept out of
    what is stored of answers."""
