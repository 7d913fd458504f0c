"""Helpers for tests in which a client meets a misbehaving server."""

import json
from collections.abc import Callable

import pytest

from client.both import Both
from client.stub import Stub, answer
from factory import secret_of
from kronos.client import KronosError

KEY = "kr_live_0123456789ab_abcdefghijklmnopqrstuvwxyz012345"
WORKSPACE = json.loads(
    '{"workspace_id": "0193d5b0-0000-7000-8000-000000000000", "slug": "acme", "name": "Acme", "status": "ACTIVE",'
    ' "version": 1, "created_at": "2026-11-01T00:00:00Z", "suspended_at": null, "jobs_left": 0,'
    ' "max_concurrency": null, "in_flight": null, "organization": null}'
)


Meet = Callable[..., tuple[Stub, Both]]


def failing(client: Both, name: str, *arguments: object, **keywords: object) -> KronosError:
    with pytest.raises(KronosError) as caught:
        client.ask(name, *arguments, **keywords)
    assert secret_of(KEY) not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    return caught.value


OK = answer(200, WORKSPACE)
HTML = answer(502, b"<html><h1>Bad gateway</h1></html>", media_type="text/html")
READ = ("workspaces.get", "acme")
