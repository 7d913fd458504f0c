"""One request as a route sees it: who calls, what the path, query and body say, each checked; and how it answers."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar, cast, get_args, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes
from uuid import UUID

import orjson
from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from starlette.requests import Request
from starlette.responses import Response

from kronos import errors, reading, workspaces
from kronos.api import body, conditions
from kronos.api.keys import Caller, Keys
from kronos.api.validation import faults_of, trimmed
from kronos.config import Settings
from kronos.database import InstanceView, Pool, WorkspaceView
from kronos.delivery.egress import EgressPolicy
from kronos.errors import Fault
from kronos.model import JsonObject

Model = TypeVar("Model", bound=BaseModel)
Judged = TypeVar("Judged")
_MAX_SLUGS = 10_000
_MAX_PARAMETERS = 32
# A body of 32 kB is read in a few milliseconds. Larger ones are read beside the event loop, one after the other: nobody else waits.
_MAX_BYTES_ON_LOOP = 32 * 1024
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bodies")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_QUOTED_KEY = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}"', re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the routes of one process share."""

    settings: Settings
    pool: Pool
    keys: Keys
    egress: EgressPolicy
    slugs: dict[str, str] = field(default_factory=dict)
    """Workspaces' ids and their slugs, which never change; at most 10,000."""


class Call(Request):
    """One request."""

    @property
    def context(self) -> Context:
        """What the process shares."""
        return cast(Context, self.scope["app"].state.context)  # set by app.create, once

    caller: Caller
    """Who calls; known once `authenticate` has been awaited."""
    refusal: errors.KronosError | None = None
    """What is wrong with the body, once it was judged."""
    _judged: object = False

    async def judge(self, kind: object, *, is_needed: bool) -> None:
        """Read the body and judge it as `kind`, a model or a draft of one, for FastAPI to find (json). What is wrong is kept in `refusal`:
        it is told where the path is right. Raises PayloadTooLarge."""
        if not await self.body() and not is_needed:
            return
        try:
            if get_origin(kind) is Draft:
                self._judged = Draft(self, get_args(kind)[0], await self.document())
            else:
                self._judged = await self.read(cast(type[BaseModel], kind))
        except errors.KronosError as error:
            self.refusal = error

    async def json(self) -> object:
        """What FastAPI gives the route for the body: what it was judged to be; False, which is no body, where it was refused."""
        return self._judged

    async def authenticate(self, *, writes: bool) -> None:
        """Whether the caller may do this. Raises Unauthorized, Forbidden."""
        self.caller = await self.context.keys.authenticate(self.headers.get("authorization"))
        workspace = self.path_params.get("w")
        if writes and workspace is not None and await self._is_system(workspace):
            raise errors.Forbidden(f"workspace {workspaces.SYSTEM} is Kronos's own: it can be read, not changed")

    async def _is_system(self, workspace: str) -> bool:
        if not _UUID.fullmatch(workspace):
            return workspace == workspaces.SYSTEM
        slugs = self.context.slugs
        if (slug := slugs.get(workspace.lower())) is None:
            if len(slugs) >= _MAX_SLUGS:
                slugs.clear()
            slug = slugs[workspace.lower()] = (await workspaces.get(self.workspace())).slug
        return slug == workspaces.SYSTEM

    def take(self, seconds: float) -> None:
        """Let this request take so long from now on, as few must."""
        deadline: asyncio.Timeout = self.scope["kronos.deadline"]
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)
        self.scope["kronos.seconds"] = seconds  # as its caller is told

    def instance(self) -> InstanceView:
        """The instance administrator's view."""
        return InstanceView(self.context.pool, self.scope["kronos.writes"])

    def workspace(self) -> WorkspaceView:
        """The view of the path's workspace; whether there is one shows at its first statement. Raises InvalidRequest."""
        return WorkspaceView(self.context.pool, self.workspace_ref(), self.scope["kronos.writes"])

    def workspace_ref(self) -> str:
        """The path's workspace, a slug or an id. Raises InvalidRequest."""
        given: str = self.path_params["w"]
        if _SLUG.fullmatch(given):
            return given
        if _UUID.fullmatch(given):
            return given.lower()
        _refuse(
            f"{_shown(given)} is neither a workspace's slug nor its id", "A slug has lower case letters, digits and -, 1 to 63 of them."
        )

    def job_ref(self) -> str:
        """The path's job, an id or a name. Raises InvalidRequest."""
        given: str = self.path_params["j"]
        if _UUID.fullmatch(given):
            return given.lower()
        if _NAME.fullmatch(given):
            return given
        _refuse(f"{_shown(given)} is neither a job's id nor its name", "A name has letters, digits, '.', '_' and '-', 1 to 127 of them.")

    def execution_id(self) -> UUID:
        """The path's execution. Raises InvalidRequest."""
        return self._id("e", "execution")

    def backfill_id(self) -> UUID:
        """The path's backfill. Raises InvalidRequest."""
        return self._id("b", "backfill")

    def _id(self, parameter: str, what: str) -> UUID:
        given: str = self.path_params[parameter]
        if _UUID.fullmatch(given):
            return UUID(given)
        _refuse(f"{_shown(given)} is no {what} id", "An id is a UUID such as 0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b.")

    def name(self) -> str:
        """The path's endpoint name. Raises InvalidRequest."""
        given: str = self.path_params["name"]
        if _NAME.fullmatch(given) and len(given) <= 63:
            return given
        _refuse(f"{_shown(given)} is no endpoint's name", "A name has letters, digits, '.', '_' and '-', 1 to 63 of them.")

    def new_name(self) -> str:
        """The path's name for an endpoint that may not be there yet. Raises InvalidRequest."""
        name = self.name()
        if _UUID.fullmatch(name):
            _refuse("a name may not look like an id", "Write a name that is no UUID.")
        return name

    def parameters(self, model: type[Model]) -> Model:
        """The query string. Raises InvalidRequest, also for a parameter that does not exist."""
        raw: bytes = self.scope["query_string"]
        if not raw:
            return model.model_validate({})
        try:
            pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict")
        except UnicodeDecodeError:
            name = _first_not_utf8(raw)
            _refuse(
                f"the query parameter {_shown(name)} is not UTF-8", "Encode the text as UTF-8, and each of its bytes as %XX.", f"/{name}"
            )
        except ValueError:
            _refuse(f"the query string has more than {_MAX_PARAMETERS} parameters", "Leave out what is not in /openapi.json.")
        given = dict(pairs)
        for name, value in pairs:
            if "\0" in name or "\0" in value:
                _refuse("the query string holds NUL", "Remove %00.", f"/{name}".replace("\0", "\ufffd"))
        if len(given) < len(pairs):
            twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
            _refuse(f"the query parameter {_shown(twice)} is given twice", "Give it once.", f"/{twice}")
        try:
            return model.model_validate(given)
        except ValidationError as error:
            faults = faults_of(error, model)
            raise errors.InvalidRequest(errors.summary("query parameter", faults), faults=faults) from None

    async def read(self, model: type[Model], *, optional: bool = False) -> Model:
        """The body. Raises InvalidRequest, PayloadTooLarge, Unprocessable."""
        if optional and not await self.body():
            return model.model_validate({})
        return await self.judged(model, await self.document())

    async def document(self) -> JsonObject:
        """The body as it came, not yet judged. Raises InvalidRequest, PayloadTooLarge."""
        raw = await self.body()
        body.check_media_type(self._content_type())
        return await self.aside(lambda: body.parse(raw))

    async def judged(self, model: type[Model], value: JsonObject) -> Model:
        """The body that `value` is. Raises Unprocessable."""
        return await self.aside(lambda: _validated(value, model))

    async def aside(self, judge: Callable[[], Judged]) -> Judged:
        """What `judge` makes of the body, which was read: beside the event loop where the body is large."""
        if len(await self.body()) <= _MAX_BYTES_ON_LOOP:
            return judge()
        return await asyncio.get_running_loop().run_in_executor(_READER, judge)

    def _content_type(self) -> bytes | None:
        return next((value for name, value in self.scope["headers"] if name == b"content-type"), None)

    def if_match(self) -> frozenset[int] | None:
        """The versions that If-Match names; None where any will do, of those that there are. Raises InvalidRequest."""
        return conditions.if_match(given) if (given := self.headers.getlist("if-match")) else None

    def held_to(self, version: int) -> frozenset[int]:
        """The version, for a change that was compared with it. Raises PreconditionFailed where If-Match does not name it."""
        if (asked := self.if_match()) is not None and version not in asked:
            raise errors.PreconditionFailed(f"it is at version {version}, which If-Match does not name")
        return frozenset({version})

    def must_exist(self) -> bool:
        """Whether If-Match asks for something to be there."""
        return "if-match" in self.headers

    def knows(self, version: int) -> bool:
        """Whether If-None-Match names the version. Raises InvalidRequest."""
        known = self.if_none_match()
        return known is None or version in known

    def if_none_match(self) -> frozenset[int] | None:
        """The versions that If-None-Match names, none where it is not there; None: whichever there is. Raises InvalidRequest."""
        return conditions.if_none_match(given) if (given := self.headers.getlist("if-none-match")) else frozenset()

    def idempotency_key(self, in_body: str | None = None) -> str | None:
        """The key that makes the call repeatable, from the header or the body. Raises InvalidRequest, Unprocessable.

        The header is a string of RFC 8941, "abc", as draft-ietf-httpapi-idempotency-key-header has it, or the key as it is: abc.
        """
        given = self.headers.getlist("idempotency-key")
        if len(given) > 1:
            _refuse_key("the header Idempotency-Key is given twice")
        key = _key(given[0]) if given else in_body
        if in_body not in (None, key):
            detail = "idempotency_key and the header Idempotency-Key differ"
            fault = Fault(pointer="/idempotency_key", detail=detail, hint="Give one of them.")
            raise errors.Unprocessable.of(fault)
        self.scope["kronos.is_repeatable"] = key is not None
        return key

    def path(self, *parts: object) -> str:
        """The path of a resource of this API, as the caller reaches it: with the proxy's prefix."""
        return "/".join([self.scope.get("root_path", ""), "v1", *map(str, parts)])


class Draft(Generic[Model]):
    """A body that was read and not judged yet: it may be an edited copy of what is there, with which the route compares it first."""

    def __init__(self, call: Call, model: type[Model], document: JsonObject) -> None:
        self.document = document
        self._call, self._model = call, model

    async def judged(self, document: JsonObject) -> Model:
        """The body that `document` is, which the route made of its own. Raises Unprocessable."""
        return await self._call.judged(self._model, document)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401  # as pydantic calls it
        """It is one already when pydantic sees it; /openapi.json has the model's schema."""
        return core_schema.json_or_python_schema(handler.generate_schema(get_args(source)[0]), core_schema.is_instance_schema(cls))


def unchanged(version: int) -> Response:
    """The answer to who has the present version already."""
    return Response(status_code=304, headers={"ETag": conditions.etag(version)})


def answer(value: object, status: int = 200, *, is_repeat: bool = False, **headers: str) -> Response:
    """The JSON answer of rows as they are; `headers` are named with _ for -. `is_repeat`: a call before, with the same key, made it."""
    content = orjson.dumps(value, reading.plain, orjson.OPT_UTC_Z)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if is_repeat:
        named["Idempotent-Replayed"] = "true"
    return Response(content, status, media_type="application/json", headers=named)


def _validated(value: JsonObject, model: type[Model]) -> Model:
    try:
        return model.model_validate(trimmed(value, model))
    except ValidationError as error:
        raise errors.Unprocessable.of(*faults_of(error, model)) from None


def _key(header: str) -> str:
    if header.startswith('"'):
        if _QUOTED_KEY.fullmatch(header):
            return re.sub(r"\\(.)", r"\1", header[1:-1])
        _refuse_key("the header Idempotency-Key begins with a quote and is not a quoted string of 1 to 255 visible ASCII characters")
    if not _KEY.fullmatch(header):
        _refuse_key("the header Idempotency-Key is not 1 to 255 visible ASCII characters")
    return header


def _refuse_key(detail: str) -> NoReturn:
    _refuse(detail, 'Use a UUID, for example, as it is or in quotes: "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b".', "/Idempotency-Key")


def _first_not_utf8(query: bytes) -> str:
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode("utf-8")
        except UnicodeDecodeError:
            return unquote_to_bytes(pair.partition(b"=")[0]).decode("utf-8", "replace")
    return ""


def _shown(given: str) -> str:
    return repr(given[:80])


def _refuse(detail: str, hint: str, pointer: str = "") -> NoReturn:
    raise errors.InvalidRequest(detail, faults=(Fault(pointer=pointer, detail=detail, hint=hint),))
