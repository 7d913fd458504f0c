"""A receiver for real workers, in threads of this process."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink:
    """A receiver that records the key of each request."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.timestamps: dict[str, int] = {}
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                sink.keys.append(self.headers["webhook-id"])
                sink.timestamps[self.headers["webhook-id"]] = int(self.headers["webhook-timestamp"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
