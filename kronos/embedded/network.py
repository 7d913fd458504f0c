"""The API as its supervisor sees it: its address, and whether it is ready."""

import http.client
import socket
import time
import urllib.error
import urllib.request

from kronos import listening
from kronos.embedded import ports
from kronos.embedded.errors import EmbeddedError
from kronos.records import dataclass

# An API that waits for PostgreSQL answers with the reason after 3 s (kronos/pool.py).
_ANSWER_WITHIN_SECONDS = 5.0
# The shell's http_proxy does not apply to our own child.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where such a listener is reached from this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyAnswer:
    """One response of /readyz; `answer` is its text, or why there was none."""

    is_ready: bool
    answer: str


def url(host: str, port: int) -> str:
    """Return the URL of the API that listens on `host` and `port`, from this machine."""
    reached = _EVERYWHERE.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def require_listenable(host: str) -> None:
    """Check once that `host` is an address of this machine, or a name of one. Raises EmbeddedError with the system's
    message."""
    reason = ports.refusal(0, host)
    if reason is not None:
        raise EmbeddedError(
            f"cannot listen on {host!r}: {reason}. Set --host (KRONOS_HOST) to an address of this machine"
        )


def listen(host: str, port: int, *, patience: float) -> socket.socket:
    """Listen on `host` and `port` as soon as possible, within `patience` seconds. Raises EmbeddedError."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return listening.listen(host, port)
        except OSError as error:
            if error.errno in ports.OURS:
                raise
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"cannot listen on {host} port {port}: {error.strerror}. Choose another --port (KRONOS_PORT), "
                    "0 finds a free one"
                ) from None
        time.sleep(0.1)  # nothing signals that another process released a port


def readiness(base_url: str) -> ReadyAnswer:
    """Return the current response of /readyz."""
    try:
        with _direct.open(f"{base_url}/readyz", timeout=_ANSWER_WITHIN_SECONDS) as response:
            return ReadyAnswer(is_ready=response.status == 200, answer=response.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return ReadyAnswer(is_ready=False, answer=error.read().decode(errors="replace"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return ReadyAnswer(is_ready=False, answer=str(error) or type(error).__name__)
