"""What the API takes: payload specs. Made by bin/client out of the API's document."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict


class PayloadSpecCreate(TypedDict, total=False):
    """A payload spec to be made."""

    schema: Required[Mapping[str, Any] | bool]
    """A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References stay within it; patterns have no
    look-around and no back-references, because they are matched in linear time."""
    name: Required[str]
    """Its name in this workspace."""


class PayloadSpecPut(TypedDict, total=False):
    """A payload spec without its name, which stands in the path. What GET gives may be sent back whole."""

    schema: Required[Mapping[str, Any] | bool]
    """A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References stay within it; patterns have no
    look-around and no back-references, because they are matched in linear time."""
