"""A server with scripted answers for tests of the client: invalid, late or missing ones included."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str | None:
        """Its idempotency key, from the header or the body."""
        in_body = json.loads(self.body).get("idempotency_key") if self.body else None
        return self.headers.get("idempotency-key") or in_body


Answering = Callable[[Asked], "bytes | Iterable[bytes]"]
Whole = Callable[[Asked], bytes]


def answer(status: int, body: object = None, *, media_type: str = "application/json", **headers: str) -> Whole:
    """Answer with this, as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {media_type}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    told = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content
    return lambda asked: told


def problem(status: int, code: str, *, errors: object = None, **headers: str) -> Whole:
    """Answer with an error of the API's."""
    told = {"type": "about:blank", "title": code, "status": status, "detail": f"it is {code}", "code": code}
    told |= {"request_id": "r-1", "instance": "/"} | ({} if errors is None else {"errors": errors})
    return answer(status, told, media_type="application/problem+json", Request_Id="r-1", **headers)


def nothing(asked: Asked) -> bytes:
    """Close the connection without sending a byte."""
    return b""


@dataclass
class Stub:
    """Answers requests in turn; the last answer repeats for all further requests."""

    script: list[Answering]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def answering(self, asked: Asked) -> Answering:
        self.asked.append(asked)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def relayed(api: str, *, is_cut: bool) -> Answering:
    """Forward the request to the API at this address; with is_cut, its answer is lost."""

    def relay(asked: Asked) -> bytes:
        headers = {name: value for name, value in asked.headers.items() if name not in ("host", "content-length")}
        with httpx.Client(timeout=60) as client:
            told = client.request(asked.method, api + asked.path, headers=headers, content=asked.body or None)
        if is_cut:
            return b""
        kept = {"Content-Type": told.headers["content-type"], "Request-Id": told.headers["request-id"]}
        return answer(told.status_code, told.content, media_type=kept["Content-Type"])(asked)

    return relay


@contextmanager
def stub(*script: Answering) -> Iterator[Stub]:
    """The server, on a free port, with a thread per connection."""
    made = Stub(list(script))
    listener = socket.create_server(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    is_over = threading.Event()

    def serve() -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                connection, _ = listener.accept()
                made.connections += 1
                threading.Thread(target=_talk, args=(connection, made, is_over), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield made
    finally:
        is_over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _talk(connection: socket.socket, made: Stub, is_over: threading.Event) -> None:
    with connection, suppress(OSError):  # a client that has enough disconnects
        while (asked := _request(connection)) is not None:
            told = made.answering(asked)(asked)
            for part in [told] if isinstance(told, bytes) else told:
                if is_over.is_set():
                    return
                connection.sendall(part)
            if not isinstance(told, bytes) or b"Content-Length" not in told or b"Connection: close" in told:
                return


def _request(connection: socket.socket) -> Asked | None:
    held = b""
    while b"\r\n\r\n" not in held:
        if not (more := connection.recv(65536)):
            return None
        held += more
    head, _, body = held.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, body)
