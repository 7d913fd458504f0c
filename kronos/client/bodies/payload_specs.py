"""What the API takes: payload specs. Made by bin/client out of the API's document."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict


class PayloadSpecCreate(TypedDict, total=False):
    """A payload spec to create."""

    schema: Required[Mapping[str, Any] | bool]
    """A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References must stay within the schema.
    Patterns are matched in linear time, so they support neither look-around nor back-references."""
    name: Required[str]
    """Name, unique in the workspace."""


class PayloadSpecPut(TypedDict, total=False):
    """A payload spec without its name, which is in the path. A document from GET may be sent back whole."""

    schema: Required[Mapping[str, Any] | bool]
    """A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References must stay within the schema.
    Patterns are matched in linear time, so they support neither look-around nor back-references."""
