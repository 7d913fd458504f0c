"""The optional libraries for brokers and mail servers: an endpoint type is usable if its library is installed."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

Optional = Literal["REDIS_STREAM", "KAFKA", "EMAIL"]
"""Endpoint types that need an optional library."""
_MODULES: Mapping[Optional, str] = {"REDIS_STREAM": "redis", "KAFKA": "aiokafka", "EMAIL": "aiosmtplib"}
_EXTRAS: Mapping[Optional, str] = {"REDIS_STREAM": "redis", "KAFKA": "kafka", "EMAIL": "email"}


def is_missing(kind: Optional) -> bool:
    """Whether endpoints of this type need a library that is not installed here."""
    return find_spec(_MODULES[kind]) is None


def how_to_install(kind: Optional) -> str:
    """Return how to install a type's library. Not by an index: `kronos` on the index is another project."""
    return f"the extra {_EXTRAS[kind]} of Kronos's wheel (docs/install.md#extras)"
