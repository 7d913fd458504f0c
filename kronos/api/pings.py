"""Routes that a heartbeat's job calls: the token in the path is all that they need. GET, HEAD and POST, so that
whatever a host has can call them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from kronos import beats, errors
from kronos.api.call import Call, answer
from kronos.api.operation import Router
from kronos.beats import Ping, PingKind
from kronos.database import WorkspaceView
from kronos.delivery.sanitise import storable_text
from kronos.redaction import redacted

router = Router("/ping", tags=["heartbeats"])
MOST_LOG_BYTES = 10_000
_RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_CODE = re.compile(r"[0-9]{1,3}", re.ASCII)
_DURATION = re.compile(r"[0-9]{1,11}", re.ASCII)
_MOST_AGENT, _MOST_DURATION_MS = 200, 31_536_000_000
_KINDS: Mapping[str, PingKind] = {"": "SUCCESS", "start": "START", "fail": "FAIL", "log": "LOG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PingAnswer:
    """What became of a ping: TAKEN, REPEATED (it had come before), PAUSED (kept, and not counted)."""

    outcome: str


Token = Annotated[str, Path(alias="token", description="The heartbeat's.")]
Signal = Annotated[str, Path(alias="signal", description="start, fail, log or an exit code.")]


@router.get("/{token}", needs=None, include_in_schema=False)
async def get_ping(call: Call, token: Token) -> Response:
    """It went well."""
    return await _taken(call, token, "")


@router.post("/{token}", needs=None, include_in_schema=False)
async def post_ping(call: Call, token: Token) -> Response:
    """It went well, and printed this."""
    return await _taken(call, token, "")


@router.get("/{token}/{signal}", needs=None, include_in_schema=False)
async def get_ping_signal(call: Call, token: Token, signal: Signal) -> Response:
    """It begins, it failed, it ended with this exit code."""
    return await _taken(call, token, signal)


@router.post("/{token}/{signal}", needs=None, include_in_schema=False)
async def post_ping_signal(call: Call, token: Token, signal: Signal) -> Response:
    """The same, and it printed this."""
    return await _taken(call, token, signal)


async def _taken(call: Call, token: str, signal: str) -> Response:
    pings = call.context.pings
    guess = pings.begin(token, call.host)
    try:
        ping = _ping(call, signal, await call.body())
        view = WorkspaceView(call.context.pool, "", call.scope["kronos.writes"])
        taken = await beats.take(view, token, ping)
    except BaseException:
        pings.is_undecided(guess)
        raise
    pings.ended(guess, taken)
    return answer(PingAnswer(outcome=taken.outcome or ""))


def _ping(call: Call, signal: str, body: bytes) -> Ping:
    """What is said. Raises InvalidRequest."""
    kind, exit_code = _KINDS.get(signal), None
    if kind is None:
        if not _CODE.fullmatch(signal) or (exit_code := int(signal)) > 255:
            hint = "Ping the URL as it is, or with /start, /fail, /log or an exit code from 0 to 255 behind it."
            raise errors.InvalidRequest.of(f"{signal[:40]!r} is nothing that a heartbeat says", hint)
        kind = "FAIL" if exit_code else "SUCCESS"
    run_id, duration = call.query_params.get("rid"), call.query_params.get("duration_ms")
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        hint = "Use a UUID, for example: 1 to 64 letters, digits, '.', '_', ':' and '-'."
        raise errors.InvalidRequest.of("rid is no id of a run", hint, "/rid")
    if duration is not None and not (_DURATION.fullmatch(duration) and int(duration) <= _MOST_DURATION_MS):
        raise errors.InvalidRequest.of("duration_ms is no duration", "Write whole milliseconds.", "/duration_ms")
    is_log_cut = len(body) > MOST_LOG_BYTES
    # its own URL among them, which is in its environment: who reads what it printed may not ping
    body = redacted(body.decode("latin-1")).encode("latin-1")
    log = (
        body[-MOST_LOG_BYTES:].decode(errors="ignore") if len(body) > MOST_LOG_BYTES else body.decode(errors="replace")
    )
    return Ping(
        kind=kind,
        exit_code=exit_code,
        run_id=run_id,
        duration_ms=None if duration is None else int(duration),
        log=storable_text(log, max_bytes=MOST_LOG_BYTES) or None,
        is_log_cut=is_log_cut,
        method="HEAD" if call.scope.get("kronos.is_head") else call.method,
        address=call.host or None,
        agent=storable_text(redacted(call.headers.get("user-agent", "")))[:_MOST_AGENT] or None,
    )
