"""A server that answers each request with a document that any command can read, or as a test says, and records the
requests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_AT = "2026-12-01T09:00:00Z"
_ID = "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"
_ROW = {
    "job_id": _ID,
    "key_id": _ID,
    "public_id": "abcdefabcdef",
    "mapping_id": _ID,
    "group": "reporters",
    "at": _AT,
    "runs": 1,
    "dst": None,
    "local": _AT,
    "name": "report",
}
ANYTHING: dict[str, Any] = {
    **_ROW,
    "data": [_ROW],
    "jobs": [_ROW],
    "next_cursor": None,
    "execution_id": _ID,
    "operation_id": _ID,
    "backfill_id": _ID,
    "workspace": "acme",
    "slug": "acme",
    "status": "SUCCESS",
    "warnings": [],
    "steps": [],
    "spec": {},
    "retry_policy": {},
    "type": "HTTP",
    "version": 1,
    "override": {"success_days": None, "failure_days": None},
    **dict.fromkeys(
        (
            "max_cron_jobs",
            "max_executions_per_day",
            "max_input_bytes",
            "max_concurrency",
            "max_alarms_per_minute",
            "max_heartbeats",
            "max_alert_rules",
        )
    ),
    "execution": {"execution_id": _ID, "status": "SUCCESS"},
    "key": "kr_live_x",
    "retention": {"success_days": 1},
    "partitions": [],
    "runs": [1],
    "busiest": [],
    "pg_cron_per_minute": 8000,
    "worker_per_minute": 1000,
    "number": 1,
    "hash": "0" * 64,
    "differences": 0,
    "done": 1,
    "refused": [],
    "count": 1,
    "is_more": False,
    "description": "At 09:00",
    "next_runs": [],
    "skipped": [],
    "lints": [],
    "preview": {"lints": []},
    "minutes": [],
    "failing": [],
    "late": [],
    "alerts": [],
    "queue": {},
    "workers": [],
    "dead_letters": {},
    "pg_cron": {},
    "decision": "RAN",
    "because": "it ran",
    "code": "ran",
    "tick": _AT,
    "title": None,
    "ticks": 1,
    "before": 1,
    "values": {},
    "schema": {},
    "kind": "key",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived."""

    line: str
    """Its method, and its path in the workspace acme, or from the root."""
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Answering:
    """A running server: `url` is its address, `asked` the method and path of each request."""

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, tuple[int, Any] | list[tuple[int, Any]]] = field(default_factory=dict)
    """Status and document by a request's line, or one after the other; others are answered with ANYTHING."""

    def answer(self, line: str) -> tuple[int, Any]:
        """Return the next answer to a request; the last one stays."""
        told = self.answers.get(line, (200, ANYTHING))
        return told if isinstance(told, tuple) else told.pop(0) if len(told) > 1 else told[0]


@contextmanager
def answering() -> Iterator[Answering]:
    made = Answering(url="")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = _sent(self)
            made.sent.append(sent)
            made.asked.append((self.command.lower(), unquote(self.path.partition("?")[0])))
            if self.path.partition("?")[0].endswith("/events"):
                self.send_error(418)  # rejects a stream, and so ends it
                return
            self._say(*made.answer(sent.line))

        def _say(self, status: int, document: object) -> None:
            body = b"" if status == 204 else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, format: str, *arguments: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
    finally:
        server.shutdown()
        server.server_close()


def _sent(request: BaseHTTPRequestHandler) -> Sent:
    content = request.rfile.read(int(request.headers.get("Content-Length", 0)))
    parts = urlsplit(request.path)
    return Sent(
        line=f"{request.command} {unquote(parts.path).removeprefix('/v1/workspaces/acme/')}",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=json.loads(content) if content else None,
    )
