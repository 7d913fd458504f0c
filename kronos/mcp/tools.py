"""Shared code of all tools: how they call the API, what they return, and how they are described."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, ParamSpec, TypeVar

import click
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kronos.api.fields import ENDPOINT_NAME, JOB_NAME, UUID_FORM
from kronos.cli.command import Api
from kronos.mcp.bounds import bounded, fitting
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_T = TypeVar("_T")
_P = ParamSpec("_P")
_MARK = "_kronos_annotations"

Limit = Annotated[int, Field(ge=1, le=100, description="Maximum number of rows; fewer are returned if they are large.")]
Cursor = Annotated[str | None, Field(description="next_cursor of the previous response, with the same filters.")]
# As in the API. Anything else must not become part of a path: a proxy would interpret `..`.
JobRef = Annotated[
    str,
    Field(
        pattern=f"^{JOB_NAME}$",
        description="A job's name, which covers all its versions, or the id of one version.",
    ),
]
EndpointName = Annotated[str, Field(pattern=f"^{ENDPOINT_NAME}$", description="Name of an endpoint.")]
Id = Annotated[str, Field(pattern=f"^(?i:{UUID_FORM.pattern})$", description="The id, a UUID.")]
Instant = Annotated[str | None, Field(description="RFC 3339 with an offset, such as 2026-12-01T09:00:00Z.")]
JobTime = Annotated[
    str | None,
    Field(
        description="RFC 3339, such as 2026-12-01T09:00:00Z; or without an offset, such as 2026-12-01T09:00: a local "
        "time in the job's zone."
    ),
]


class Rows(BaseModel):
    """Some rows of a list."""

    model_config = ConfigDict(title="Rows")

    items: list[JsonObject] = Field(description="The rows, as in the API.")
    next_cursor: str | None = Field(description="Pass it as cursor to get the next rows; null: there are no more.")
    note: str | None = Field(description="What this response leaves out, and how to get it.")


class Shown(BaseModel):
    """One resource."""

    model_config = ConfigDict(title="Shown")

    document: JsonObject = Field(description="The resource, as in the API.")
    note: str | None = Field(description="What this response leaves out, and how to get it.")


class Shaped:
    """Gives a JSON object that is passed to the API unchanged the schema of the API's model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


@dataclass(frozen=True, slots=True)
class Asking:
    """The API, called in threads. So a cancelled call returns immediately, and the process ends when its input ends."""

    api: Api

    async def get(self, *path: str, **query: str | int | None) -> JsonObject:
        """Return a resource. Raises ToolError."""
        return await _aside(lambda: _object(self.api.get(*path, fields=(), **_texts(query))))

    async def show(self, *path: str, **query: str | int | None) -> Shown:
        """Return a resource in the form of a tool's response. Raises ToolError."""
        return document(await self.get(*path, **query))

    async def send(
        self, method: str, *path: str, body: Json = None, key: str | None = None, if_match: str | None = None
    ) -> JsonObject:
        """Send a change. Raises ToolError."""
        return await _aside(lambda: _object(self.api.send(method, *path, body=body, key=key, if_match=if_match)))

    async def judge(self, *path: str, body: JsonObject) -> JsonObject:
        """Return the API's verdict on something that belongs to no workspace. Raises ToolError."""
        return await _aside(lambda: _object(self.api.of(None).send("POST", *path, body=body)))

    async def instance(self, *path: str) -> JsonObject:
        """Return a resource that belongs to no workspace. Raises ToolError."""
        return await _aside(lambda: _object(self.api.of(None).get(*path)))

    async def require_named(self, filters: Mapping[str, str | int | None]) -> None:
        """Raises ToolError if a filter names something that does not exist."""
        await _aside(lambda: self.api.require_named(filters))

    async def page(self, *path: str, limit: int, **query: str | int | None) -> Rows:
        """Return rows of a list. If they are too large for one response, fewer are requested, so that the cursor
        continues after the last row returned. Raises ToolError."""
        found = await self.get(*path, limit=limit, **query)
        if not found["data"] and found.get("next_cursor") is None:
            await self.require_named(query)
        fit = fitting(found["data"])
        if fit < len(found["data"]):
            found = await self.get(*path, limit=fit, **query)
        rows, note = bounded(found["data"])
        if (given := len(found["data"])) < limit and found.get("next_cursor"):  # a page of a search may be empty
            note = " ".join(
                filter(None, [f"This response has only {given} of {limit}: continue with next_cursor.", note])
            )
        return Rows(
            items=[row for row in rows if isinstance(row, dict)], next_cursor=found.get("next_cursor"), note=note
        )


def document(found: JsonObject, note: str | None = None) -> Shown:
    """Return a resource in the form of a tool's response."""
    shown, cut = bounded(found)
    return Shown(document=shown, note=" ".join(filter(None, [note, cut])) or None)


async def _aside(work: Callable[[], _T]) -> _T:
    """Return the result of `work`, run in a thread that nothing waits for. Raises ToolError."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where _T is

    def run() -> None:
        result: _T | None = None
        raised: Exception | None = None
        try:
            result = work()
        except click.ClickException as error:
            raised = ToolError(error.format_message())
        except Exception as error:  # raised again in the caller's thread
            raised = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=run, name="api", daemon=True).start()
    return await done


def _object(found: Json) -> JsonObject:
    return found if isinstance(found, dict) else {}


def _texts(query: dict[str, str | int | None]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in query.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A tool as the server lists it."""

    name: str
    title: str
    run: Callable[..., Awaitable[BaseModel]]
    annotations: ToolAnnotations


def tool(
    *, writes: bool = False, destroys: bool = False, repeatable: bool = True, calls_out: bool = False
) -> Callable[[Callable[_P, Awaitable[_T]]], Callable[_P, Awaitable[_T]]]:
    """Turn a method into a tool: its name is the method's, its description the docstring."""
    annotations = ToolAnnotations(
        read_only_hint=not writes,
        destructive_hint=destroys,
        idempotent_hint=repeatable,
        open_world_hint=calls_out,
    )

    def mark(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
        setattr(method, _MARK, annotations)
        return method

    return mark


def described(tools: object) -> Iterator[Described]:
    """Yield the tools of an object, in the order of its class."""
    for name in vars(type(tools)):
        method = getattr(tools, name)
        annotations: Any = getattr(method, _MARK, None)
        if annotations is not None and inspect.iscoroutinefunction(method):
            title = name.replace("_", " ").capitalize()
            yield Described(name=name, title=title, run=method, annotations=annotations)
