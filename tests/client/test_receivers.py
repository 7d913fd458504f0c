"""The receivers of docs/client.md, exactly as printed there, accept a real worker's deliveries and nothing else."""

import importlib.util
import secrets
import sys
import threading
import wsgiref.simple_server
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from client.conftest import Instance
from conftest import await_condition, make_workspace
from kronos.client import Kronos, WorkspaceClient

EXAMPLES = Path(__file__).parents[2] / "client" / "examples"


def loaded(name: str) -> ModuleType:
    """The example, loaded as a module."""
    from django.urls import clear_url_caches

    spec = importlib.util.spec_from_file_location(f"receiver_{name}", EXAMPLES / f"receiver_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Django looks up its urls by name
    spec.loader.exec_module(module)
    clear_url_caches()  # of the one that was loaded before
    return module


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(name: str, app: Any) -> Iterator[str]:
    """The example on a port."""
    if name == "fastapi":
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        await_condition(lambda: server.started, "the example to start")
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
        return
    with wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet) as plain:
        thread = threading.Thread(target=plain.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{plain.server_address[1]}"
        finally:
            plain.shutdown()


@pytest.fixture(scope="module")
def signing() -> dict[str, str]:
    """A shared secret, and a private key."""
    made = {"shared": "whsec_", "private": "whsk_"}
    return {name: prefix + b64encode(secrets.token_bytes(32)).decode() for name, prefix in made.items()}


@pytest.fixture(scope="module")
def acme(instance: Instance, signing: dict[str, str]) -> Iterator[WorkspaceClient]:
    with Kronos(instance.url, instance.api.key) as kronos:
        acme = kronos.workspace(make_workspace(instance.api.client))
        for name, value in signing.items():
            acme.secrets.put(name, value=value)
        yield acme


@pytest.mark.parametrize("scheme", ["shared", "private"])
@pytest.mark.parametrize("name", ["fastapi", "flask", "django"])
def test_it_takes_what_is_delivered_and_nothing_else(
    name: str, scheme: str, acme: WorkspaceClient, signing: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"{name}-{scheme}"
    acme.endpoints.create(
        name=endpoint, type="HTTP", spec={"url": "http://127.0.0.1:9/hook"}, signing_secrets=["shared", "private"]
    )
    (shared, private) = acme.endpoints.signing_keys(endpoint).data
    known = signing["shared"] if scheme == "shared" else private.public_key
    monkeypatch.setenv("KRONOS_SIGNING_SECRETS", f"{known}")
    module = loaded(name)
    with served(name, module.app) as url:
        acme.endpoints.put(
            endpoint,
            type="HTTP",
            spec={"url": f"{url}/hook"},
            signing_secrets=["shared", "private"],
            retry_policy={"max_attempts": 1},
        )
        job = acme.jobs.create(endpoint=endpoint, trigger="IMMEDIATE", input={"id": 7})
        (execution,) = acme.jobs.executions(job.job_id)
        acme.wait_for(execution, seconds=60)
        assert module.done == {str(execution.execution_id)}
        assert shared.scheme == "v1"
        forged = httpx.post(f"{url}/hook", json={"id": 7}, headers={"webhook-id": "x"}, timeout=60)
        assert (forged.status_code, "missing_header" in forged.text) == (400, True)
        assert len(module.done) == 1
