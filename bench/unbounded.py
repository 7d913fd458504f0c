"""The API served by another server, without limits: `python -m bench.unbounded uvicorn|hypercorn|granian PORT`. The
reference of bench.doors."""

import os
import sys

from kronos import config, logs
from kronos.api import app as api

_COMMANDS = {
    "uvicorn": (
        "uvicorn",
        "--factory",
        "--http",
        "httptools",
        "--loop",
        "uvloop",
        "--no-access-log",
        "--log-level",
        "error",
        "--port",
    ),
    "hypercorn": ("hypercorn", "--worker-class", "uvloop", "--log-level", "error", "--bind"),
    "granian": ("granian", "--factory", "--interface", "asgi", "--http", "1", "--loop", "uvloop", "--no-log", "--port"),
}


def app() -> object:
    """Return the application."""
    settings = config.load()
    logs.configure(settings)
    return api.create(settings)


if __name__ == "__main__":
    server, port = sys.argv[1:]
    of_app = "bench.unbounded:app()" if server == "hypercorn" else "bench.unbounded:app"
    where = f"127.0.0.1:{port}" if server == "hypercorn" else port
    os.execv(sys.executable, [sys.executable, "-m", *_COMMANDS[server], where, of_app])  # our own command
