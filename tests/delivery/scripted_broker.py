"""A Kafka broker for one test, on a real socket: it advertises the given address, and accepts the given users'
logins."""

import asyncio
import struct
from collections.abc import Callable

from served import served

Reply = Callable[[int, bytes], bytes | None]


class ScriptedBroker:
    """A broker for one test: it advertises the given address, and requires a SASL login if it has users."""

    def __init__(
        self,
        *,
        advertises: tuple[str, int] | None = None,
        users: dict[str, str] | None = None,
        mechanism: str = "PLAIN",
        reply: Reply | None = None,
    ) -> None:
        self._advertises, self._users, self._mechanism, self._reply = advertises, users, mechanism, reply
        self.requests: list[int] = []
        self.connections = 0

    async def __aenter__(self) -> "ScriptedBroker":
        self._server = await asyncio.start_server(served(self.talk), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def bootstrap(self) -> list[str]:
        return [f"127.0.0.1:{self.port}"]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                key, _, correlation = struct.unpack(">hhi", request[:8])
                self.requests.append(key)
                (length,) = struct.unpack(">h", request[8:10])
                body = self.answer(key, request[10 + max(length, 0) :])
                if body is None:
                    continue
                answer = struct.pack(">i", correlation) + body
                writer.write(struct.pack(">i", len(answer)) + answer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def answer(self, key: int, request: bytes) -> bytes | None:
        if self._reply is not None and (found := self._reply(key, request)) is not None:
            return found
        match key:
            case 18:  # ApiVersions, version 0
                versions = [(0, 0, 7), (3, 0, 1), (18, 0, 0), (17, 0, 1), (36, 0, 0)]
                return struct.pack(">hi", 0, len(versions)) + b"".join(struct.pack(">hhh", *each) for each in versions)
            case 3:  # Metadata, version 1
                host, port = self._advertises or ("127.0.0.1", self.port)
                broker = struct.pack(">i", 1) + _text(host) + struct.pack(">i", port) + struct.pack(">h", -1)
                partition = struct.pack(">hii", 0, 0, 1) + struct.pack(">ii", 1, 1) * 2
                topic = struct.pack(">h", 0) + _text("orders") + b"\0" + struct.pack(">i", 1) + partition
                return struct.pack(">i", 1) + broker + struct.pack(">i", 1) + struct.pack(">i", 1) + topic
            case 17:  # SaslHandshake
                return struct.pack(">h", 0) + struct.pack(">i", 1) + _text(self._mechanism)
            case 36:  # SaslAuthenticate, version 0
                _, user, password = request[4:].split(b"\0")
                is_right = (self._users or {}).get(user.decode()) == password.decode()
                if is_right:
                    return struct.pack(">hh", 0, -1) + struct.pack(">i", 0)
                return struct.pack(">h", 58) + _text("canary: wrong password") + struct.pack(">i", 0)
            case 0:  # Produce, version 7
                answer = struct.pack(">ihqqq", 0, 0, 42, -1, 0)
                return struct.pack(">i", 1) + _text("orders") + struct.pack(">i", 1) + answer + struct.pack(">i", 0)
        return None


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
