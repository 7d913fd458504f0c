"""A real Redis server on this machine for one test, which can kill, restart and reconfigure it."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from held_ports import held_port

if TYPE_CHECKING:
    import redis

BINARY = shutil.which("redis-server")
MISSING = "redis-server is not installed: run bin/install, or apt-get install redis-server"


class RedisProcess:
    """`redis-server` in its own folder, with nothing saved to disk unless requested."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, tls: bool = False) -> None:
        self.port = port or held_port()
        self._folder = folder
        self._options = options
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'rediss' if self._tls else 'redis'}://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisProcess":
        assert BINARY is not None, MISSING
        ports = ["--port", "0", "--tls-port", str(self.port)] if self._tls else ["--port", str(self.port)]
        command = [BINARY, *ports, "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "", *self._options]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self._await_listening(self._process)
        except AssertionError:
            self.stop()
            raise
        return self

    def _await_listening(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while not self._listens():
            assert process.poll() is None, (self._folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.005)  # it says nothing when it listens

    def _listens(self) -> bool:
        """Whether it answers, and is not loading its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                if self._tls:
                    return True
                probe.sendall(b"PING\r\n")
                answer = probe.recv(64)
                return bool(answer) and not answer.startswith(b"-LOADING")
        except OSError:
            return False

    def kill(self) -> None:
        """As with kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def client(self, **settings: Any) -> "redis.Redis":
        """A separate client, for the test to inspect the server."""
        import redis  # here: all of pytest's processes load this module to collect tests, and few run one that uses it
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0), protocol=2, **settings)

    def entries(self, stream: str = "orders", **settings: Any) -> list[tuple[str, dict[str, str]]]:
        with self.client(decode_responses=True, **settings) as client:
            found: list[tuple[str, dict[str, str]]] = client.xrange(stream)
        return found
