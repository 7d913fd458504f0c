"""A server for tests that answers where an API should be."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Stranger:
    """A server at an address where an API was, or is expected: `url`, the requests that it received, and its answer."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._asked: list[str] = []
        self._answer = (200, b"{}")
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answers(self, status: int, body: bytes) -> None:
        self._answer = status, body

    def asked_by(self, act: Callable[[], object]) -> str:
        """Return the Authorization headers that it received during `act`."""
        self._asked.clear()
        act()
        return " ".join(self._asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stranger._asked.append(self.headers["Authorization"] or "")
                status, body = stranger._answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                """Write no log."""

        return Handler
