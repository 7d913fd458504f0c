"""Routes that a heartbeat's job calls. They need no key: the token in the path is enough. They accept GET, HEAD and
POST, so that any HTTP tool on the host can call them."""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from kronos import beats, errors
from kronos.api.call import Call, answer
from kronos.api.operation import Router
from kronos.beats import Ping, PingKind
from kronos.database import WorkspaceView
from kronos.delivery.sanitise import storable_tail, storable_text
from kronos.records import dataclass
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
    """The outcome of a ping: TAKEN, REPEATED (received before) or PAUSED (stored but not counted)."""

    outcome: str


Token = Annotated[str, Path(alias="token", description="Token of the heartbeat.")]
Signal = Annotated[str, Path(alias="signal", description="start, fail, log or an exit code.")]


@router.get("/{token}", needs=None, include_in_schema=False)
async def get_ping(call: Call, token: Token) -> Response:
    """Report success."""
    return await _taken(call, token, "")


@router.post("/{token}", needs=None, include_in_schema=False)
async def post_ping(call: Call, token: Token) -> Response:
    """Report success, with the output as the body."""
    return await _taken(call, token, "")


@router.get("/{token}/{signal}", needs=None, include_in_schema=False)
async def get_ping_signal(call: Call, token: Token, signal: Signal) -> Response:
    """Report a start, a failure or an exit code."""
    return await _taken(call, token, signal)


@router.post("/{token}/{signal}", needs=None, include_in_schema=False)
async def post_ping_signal(call: Call, token: Token, signal: Signal) -> Response:
    """Report a start, a failure or an exit code, with the output as the body."""
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
    """Return the ping that a request reports. Raises InvalidRequest."""
    kind, exit_code = _KINDS.get(signal), None
    if kind is None:
        if not _CODE.fullmatch(signal) or (exit_code := int(signal)) > 255:
            hint = "Ping the URL as it is, or append /start, /fail, /log or an exit code from 0 to 255."
            raise errors.InvalidRequest.of(f"{signal[:40]!r} is not a ping signal", hint)
        kind = "FAIL" if exit_code else "SUCCESS"
    run_id, duration = call.query_params.get("rid"), call.query_params.get("duration_ms")
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        hint = "Use 1 to 64 letters, digits, '.', '_', ':' and '-', for example a UUID."
        raise errors.InvalidRequest.of("rid is not a valid run id", hint, "/rid")
    if duration is not None and not (_DURATION.fullmatch(duration) and int(duration) <= _MOST_DURATION_MS):
        raise errors.InvalidRequest.of("duration_ms is not a duration", "Write whole milliseconds.", "/duration_ms")
    # Redacts secrets, including the ping URL in the job's environment: readers of the output must not be able to ping.
    clean = redacted(body.decode("latin-1")).encode("latin-1")
    log, is_log_cut = storable_tail(clean, max_bytes=MOST_LOG_BYTES)
    return Ping(
        kind=kind,
        exit_code=exit_code,
        run_id=run_id,
        duration_ms=None if duration is None else int(duration),
        log=log or None,
        is_log_cut=is_log_cut or len(body) > MOST_LOG_BYTES,
        method="HEAD" if call.scope.get("kronos.is_head") else call.method,
        address=call.host or None,
        agent=storable_text(redacted(call.headers.get("user-agent", "")))[:_MOST_AGENT] or None,
    )
