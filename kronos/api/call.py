"""One request as a route sees it: who calls, what the body says, strictly read and judged; and how it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar, cast, get_args, get_origin

import orjson
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from starlette.requests import Request
from starlette.responses import Response

from kronos import errors, readiness, reading, unseen, workspaces
from kronos.api import body, conditions, withheld
from kronos.api.copies import Row, shown
from kronos.api.fields import UUID_FORM, WORKSPACE_FORM
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
from kronos.replica import Replica

Model = TypeVar("Model", bound=BaseModel)
Judged = TypeVar("Judged")
Present: TypeAlias = Callable[[], Awaitable[Row]]
"""Reads a row; raises NotFound."""
_MAX_SLUGS = 10_000
# A body of 32 kB is read in a few milliseconds. Larger ones are read beside the event loop, one after the other: nobody
# else waits.
_MAX_BYTES_ON_LOOP = 32 * 1024
# So few hold some hundred fields at most: of each that is none pydantic may make an error.
_MAX_BYTES_UNTRIMMED = 2 * 1024
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bodies")


class Probe:
    """A question that is asked once at a time, whoever waits for its answer: one that PostgreSQL never answers takes
    one connection, however often it is asked."""

    def __init__(self) -> None:
        self._asking: asyncio.Task[readiness.Readiness] | None = None

    async def ask(
        self, question: Callable[[], Coroutine[None, None, readiness.Readiness]], seconds: float
    ) -> readiness.Readiness | None:
        """The answer; None where there is none in time. Raises KronosError."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(question())
            self._asking.add_done_callback(_looked_at)
        asking = self._asking
        await asyncio.wait({asking}, timeout=seconds)
        return asking.result() if asking.done() else None


def _looked_at(asked: asyncio.Task[readiness.Readiness]) -> None:
    """An error that came too late for who asked is no news: the next one asks again."""
    if not asked.cancelled():
        asked.exception()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the routes of one process share."""

    settings: Settings
    pool: Pool
    keys: Keys
    sessions: Sessions
    egress: EgressPolicy
    encryption_keys: CurrentKeys
    slugs: dict[str, str] = field(default_factory=dict)
    """Workspaces' ids and their slugs, which never change; at most 10,000."""
    replica: Replica | None = None
    """Where lists and reads may be answered from."""
    probe: Probe = field(default_factory=Probe)
    """Readiness."""
    live: Hub
    """Who listens to what changes."""
    pings: Pings = field(default_factory=Pings)
    """Who pings."""
    coming: Coming = field(default_factory=Coming)
    """What workspaces of very many jobs are going to do."""


class Call(Request):
    """One request."""

    @property
    def context(self) -> Context:
        """What the process shares."""
        return cast(Context, self.scope["app"].state.context)  # set by app.create, once

    known_caller: Caller | None = None
    """Who calls, once `authenticate` has been awaited; None before, and where nobody has to be known."""
    person: Person | None = None
    """Who is signed in, where no key is held."""
    is_signed_in: bool = False
    """Whether it calls by the cookie of a session, a person's or a key's."""
    refusal: errors.KronosError | None = None
    """What is wrong with the body, once it was judged."""
    _judged: object = False

    @property
    def caller(self) -> Caller:
        """Who calls a route that needs a role."""
        if self.known_caller is None:
            raise RuntimeError("nobody is known to call: the route needs no role, or it was not asked for yet")
        return self.known_caller

    @property
    def host(self) -> str:
        """The caller's address, as the connection or a trusted proxy says it."""
        return self.client.host if self.client is not None else ""

    async def judge(self, kind: object, *, is_needed: bool) -> None:
        """Read the body and judge it as `kind`, a model or a draft of one, for FastAPI to find (json). What is wrong is
        kept in `refusal`: it is reported where the path is right. Raises PayloadTooLarge."""
        raw = await self.body()
        if not raw and not is_needed:
            return
        try:
            if get_origin(kind) is Draft:
                self._judged = Draft(self, get_args(kind)[0], await self.document())
            elif len(raw) <= _MAX_BYTES_UNTRIMMED:  # as most are: as `read` does it, in half the time
                body.check_media_type(self._content_type())
                self._judged = _judged(body.parse(raw), cast(type[BaseModel], kind))
            else:
                self._judged = await self.read(cast(type[BaseModel], kind))
        except errors.KronosError as error:
            self.refusal = error.with_traceback(None)  # which holds this call, and so the body, until it is looked for

    @property
    def is_judged(self) -> bool:
        """Whether there is a body, and nothing wrong with it."""
        return self._judged is not False

    @property
    def judged_body(self) -> object:
        """What the body was judged to be."""
        return self._judged

    async def json(self) -> object:
        """What FastAPI gives the route for the body: what it was judged to be; False, which is no body, where it was
        refused."""
        return self._judged

    async def authenticate(self, needed: Role, *, writes: bool) -> None:
        """Whether the caller may do this, which needs a role. Raises Unauthorized, RateLimited, Forbidden; and
        WorkspaceNotFound for any workspace but that of its key, whether or not there is one, before anything of it is
        read."""
        workspace = self.path_params.get("w")
        self.known_caller = caller = await self._find_caller(workspace, writes=writes)
        self.scope["kronos.actor"], self.scope["kronos.caller"] = caller.actor, caller
        if workspace is not None and WORKSPACE_FORM.fullmatch(workspace):
            about(workspace=workspace.lower())
        withheld.begin(caller)
        if workspace is not None and WORKSPACE_FORM.fullmatch(workspace) and caller.is_confined_from(workspace):
            raise errors.WorkspaceNotFound.of(workspace.lower())
        if not caller.role.covers(needed):
            raise errors.Forbidden(f"this needs the role {needed.value}, and the key's is {caller.role.value}")
        if workspace is not None and (writes or "kronos.problem" in self.scope):  # a page says what may be changed
            self.scope["kronos.is_system"] = await self._is_system(workspace)
        if writes and self.scope.get("kronos.is_system"):
            raise errors.Forbidden(f"workspace {workspaces.SYSTEM} is Kronos's own: it can be read, not changed")

    async def _find_caller(self, workspace: str | None, *, writes: bool) -> Caller:
        """The holder of the key, or who is signed in. Raises Unauthorized, RateLimited, Forbidden,
        WorkspaceNotFound."""
        authorization, sessions = self.headers.get("authorization"), self.context.sessions
        if authorization is not None or (secret := sessions.secret_of(self)) is None:
            return await self.context.keys.authenticate(authorization, self.scope)
        known = await self.recognise(secret)
        self.is_signed_in = True
        if writes:
            sessions.require_own_origin(self)
        return known.calls(workspace) if isinstance(known, Person) else known

    async def recognise(self, secret: str) -> Caller | Person:
        """Who is signed in with this secret of a session. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        sessions = self.context.sessions
        if sessions.is_of_key(secret):
            return await sessions.caller(secret, self)
        self.person = await sessions.calling(secret, self.host, self.scope)
        return self.person

    async def remains(self, needed: Role) -> None:
        """Whether the caller may still do what it was let begin: its key or session is looked at as for a request, and
        none is counted. Raises as `authenticate`, and DatabaseUnavailable where nobody knows."""
        workspace, authorization = self.path_params.get("w"), self.headers.get("authorization")
        sessions = self.context.sessions
        if authorization is not None or (secret := sessions.secret_of(self)) is None:
            caller = await self.context.keys.known(authorization or "")
        else:
            known = await sessions.known(secret, self)
            caller = known.calls(workspace) if isinstance(known, Person) else known
        if workspace is not None and caller.is_confined_from(workspace):
            raise errors.WorkspaceNotFound.of(workspace.lower())
        if not caller.role.covers(needed):
            raise errors.Forbidden(f"this needs the role {needed.value}, and the key's is {caller.role.value}")

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
        """Let this request take this long from now on, as few must."""
        deadline: asyncio.Timeout = self.scope["kronos.deadline"]
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)
        self.scope["kronos.seconds"] = seconds  # as its caller hears

    async def read(self, model: type[Model]) -> Model:
        """The body. Raises InvalidRequest, PayloadTooLarge, Unprocessable."""
        return await self.judged(model, await self.document())

    async def document(self) -> JsonObject:
        """The body as it came, not yet judged. Raises InvalidRequest, PayloadTooLarge."""
        raw = await self.body()
        body.check_media_type(self._content_type())
        return await self.aside(lambda: body.parse(raw))

    async def judged(self, model: type[Model], value: JsonObject, present: Present | None = None) -> Model:
        """The body that `value` is. `present` reads what it would change: a title or a tag that stands there already
        may stay, though it is one that is refused by now. Raises Unprocessable."""
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
        """What `judge` makes of the body, which was read: beside the event loop where the body is large."""
        if len(await self.body()) <= _MAX_BYTES_ON_LOOP:
            return judge()
        return await asyncio.get_running_loop().run_in_executor(_READER, judge)

    def _content_type(self) -> bytes | None:
        return next((value for name, value in self.scope["headers"] if name == b"content-type"), None)

    def path(self, *parts: object) -> str:
        """The path of a resource of this API, as the caller reaches it: with the proxy's prefix."""
        return "/".join([self.scope.get("root_path", ""), "v1", *map(str, parts)])


class Draft(Generic[Model]):
    """A body that was read and not judged yet: it may be an edited copy of what is there, with which the route compares
    it first."""

    def __init__(self, call: Call, model: type[Model], document: JsonObject) -> None:
        self.document = document
        self._call, self._model = call, model

    async def judged(self, document: JsonObject, present: Present | None = None) -> Model:
        """The body that `document` is, which the route made of its own; `present` reads what it would change. Raises
        Unprocessable."""
        return await self._call.judged(self._model, document, present)

    @classmethod
    # as pydantic calls it
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """It is one already when pydantic sees it; /openapi.json has the model's schema."""
        return core_schema.json_or_python_schema(
            handler.generate_schema(get_args(source)[0]), core_schema.is_instance_schema(cls)
        )


def unchanged(version: int) -> Response:
    """The answer to who has the present version already."""
    return Response(status_code=304, headers={"ETag": conditions.etag(version)})


def answer(value: object, status: int = 200, *, is_repeat: bool = False, **headers: str) -> Response:
    """The JSON answer of rows as they are; `headers` are named with _ for -. `is_repeat`: a call before, with the same
    key, made it."""
    content = orjson.dumps(withheld.shown(value), reading.plain, orjson.OPT_UTC_Z)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if is_repeat:
        named["Idempotent-Replayed"] = "true"
    return Response(content, status, media_type="application/json", headers=named)


def _validated(value: JsonObject, model: type[Model], there: unseen.Texts | None = None) -> Model:
    return _judged(trimmed(value, model), model, there)


def _judged(value: Json, model: type[Model], there: unseen.Texts | None = None) -> Model:
    try:
        return model.model_validate(value, context=there)
    except ValidationError as error:
        raise errors.Unprocessable.of(*faults_of(error, model)) from None
