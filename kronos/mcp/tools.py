"""What all tools have in common: how they ask the API, what they answer, and how they are told apart."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
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

_T = TypeVar("_T")
_P = ParamSpec("_P")
_MARK = "_kronos_annotations"

Limit = Annotated[int, Field(ge=1, le=100, description="How many at most; fewer come where they are large.")]
Cursor = Annotated[str | None, Field(description="next_cursor of the answer before, with the same filters.")]
# As the API has them. What is no name is no part of a path: `..` would be, to a proxy.
JobRef = Annotated[
    str,
    Field(
        pattern=f"^{JOB_NAME}$",
        description="A job's name, which means it with all its versions, or the id of a version.",
    ),
]
EndpointName = Annotated[str, Field(pattern=f"^{ENDPOINT_NAME}$", description="An endpoint's name.")]
Id = Annotated[str, Field(pattern=f"^(?i:{UUID_FORM.pattern})$", description="Its id, a UUID.")]
Instant = Annotated[str | None, Field(description="RFC 3339 with an offset, such as 2026-12-01T09:00:00Z.")]


class Rows(BaseModel):
    """Some rows of a list."""

    model_config = ConfigDict(title="Rows")

    items: list[JsonObject] = Field(description="The rows, as the API gives them.")
    next_cursor: str | None = Field(description="Give it as cursor to go on; null: there are no more.")
    note: str | None = Field(description="What was left out of this answer, and how to get it.")


class Shown(BaseModel):
    """One thing."""

    model_config = ConfigDict(title="Shown")

    document: JsonObject = Field(description="It, as the API gives it.")
    note: str | None = Field(description="What was left out of this answer, and how to get it.")


class Shaped:
    """Of a JSON object that goes to the API as it is: what a model of the API's says that it has in it."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


@dataclass(frozen=True, slots=True)
class Asking:
    """The API as the tools ask it: aside, so that a call that is cancelled is left at once, and the end of the input
    is the end of the process."""

    api: Api

    async def get(self, *path: str, **query: str | int | None) -> JsonObject:
        """What is there. Raises ToolError."""
        return await _aside(lambda: _object(self.api.get(*path, fields=(), **_texts(query))))

    async def show(self, *path: str, **query: str | int | None) -> Shown:
        """What is there, as a tool answers it. Raises ToolError."""
        return document(await self.get(*path, **query))

    async def send(
        self, method: str, *path: str, body: Json = None, key: str | None = None, if_match: str | None = None
    ) -> JsonObject:
        """Changes something. Raises ToolError."""
        return await _aside(lambda: _object(self.api.send(method, *path, body=body, key=key, if_match=if_match)))

    async def judge(self, *path: str, body: JsonObject) -> JsonObject:
        """What the API says of something that belongs to no workspace. Raises ToolError."""
        return await _aside(lambda: _object(self.api.of(None).send("POST", *path, body=body)))

    async def instance(self, *path: str) -> JsonObject:
        """What belongs to no workspace. Raises ToolError."""
        return await _aside(lambda: _object(self.api.of(None).get(*path)))

    async def page(self, *path: str, limit: int, **query: str | int | None) -> Rows:
        """Rows of a list. Where they are too large for one answer, fewer are asked for, so that the cursor goes on
        after the last that is shown. Raises ToolError."""
        found = await self.get(*path, limit=limit, **query)
        fit = fitting(found["data"])
        if fit < len(found["data"]):
            found = await self.get(*path, limit=fit, **query)
        rows, note = bounded(found["data"])
        if fit < limit and found.get("next_cursor"):
            note = " ".join(filter(None, [f"Only {fit} of {limit} in this answer: go on with next_cursor.", note]))
        return Rows(
            items=[row for row in rows if isinstance(row, dict)], next_cursor=found.get("next_cursor"), note=note
        )


def document(found: JsonObject, note: str | None = None) -> Shown:
    """A thing as a tool answers it."""
    shown, cut = bounded(found)
    return Shown(document=shown, note=" ".join(filter(None, [note, cut])) or None)


async def _aside(work: Callable[[], _T]) -> _T:
    """What `work` returns, out of a thread that nobody waits for. Raises ToolError."""
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
        except Exception as error:  # the caller raises it, in its own thread
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
    """A tool as it is listed."""

    name: str
    title: str
    run: Callable[..., Awaitable[BaseModel]]
    annotations: ToolAnnotations


def tool(
    *, writes: bool = False, destroys: bool = False, repeatable: bool = True, calls_out: bool = False
) -> Callable[[Callable[_P, Awaitable[_T]]], Callable[_P, Awaitable[_T]]]:
    """Makes a tool of a method: its name is the method's, its description the docstring."""
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
    """The tools of an object, in the order in which its class has them."""
    for name in vars(type(tools)):
        method = getattr(tools, name)
        annotations: Any = getattr(method, _MARK, None)
        if annotations is not None and inspect.iscoroutinefunction(method):
            title = name.replace("_", " ").capitalize()
            yield Described(name=name, title=title, run=method, annotations=annotations)
