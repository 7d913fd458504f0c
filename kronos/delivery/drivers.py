"""The libraries that brokers and mail servers are spoken to with: optional, so a type is usable where its own is
installed."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

Optional = Literal["REDIS_STREAM", "KAFKA", "EMAIL"]
"""Types of endpoints that need a library of their own."""
_MODULES: Mapping[Optional, str] = {"REDIS_STREAM": "redis", "KAFKA": "aiokafka", "EMAIL": "aiosmtplib"}
_EXTRAS: Mapping[Optional, str] = {"REDIS_STREAM": "redis", "KAFKA": "kafka", "EMAIL": "email"}


def is_missing(kind: Optional) -> bool:
    """Whether endpoints of this type need a library that is not installed here."""
    return find_spec(_MODULES[kind]) is None


def how_to_install(kind: Optional) -> str:
    """What installs the library of a type. No index is asked for `kronos`, which is another project's name there."""
    return f"the extra {_EXTRAS[kind]} of Kronos's wheel (docs/install.md#extras)"
