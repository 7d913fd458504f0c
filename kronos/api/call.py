"""One request as a route sees it: its caller, its strictly validated body, and its response."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from typing import Any, Generic, TypeAlias, TypeVar, cast, get_args, get_origin

import orjson
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from starlette.requests import Request
from starlette.responses import Response

from kronos import errors, readiness, reading, unseen, workspaces
from kronos.api import body, conditions, withheld
from kronos.api.copies import Row, shown
from kronos.api.fields import UUID_FORM, WORKSPACE_FORM, Listing
from kronos.api.keys import Caller, Keys
from kronos.api.live import Hub
from kronos.api.pingers import Pings
from kronos.api.sessions import Person, Sessions
from kronos.api.validation import faults_of, trimmed
from kronos.coming import Coming
from kronos.config import Settings
from kronos.database import WorkspaceView
from kronos.delivery.egress import EgressPolicy
from kronos.encryption import CurrentKeys
from kronos.lines import about
from kronos.model import Json, JsonObject, Role
from kronos.pool import Pool
from kronos.records import dataclass
from kronos.replica import Replica

Model = TypeVar("Model", bound=BaseModel)
Judged = TypeVar("Judged")
Present: TypeAlias = Callable[[], Awaitable[Row]]
"""Reads a row. Raises NotFound."""
_MAX_SLUGS = 10_000
# A body of 32 kB is parsed in a few milliseconds. Larger ones are parsed in one thread in turn, so that the event loop
# stays free.
_MAX_BYTES_ON_LOOP = 32 * 1024
# Bodies up to this size have some hundred fields at most. pydantic may create an error for each unknown one.
_MAX_BYTES_UNTRIMMED = 2 * 1024
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bodies")


class Probe:
    """A query that runs once at a time for all waiting callers. If PostgreSQL never answers, it holds one connection,
    however many callers ask."""

    def __init__(self) -> None:
        self._asking: asyncio.Task[readiness.Readiness] | None = None

    async def ask(
        self, question: Callable[[], Coroutine[None, None, readiness.Readiness]], seconds: float
    ) -> readiness.Readiness | None:
        """Return the answer, or None if it does not arrive in time. Raises KronosError."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(question())
            self._asking.add_done_callback(_looked_at)
        asking = self._asking
        await asyncio.wait({asking}, timeout=seconds)
        return asking.result() if asking.done() else None


def _looked_at(asked: asyncio.Task[readiness.Readiness]) -> None:
    """Retrieve an error that came after its callers stopped waiting. The next caller queries again."""
    if not asked.cancelled():
        asked.exception()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """State shared by the routes of one process."""

    settings: Settings
    pool: Pool
    keys: Keys
    sessions: Sessions
    egress: EgressPolicy
    encryption_keys: CurrentKeys
    slugs: dict[str, str] = field(default_factory=dict)
    """Workspaces' ids with their slugs, which never change. At most 10,000."""
    replica: Replica | None = None
    """Optional replica for lists and reads."""
    probe: Probe = field(default_factory=Probe)
    """Shared readiness query."""
    live: Hub
    """Listeners for live changes."""
    pings: Pings = field(default_factory=Pings)
    """Limits for ping requests."""
    coming: Coming = field(default_factory=Coming)
    """Upcoming runs of workspaces with very many jobs."""


class Call(Request):
    """One request."""

    @property
    def context(self) -> Context:
        """The state shared by the process."""
        return cast(Context, self.scope["app"].state.context)  # set by app.create, once

    known_caller: Caller | None = None
    """The caller, once `authenticate` has been awaited. None before that, and where no caller needs to be known."""
    person: Person | None = None
    """The signed-in person, if the request has no key."""
    is_signed_in: bool = False
    """Whether the request uses a session cookie, a person's or a key's."""
    refusal: errors.KronosError | None = None
    """The error in the body, once it is validated."""
    _judged: object = False

    @property
    def caller(self) -> Caller:
        """The caller of a route that needs a role."""
        if self.known_caller is None:
            raise RuntimeError("the caller is not known: the route needs no role, or authenticate was not awaited yet")
        return self.known_caller

    @property
    def host(self) -> str:
        """The caller's address, from the connection or from a trusted proxy."""
        return self.client.host if self.client is not None else ""

    async def judge(self, kind: object, *, is_needed: bool) -> None:
        """Read the body and validate it as `kind`, a model or a Draft of one, for FastAPI to find (json). An error is
        kept in `refusal` and reported only if the path is valid. Raises PayloadTooLarge."""
        raw = await self.body()
        if not raw and not is_needed:
            return
        try:
            if get_origin(kind) is Draft:
                model = get_args(kind)[0]
                self._judged = Draft(self, model, await self.document(_depth_of(model)))
            elif len(raw) <= _MAX_BYTES_UNTRIMMED:  # most bodies: like `read`, in half the time
                body.check_media_type(self._content_type())
                self._judged = _judged(body.parse(raw), cast(type[BaseModel], kind))
            else:
                self._judged = await self.read(cast(type[BaseModel], kind))
        except errors.KronosError as error:
            self.refusal = error.with_traceback(None)  # its traceback would keep this call and its body alive

    @property
    def is_judged(self) -> bool:
        """Whether there is a valid body."""
        return self._judged is not False

    @property
    def judged_body(self) -> object:
        """The validated body."""
        return self._judged

    async def json(self) -> object:
        """Return what FastAPI passes to the route as the body: the validated body, or False, which means no body, if it
        was rejected."""
        return self._judged

    async def authenticate(self, needed: Role, *, writes: bool) -> None:
        """Check that the caller has the role that the route needs. Raises Unauthorized, RateLimited, Forbidden. Raises
        WorkspaceNotFound for any workspace but its key's, whether or not it exists, before anything of it is read."""
        workspace = self.path_params.get("w")
        self.known_caller = caller = await self._find_caller(workspace, writes=writes)
        self.scope["kronos.actor"], self.scope["kronos.caller"] = caller.actor, caller
        if workspace is not None and WORKSPACE_FORM.fullmatch(workspace):
            about(workspace=workspace.lower())
        withheld.begin(caller)
        if workspace is not None and WORKSPACE_FORM.fullmatch(workspace) and caller.is_confined_from(workspace):
            raise errors.WorkspaceNotFound.of(workspace.lower())
        if not caller.role.covers(needed):
            raise errors.Forbidden(f"this needs the role {needed.value}; this key's role is {caller.role.value}")
        if workspace is not None and (writes or "kronos.problem" in self.scope):  # a page shows what may be changed
            self.scope["kronos.is_system"] = await self._is_system(workspace)
        if writes and self.scope.get("kronos.is_system"):
            raise errors.Forbidden(f"workspace {workspaces.SYSTEM} belongs to Kronos: it can be read but not changed")

    async def _find_caller(self, workspace: str | None, *, writes: bool) -> Caller:
        """Return the holder of the key, or the signed-in caller. Raises Unauthorized, RateLimited, Forbidden,
        WorkspaceNotFound."""
        authorization, sessions = self._authorization(), self.context.sessions
        if authorization is not None or (secret := sessions.secret_of(self)) is None:
            return await self.context.keys.authenticate(authorization, self.scope)
        known = await self.recognise(secret)
        self.is_signed_in = True
        if writes:
            sessions.require_own_origin(self)
        return known.calls(workspace) if isinstance(known, Person) else known

    def _authorization(self) -> str | None:
        """Return the Authorization header. Raises Unauthorized if it is given twice: a proxy may have checked the other
        one (RFC 9110, 5.3: such a field has one line)."""
        given = self.headers.getlist("authorization")
        if len(given) > 1:
            raise errors.Unauthorized("the header Authorization is given twice: send it once")
        return given[0] if given else None

    async def recognise(self, secret: str) -> Caller | Person:
        """Return the caller or person signed in with this session secret. Raises Unauthorized, RateLimited,
        DatabaseUnavailable."""
        sessions = self.context.sessions
        if sessions.is_of_key(secret):
            return await sessions.caller(secret, self)
        self.person = await sessions.calling(secret, self.host, self.scope)
        return self.person

    async def remains(self, needed: Role) -> None:
        """Check that the caller may still do what it started. Its key or session is checked as for a request, but no
        request is counted. Raises like `authenticate`, and DatabaseUnavailable if that cannot be known."""
        workspace, authorization = self.path_params.get("w"), self._authorization()
        sessions = self.context.sessions
        if authorization is not None or (secret := sessions.secret_of(self)) is None:
            caller = await self.context.keys.known(authorization or "")
        else:
            known = await sessions.known(secret, self)
            caller = known.calls(workspace) if isinstance(known, Person) else known
        if workspace is not None and caller.is_confined_from(workspace):
            raise errors.WorkspaceNotFound.of(workspace.lower())
        if not caller.role.covers(needed):
            raise errors.Forbidden(f"this needs the role {needed.value}; this key's role is {caller.role.value}")

    async def _is_system(self, workspace: str) -> bool:
        if not UUID_FORM.fullmatch(workspace):
            return workspace == workspaces.SYSTEM
        slugs = self.context.slugs
        if (slug := slugs.get(workspace.lower())) is None:
            view = WorkspaceView(self.context.pool, workspace.lower(), self.scope["kronos.writes"])
            if len(slugs) >= _MAX_SLUGS:
                slugs.clear()
            slug = slugs[workspace.lower()] = (await workspaces.get(view)).slug
        return slug == workspaces.SYSTEM

    def take(self, seconds: float) -> None:
        """Give this request this much time from now on. Few routes need it."""
        deadline: asyncio.Timeout = self.scope["kronos.deadline"]
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)
        self.scope["kronos.seconds"] = seconds  # shown to the caller

    async def read(self, model: type[Model]) -> Model:
        """Return the validated body. Raises InvalidRequest, PayloadTooLarge, Unprocessable."""
        return await self.judged(model, await self.document())

    async def document(self, deepest: int = body.MAX_DEPTH) -> JsonObject:
        """Return the body before validation. Raises InvalidRequest, PayloadTooLarge."""
        raw = await self.body()
        body.check_media_type(self._content_type())
        return await self.aside(lambda: body.parse(raw, deepest))

    async def judged(self, model: type[Model], value: JsonObject, present: Present | None = None) -> Model:
        """Return `value` as a valid body. `present` reads the resource it changes: an unchanged title or tag may stay,
        even if it is invalid by today's rules. Raises Unprocessable."""
        try:
            return await self.aside(lambda: _validated(value, model))
        except errors.Unprocessable:
            if present is None or not unseen.texts_in(value):
                raise
            with suppress(errors.NotFound):
                there = unseen.texts_in(shown(await present()))
                return await self.aside(lambda: _validated(value, model, there))
            raise

    async def aside(self, judge: Callable[[], Judged]) -> Judged:
        """Return what `judge` makes of the body that was read: in a thread if the body is large."""
        if len(await self.body()) <= _MAX_BYTES_ON_LOOP:
            return judge()
        return await asyncio.get_running_loop().run_in_executor(_READER, judge)

    def _content_type(self) -> bytes | None:
        return next((value for name, value in self.scope["headers"] if name == b"content-type"), None)

    def path(self, *parts: object) -> str:
        """Return the path of a resource of this API as the caller reaches it, with the proxy's prefix."""
        return "/".join([self.scope.get("root_path", ""), "v1", *map(str, parts)])


class Draft(Generic[Model]):
    """A body that was read but not validated yet. It may be an edited copy of the resource, with which the route
    compares it first."""

    def __init__(self, call: Call, model: type[Model], document: JsonObject) -> None:
        self.document = document
        self._model = model
        self._call = weakref.ref(call)  # it has the draft: they would keep each other until garbage is collected

    async def judged(self, document: JsonObject, present: Present | None = None) -> Model:
        """Return the valid body for `document`, which the route derived from its own. `present` reads the resource it
        changes. Raises Unprocessable."""
        if (call := self._call()) is None:
            raise RuntimeError("the draft of a request that has ended was used")
        return await call.judged(self._model, document, present)

    @classmethod
    # as pydantic calls it
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Accept a Draft as it is. /openapi.json shows the model's schema."""
        return core_schema.json_or_python_schema(
            handler.generate_schema(get_args(source)[0]), core_schema.is_instance_schema(cls)
        )


def unchanged(version: int) -> Response:
    """Return the response for a caller that already has the current version."""
    return Response(status_code=304, headers={"ETag": conditions.etag(version)})


def answer(value: object, status: int = 200, *, is_repeat: bool = False, **headers: str) -> Response:
    """Return rows as a JSON response. `headers` are named with _ for -. `is_repeat`: an earlier call with the same key
    created it."""
    content = orjson.dumps(withheld.shown(value), reading.plain, orjson.OPT_UTC_Z)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if is_repeat:
        named["Idempotent-Replayed"] = "true"
    return Response(content, status, media_type="application/json", headers=named)


def _depth_of(model: type[BaseModel]) -> int:
    return body.LISTED_DEPTH if issubclass(model, Listing) else body.MAX_DEPTH


def _validated(value: JsonObject, model: type[Model], there: unseen.Texts | None = None) -> Model:
    return _judged(trimmed(value, model), model, there)


def _judged(value: Json, model: type[Model], there: unseen.Texts | None = None) -> Model:
    try:
        return model.model_validate(value, context=there)
    except ValidationError as error:
        raise errors.Unprocessable.of(*faults_of(error, model)) from None
