"""The OpenAPI document, made once for all pytest processes: it takes a second of CPU for each application."""

import fcntl
import json

from fastapi import FastAPI

from kronos.model import JsonObject
from servers import folder_of_all


def documented(app: FastAPI) -> FastAPI:
    """The application, whose document is the one that the first of all made. Only its servers may differ."""
    make = app.openapi

    def openapi() -> JsonObject:
        ours = folder_of_all()
        with (ours / "lock of the document").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            file = ours / "openapi.json"
            if not file.exists():
                file.write_text(json.dumps(make()))
            made: JsonObject = json.loads(file.read_text())
        return made | {"servers": [*app.servers]}

    vars(app)["openapi"] = openapi
    return app
