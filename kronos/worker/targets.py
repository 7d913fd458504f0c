"""Endpoint versions, parsed once for all their deliveries."""

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import TypedDict, cast

from kronos.delivery.drivers import Optional
from kronos.delivery.envelope import Envelope, Undeliverable
from kronos.delivery.ready import ReadyBody, ReadyHead
from kronos.delivery.refused import Refused
from kronos.delivery.sending import NO_LIMITS, TimeLimits
from kronos.delivery.template import TEMPLATES, named
from kronos.model import Json, JsonObject
from kronos.records import dataclass
from kronos.worker.backoff import Backoff
from kronos.worker.claims import EndpointVersion
from kronos.worker.rules import Rules
from kronos.worker.streaming import StreamTarget
from kronos.worker.vault import Needs, Opened, needs

# A template whose value differs between deliveries. Secrets are the same until they are rotated.
_VARIES = re.compile(r"\{\{(?!\s*secret\.)")


@dataclass(slots=True, kw_only=True)
class HttpTarget:
    """A version of an HTTP endpoint, parsed once.

    `envelope` is the part that its deliveries have in common, set by the first delivery and valid as long as its
    secrets are `envelope_of`. None if the URL or headers have templates that depend on the execution.
    """

    url: str
    method: str
    headers: Mapping[str, str]
    body_template: Json
    expected_status_codes: tuple[int, ...]
    backoff: Backoff
    spec_bytes: int = 0
    needs: Needs | None = None
    envelope: Envelope | Undeliverable | None = None
    envelope_of: Opened | None = None
    config: JsonObject = field(default_factory=dict)
    roots: frozenset[str] = frozenset({"input"})
    """The roots that its templates name; only their values are prepared for deliveries."""
    needs_facts: bool = False
    rules: Rules = field(default_factory=Rules)
    limits: TimeLimits = NO_LIMITS
    is_fixed: bool = field(init=False)
    """Whether the URL and headers are the same for all deliveries, as long as the secrets are."""
    body: ReadyBody | None = field(init=False)
    """The precompiled body template; None: the body is rendered by template.py."""
    head: ReadyHead | Refused | None = field(init=False, default=None)
    """The precompiled URL and headers, set by the first delivery; Refused: they are rendered by template.py."""

    def __post_init__(self) -> None:
        self.is_fixed = not _VARIES.search(self.url) and not any(map(_VARIES.search, self.headers.values()))
        try:
            self.body = None if self.body_template is None else ReadyBody(self.body_template, self.config)
        except (Refused, TypeError):  # each delivery reports its own fault
            self.body = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """An endpoint version that cannot be delivered to, and why."""

    why: str
    needs: Needs | None = None


Target = HttpTarget | StreamTarget | Unusable


def target(version: EndpointVersion) -> Target:
    """Parse an endpoint version for its deliveries."""
    if version.type not in ("HTTP", "REDIS_STREAM", "KAFKA", "EMAIL"):
        return Unusable(why=f"this worker cannot deliver to endpoints of type {version.type}")
    try:
        spec, policy = _object(version.spec, "spec"), _object(version.retry_policy, "retry_policy")
        if version.type != "HTTP":
            return StreamTarget(
                type=cast(Optional, version.type),
                spec=spec,
                backoff=Backoff.parse(policy),
                rules=Rules.parse(policy),
                spec_bytes=len(version.spec) + len(version.config or ""),
                needs=needs(version),
                **_named(version, [spec.get(member) for member in TEMPLATES]),
            )
        return HttpTarget(
            url=_text(spec.get("url"), "url"),
            method=_text(spec.get("method", "POST"), "method"),
            headers={name: _text(value, f"headers.{name}") for name, value in (spec.get("headers") or {}).items()},
            body_template=spec.get("body_template"),
            expected_status_codes=tuple(int(code) for code in spec.get("expected_status_codes") or ()),
            limits=_limits(spec),
            backoff=Backoff.parse(policy),
            rules=Rules.parse(policy),
            spec_bytes=len(version.spec) + len(version.config or ""),
            needs=needs(version),
            **_named(version, [spec.get(member) for member in TEMPLATES]),
        )
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:  # TemplateError, too
        return Unusable(why=f"the endpoint's definition cannot be read: {error}")


def _limits(spec: JsonObject) -> TimeLimits:
    """Return the time limits in a spec; most set none."""
    connect, idle = (
        None if spec.get(name) is None else float(spec[name]) / 1000
        for name in ("connect_timeout_ms", "idle_timeout_ms")
    )
    return TimeLimits(connect_seconds=connect, idle_seconds=idle)


class _Named(TypedDict):
    config: JsonObject
    roots: frozenset[str]
    needs_facts: bool


def _named(version: EndpointVersion, templates: Json) -> _Named:
    """Return the values that a version's templates name."""
    names = [name for _, name in named(templates)]
    return {
        "config": _object(version.config, "config") if version.config is not None else {},
        "roots": frozenset(name.root for name in names),
        "needs_facts": any(name.is_fact for name in names),
    }


def _object(text: str, name: str) -> JsonObject:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(f"{name} is not an object")
    return value


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"spec.{name} is not a string")
    return value
