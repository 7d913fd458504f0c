"""The parameters of routes other than bodies: the caller, the workspace, and the values of paths and headers."""

import re
from collections.abc import Callable
from typing import Annotated, NoReturn, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Path
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from kronos import errors
from kronos.api import conditions
from kronos.api.call import Call
from kronos.api.fields import ENDPOINT_NAME, JOB_NAME, SECRET_NAME, SLUG, UUID_FORM
from kronos.api.keys import Caller
from kronos.api.places import MAX_CHARACTERS
from kronos.config import Settings
from kronos.database import InstanceView, WorkspaceView
from kronos.errors import Fault
from kronos.origin import ChangeOrigin
from kronos.replica import ReplicaReads
from kronos.traces import parent
from kronos.traces.switch import SWITCH

IDEMPOTENCY_KEY = "Idempotency-Key"
Given = TypeVar("Given")
Read = TypeVar("Read")
_SLUG, _JOB_NAME, _ENDPOINT_NAME, _SECRET_NAME = (
    re.compile(form, re.ASCII) for form in (SLUG, JOB_NAME, ENDPOINT_NAME, SECRET_NAME)
)
_BARE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_QUOTED = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}"', re.ASCII)


class Authorization(SecurityBase):
    """The Authorization header. Operation checks its key before anything of the request is read; this returns the
    caller."""

    model = HTTPBearer(description="An API key, such as kr_live_…")
    scheme_name = "key"

    async def __call__(self, call: Call) -> Caller:
        """Return the caller."""
        return call.caller


KEY = Authorization()
CallerOf = Annotated[Caller, Depends(KEY)]


def judged_later(read: Callable[[Given], Read]) -> Callable[[Given], Read]:
    """Return `read` as a pydantic validator whose KronosError is kept until all parameters are validated. Operation
    then decides which error to report."""

    def judge(given: Given) -> Read:
        try:
            return read(given)
        except errors.KronosError as error:
            # Without its traceback: the frames would keep their objects alive until the next garbage collection.
            raise PydanticCustomError("refused", "refused", {"error": error.with_traceback(None)}) from None

    return judge


def _workspace_ref(given: str) -> str:
    """Return a workspace's slug or id. Raises InvalidRequest."""
    if _SLUG.fullmatch(given):
        return given
    if UUID_FORM.fullmatch(given):
        return given.lower()
    raise errors.InvalidRequest.of(
        f"{given[:80]!r} is neither a workspace's slug nor its id",
        "A slug has 1 to 63 lowercase letters, digits and -.",
    )


def _organization_ref(given: str) -> str | UUID:
    """Return an organization's slug or id. Raises InvalidRequest."""
    if UUID_FORM.fullmatch(given):
        return UUID(given)
    if _SLUG.fullmatch(given):
        return given
    raise errors.InvalidRequest.of(
        f"{given[:80]!r} is neither an organization's slug nor its id",
        "A slug has 1 to 63 lowercase letters, digits and -.",
    )


def _job_ref(given: str) -> str:
    """Return a job's id or name. Raises InvalidRequest."""
    if UUID_FORM.fullmatch(given):
        return given.lower()
    if _JOB_NAME.fullmatch(given):
        return given
    raise errors.InvalidRequest.of(
        f"{given[:80]!r} is neither a job's id nor its name",
        "A name has 1 to 127 letters, digits, '.', '_' and '-'.",
    )


def _id_of(what: str) -> Callable[[str], UUID]:
    def read(given: str) -> UUID:
        if UUID_FORM.fullmatch(given):
            return UUID(given)
        raise errors.InvalidRequest.of(
            f"{given[:80]!r} is not a valid {what} id", "An id is a UUID such as 0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b."
        )

    return judged_later(read)


def _name_of(what: str) -> Callable[[str], str]:
    """Return a reader of names of this kind. The reader raises InvalidRequest."""

    def read(given: str) -> str:
        if _ENDPOINT_NAME.fullmatch(given):
            return given
        raise errors.InvalidRequest.of(
            f"{given[:80]!r} is not a valid {what} name",
            "A name has 1 to 63 letters, digits, '.', '_' and '-'.",
        )

    return read


def _new_name_of(what: str) -> Callable[[str], str]:
    """Return a reader of names that may be new. The reader raises InvalidRequest."""

    def read(given: str) -> str:
        if UUID_FORM.fullmatch(_name_of(what)(given)):
            raise errors.InvalidRequest.of("a name must not look like an id", "Use a name that is not a UUID.")
        return given

    return read


def _secret_name(given: str) -> str:
    """Return a secret's name. Raises InvalidRequest."""
    if _SECRET_NAME.fullmatch(given):
        return given
    raise errors.InvalidRequest.of(
        f"{given[:80]!r} is not a valid secret name", "A name has 1 to 63 letters, digits, '_' and '-'."
    )


def _new_secret_name(given: str) -> str:
    """Return a secret's name that may be new. Raises InvalidRequest."""
    if UUID_FORM.fullmatch(_secret_name(given)):
        raise errors.InvalidRequest.of("a name must not look like an id", "Use a name that is not a UUID.")
    return given


def _text(pattern: str, longest: int, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": longest, "examples": [example]})


_WORKSPACE_TEXT = _text(SLUG, 63, "acme")
_ENDPOINT_TEXT = _text(ENDPOINT_NAME, 63, "weekly-report")
_SECRET_TEXT = _text(SECRET_NAME, 63, "api-token")
_SECRET_PATH = Path(alias="name", description="A secret's name. Names must not look like a UUID.")
_ENDPOINT_PATH = Path(alias="name", description="An endpoint's name. Names must not look like a UUID.")
WorkspaceRef = Annotated[
    str,
    AfterValidator(judged_later(_workspace_ref)),
    _WORKSPACE_TEXT,
    Path(alias="w", description="A workspace's slug or id."),
]
OrganizationRef = Annotated[
    str | UUID,
    BeforeValidator(judged_later(_organization_ref)),
    _WORKSPACE_TEXT,
    Path(alias="org", description="An organization's slug or id."),
]
KeyId = Annotated[UUID, BeforeValidator(_id_of("key")), Path(alias="key_id", description="A key's id.")]
MappingId = Annotated[
    UUID, BeforeValidator(_id_of("role mapping")), Path(alias="mapping_id", description="A role mapping's id.")
]
JobRef = Annotated[
    str,
    AfterValidator(judged_later(_job_ref)),
    _text(JOB_NAME, 127, "weekly-report"),
    Path(alias="j", description="A job's name, which covers all its versions, or the id of one version."),
]
ExecutionId = Annotated[UUID, BeforeValidator(_id_of("execution")), Path(alias="e", description="An execution's id.")]
BackfillId = Annotated[UUID, BeforeValidator(_id_of("backfill")), Path(alias="b", description="A backfill's id.")]
OperationId = Annotated[UUID, BeforeValidator(_id_of("operation")), Path(alias="o", description="An operation's id.")]
IncidentId = Annotated[UUID, BeforeValidator(_id_of("incident")), Path(alias="i", description="An incident's id.")]
EndpointName = Annotated[str, AfterValidator(judged_later(_name_of("endpoint"))), _ENDPOINT_TEXT, _ENDPOINT_PATH]
_RULE_PATH = Path(alias="name", description="An alert rule's name. Names must not look like a UUID.")
AlertRuleName = Annotated[str, AfterValidator(judged_later(_name_of("alert rule"))), _ENDPOINT_TEXT, _RULE_PATH]
NewAlertRuleName = Annotated[str, AfterValidator(judged_later(_new_name_of("alert rule"))), _ENDPOINT_TEXT, _RULE_PATH]
_CONFIG_PATH = Path(alias="name", description="A config's name. Names must not look like a UUID.")
_BEAT_PATH = Path(alias="name", description="A heartbeat's name. Names must not look like a UUID.")
HeartbeatName = Annotated[str, AfterValidator(judged_later(_name_of("heartbeat"))), _ENDPOINT_TEXT, _BEAT_PATH]
NewHeartbeatName = Annotated[str, AfterValidator(judged_later(_new_name_of("heartbeat"))), _ENDPOINT_TEXT, _BEAT_PATH]
_SPEC_PATH = Path(alias="name", description="A payload spec's name. Names must not look like a UUID.")
ConfigName = Annotated[str, AfterValidator(judged_later(_name_of("config"))), _ENDPOINT_TEXT, _CONFIG_PATH]
NewConfigName = Annotated[str, AfterValidator(judged_later(_new_name_of("config"))), _ENDPOINT_TEXT, _CONFIG_PATH]
_CALENDAR_PATH = Path(alias="name", description="A calendar's name. Names must not look like a UUID.")
CalendarName = Annotated[str, AfterValidator(judged_later(_name_of("calendar"))), _ENDPOINT_TEXT, _CALENDAR_PATH]
NewCalendarName = Annotated[str, AfterValidator(judged_later(_new_name_of("calendar"))), _ENDPOINT_TEXT, _CALENDAR_PATH]
SpecName = Annotated[str, AfterValidator(judged_later(_name_of("payload spec"))), _ENDPOINT_TEXT, _SPEC_PATH]
NewSpecName = Annotated[str, AfterValidator(judged_later(_new_name_of("payload spec"))), _ENDPOINT_TEXT, _SPEC_PATH]
NewEndpointName = Annotated[str, AfterValidator(judged_later(_new_name_of("endpoint"))), _ENDPOINT_TEXT, _ENDPOINT_PATH]
SecretName = Annotated[str, AfterValidator(judged_later(_secret_name)), _SECRET_TEXT, _SECRET_PATH]
NewSecretName = Annotated[str, AfterValidator(judged_later(_new_secret_name)), _SECRET_TEXT, _SECRET_PATH]

LastEventId = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": MAX_CHARACTERS}),
    Header(
        alias="Last-Event-ID",
        description="Id of the last event received. The stream continues after it. Browsers send it automatically.",
    ),
]


async def workspace_view(call: Call, workspace: WorkspaceRef) -> WorkspaceView:
    """Return the view of the path's workspace. Whether the workspace exists shows at its first statement."""
    return WorkspaceView(call.context.pool, workspace, call.scope["kronos.writes"], _origin(call))


READ_FROM = "Kronos-Read-From"
_PRIMARY = "primary"


def _read_from(header: str | None) -> str | None:
    """Return the server to read from. Raises InvalidRequest."""
    if header not in (None, _PRIMARY):
        raise errors.InvalidRequest.of(
            f"the header {READ_FROM} must be {_PRIMARY}", f"Omit it, or send {_PRIMARY}.", f"/{READ_FROM}"
        )
    return header


ReadFrom = Annotated[
    str | None,
    BeforeValidator(judged_later(_read_from)),
    WithJsonSchema({"type": "string", "enum": [_PRIMARY], "pattern": f"^{_PRIMARY}$"}),
    Header(
        alias=READ_FROM,
        description="`primary`: read from the primary, which has everything written before. Matters only where "
        "KRONOS_DATABASE_READ_URL names a replica.",
    ),
]


async def read_view(call: Call, workspace: WorkspaceRef, read_from: ReadFrom = None) -> WorkspaceView:
    """Return a workspace_view whose data may be some seconds old: from the replica, if there is one and the caller does
    not ask for the primary."""
    replica = call.context.replica
    if replica is None:
        return WorkspaceView(call.context.pool, workspace, call.scope["kronos.writes"])
    reads = ReplicaReads(replica, is_primary_asked=read_from is not None)
    call.scope["kronos.served"] = reads.served
    return WorkspaceView(reads, workspace, call.scope["kronos.writes"])


async def instance_view(call: Call) -> InstanceView:
    """Return the instance administrator's view."""
    return InstanceView(call.context.pool, call.scope["kronos.writes"], _origin(call))


def _origin(call: Call) -> ChangeOrigin | None:
    """Return the origin of the request's changes, for the audit. None for reads, which change nothing, and for signing
    out, which works without a known caller."""
    if call.method in ("GET", "HEAD") or call.known_caller is None:
        return None
    actor = call.known_caller.actor
    return ChangeOrigin(
        actor=actor,
        key=actor if call.person is None else None,
        address=call.host or None,
        request_id=call.scope["kronos.request_id"],
        traceparent=_traceparent(call),
    )


def _traceparent(call: Call) -> str | None:
    """Return the request's span: this process's, or its caller's if this process creates none."""
    span = SWITCH.current() or parent.of_headers(call.scope["headers"])
    return None if span is None else str(span)


async def process_settings(call: Call) -> Settings:
    """Return the settings of this process."""
    return call.context.settings


SettingsOf = Annotated[Settings, Depends(process_settings)]
View = Annotated[WorkspaceView, Depends(workspace_view)]
ReadView = Annotated[WorkspaceView, Depends(read_view)]
Instance = Annotated[InstanceView, Depends(instance_view)]


_TAGS = WithJsonSchema(
    {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$', "examples": ['"3"']}
)
IfMatch = Annotated[
    frozenset[int] | None,
    BeforeValidator(judged_later(conditions.if_match)),
    _TAGS,
    Header(
        alias="If-Match",
        description="Versions, as in ETag, that the change applies to. At any other version the response is 412 and "
        "nothing is done.",
    ),
]
"""The versions in If-Match. None: any existing version, or the header was not sent."""
IfNoneMatch = Annotated[
    frozenset[int] | None,
    BeforeValidator(judged_later(conditions.if_none_match)),
    _TAGS,
    Header(
        alias="If-None-Match",
        description="Versions, as in ETag. GET answers 304 if the current version is among them; PUT answers 412. `*` "
        "matches any existing version.",
    ),
]
"""The versions in If-None-Match, empty if the header was not sent. None: any existing version."""


def _idempotency_key(header: str) -> str:
    """Return the key of the header: an RFC 8941 string, "abc", as draft-ietf-httpapi-idempotency-key-header defines it,
    or bare: abc."""
    if header.startswith('"'):
        if _QUOTED.fullmatch(header):
            return re.sub(r"\\(.)", r"\1", header[1:-1])
        _refuse_key(
            "the header Idempotency-Key starts with a quote but is not a quoted string of 1 to 255 visible ASCII "
            "characters"
        )
    if not _BARE.fullmatch(header):
        _refuse_key("the header Idempotency-Key must be 1 to 255 visible ASCII characters")
    return header


IdempotencyKey = Annotated[
    str | None,
    BeforeValidator(judged_later(_idempotency_key)),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r'^([!#-~][!-~]{0,254}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
            "examples": ["order-17"],
        }
    ),
    Header(
        alias=IDEMPOTENCY_KEY,
        description='Makes the call safe to repeat: the same key and request create nothing twice. "abc" and abc are '
        "the same key. Stored for 24 hours; a job's key as long as the job.",
    ),
]
"""The key that makes the call safe to repeat."""


def note_idempotency_key(call: Call) -> None:
    """Note whether the call may be repeated, for code that needs to know. Raises InvalidRequest if the header is given
    twice."""
    given = call.headers.getlist(IDEMPOTENCY_KEY)
    if len(given) > 1:
        _refuse_key("the header Idempotency-Key is given twice")
    call.scope["kronos.is_repeatable"] = bool(given)


def one_idempotency_key(call: Call, key: str | None, in_body: str | None) -> str | None:
    """Return the key from the header or the body, which must not differ. Raises Unprocessable."""
    if None not in (key, in_body) and key != in_body:
        detail = "idempotency_key and the header Idempotency-Key differ"
        raise errors.Unprocessable.of(Fault(pointer="/idempotency_key", detail=detail, hint="Give one of them."))
    key = in_body if key is None else key
    call.scope["kronos.is_repeatable"] = key is not None
    return key


def _refuse_key(detail: str) -> NoReturn:
    raise errors.InvalidRequest.of(
        detail,
        'Use for example a UUID, bare or in quotes: "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b".',
        "/Idempotency-Key",
    )
