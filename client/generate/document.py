"""/openapi.json of this checkout's API."""

import os
import tempfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]
REF = "#/components/schemas/"


def load() -> Json:
    """Return the document. Needs no database."""
    from kronos import config, encryption  # imported here: other parts of the generator do not need the server
    from kronos.api import app

    with tempfile.TemporaryDirectory() as directory:
        key = Path(directory, "encryption.key")
        encryption.make_key_file(key)
        ours = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("KRONOS_")}
        try:
            settings = config.load(
                database_url="postgresql://nobody/none", admin_key_file=Path(directory, "none"), encryption_key_file=key
            )
            document: Json = app.create(settings).openapi()
        finally:
            os.environ.update(ours)
    return document


def schemas(document: Json) -> dict[str, Json]:
    """Return each schema by name."""
    found: dict[str, Json] = document["components"]["schemas"]
    return found


def name_of(schema: Json) -> str | None:
    """Return the name of the schema that this one refers to, if it is only a reference."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).removeprefix(REF)


def references(value: object) -> list[str]:
    """Return the names of the schemas that a value refers to, each once, in order."""
    found: dict[str, None] = {}

    def look(inner: object) -> None:
        if isinstance(inner, dict):
            if isinstance(reference := inner.get("$ref"), str):
                found[reference.removeprefix(REF)] = None
            for each in inner.values():
                look(each)
        elif isinstance(inner, list):
            for each in inner:
                look(each)

    look({name: each for name, each in value.items() if name != "discriminator"} if isinstance(value, dict) else value)
    return list(found)


def answers(operation: Json) -> dict[str, Json]:
    """Return the schema of each successful response by status, without those that have no body."""
    return {
        status: next(iter(response["content"].values()))["schema"]
        for status, response in operation["responses"].items()
        if status < "300" and response.get("content")
    }


def media_type(operation: Json) -> str:
    """Return the media type of a successful response; "" if it has no body."""
    return next(
        (
            str(next(iter(response["content"])))
            for status, response in operation["responses"].items()
            if status < "300" and response.get("content")
        ),
        "",
    )
