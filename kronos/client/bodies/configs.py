"""What the API takes: configs. Made by bin/client out of the API's document."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict


class ConfigCreate(TypedDict, total=False):
    """A config to be made."""

    values: Required[Mapping[str, Any]]
    """What templates hold: at most 64 KiB as JSON."""
    name: Required[str]
    """Its name in this workspace."""


class ConfigPut(TypedDict, total=False):
    """A config without its name, which stands in the path. What GET gives may be sent back whole."""

    values: Required[Mapping[str, Any]]
    """What templates hold: at most 64 KiB as JSON."""
