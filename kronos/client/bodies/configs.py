"""What the API takes: configs. Made by bin/client out of the API's document."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict


class ConfigCreate(TypedDict, total=False):
    """A config to create."""

    values: Required[Mapping[str, Any]]
    """Values for templates: at most 64 KiB as JSON."""
    name: Required[str]
    """Name, unique in the workspace."""


class ConfigPut(TypedDict, total=False):
    """A config without its name, which is in the path. A document from GET may be sent back whole."""

    values: Required[Mapping[str, Any]]
    """Values for templates: at most 64 KiB as JSON."""
