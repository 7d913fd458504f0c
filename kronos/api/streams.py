"""Responses that are sent while they are read. They stop when the caller loses access, and an incomplete one is never
taken for complete."""

from collections.abc import AsyncIterator, Callable
from typing import cast

from starlette.responses import StreamingResponse

from kronos import errors
from kronos.api.call import Call
from kronos.lines import Log
from kronos.model import Role

_log = Log("kronos.api")


def streamed(call: Call, needs: Role, parts: AsyncIterator[bytes], media_type: str) -> StreamingResponse:
    """Return a response made of these parts, for as long as the caller has the role it `needs`. When the caller loses
    it, or a part cannot be read, the connection is cut."""
    return StreamingResponse(_while_allowed(call, needs, parts), media_type=media_type)


async def _while_allowed(call: Call, needs: Role, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            await call.remains(needs)
            yield part
    except errors.KronosError as error:
        cut = cast(Callable[[], None] | None, call.scope.get("kronos.cut"))
        if cut is None:  # not served by kronos.api.protocol: the server handles the error
            raise
        named = call.scope["kronos.request_id"]
        _log.warning("request.cut", "the response to %s was cut off: %s: %s", named, error.code, error)
        cut()
