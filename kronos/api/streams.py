"""Answers that are written as they are read: as long as who asked may have them, and never taken for whole where they
are not."""

from collections.abc import AsyncIterator, Callable
from typing import cast

from starlette.responses import StreamingResponse

from kronos import errors
from kronos.api.call import Call
from kronos.lines import Log
from kronos.model import Role

_log = Log("kronos.api")


def streamed(call: Call, needs: Role, parts: AsyncIterator[bytes], media_type: str) -> StreamingResponse:
    """The answer that is made of these parts, while its caller has the role that it `needs`. Where that is over, or a
    part cannot be read, its connection is cut."""
    return StreamingResponse(_while_allowed(call, needs, parts), media_type=media_type)


async def _while_allowed(call: Call, needs: Role, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            await call.remains(needs)
            yield part
    except errors.KronosError as error:
        cut = cast(Callable[[], None] | None, call.scope.get("kronos.cut"))
        if cut is None:  # not served by kronos.api.protocol: its server knows what it does then
            raise
        named = call.scope["kronos.request_id"]
        _log.warning("request.cut", "%s is cut off in its answer: %s: %s", named, error.code, error)
        cut()
