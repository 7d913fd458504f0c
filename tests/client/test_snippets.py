"""Each snippet of the client's page runs as printed, in one sequence on one workspace, and calls the method it is
for."""

import functools
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kronos.client
import kronos.client.models
from client.conftest import Instance, receiving
from conftest import make_workspace
from generate import docs
from kronos.client import Kronos

ROOT = Path(__file__).parents[2]
SNIPPETS = docs.snippets(ROOT)
FIRST, TASKS, ERRORS, *OF_PYTEST = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "client" / "guide.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def public_methods() -> set[str]:
    """The public methods, as snippets name them."""
    made = Kronos("http://127.0.0.1:1", "k")
    names = {"wait_for", "events"}
    for owner in (made, made.workspace("acme")):
        for resource, its in vars(owner).items():
            if not resource.startswith("_"):
                prefix = "instance " if resource == "audit" and owner is made else ""
                names |= {f"{prefix}{resource}.{method}" for method in dir(its) if not method.startswith("_")}
    return names


def test_each_method_has_a_snippet() -> None:
    assert set(SNIPPETS) == public_methods()


def noting(client: Kronos, called: list[str], patched: pytest.MonkeyPatch) -> None:
    """Record which methods of the resources are called, by the names of the snippets."""

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: object, **keywords: object) -> Any:
            called.append(name)
            return function(*arguments, **keywords)

        return call

    for owner in (client, client.workspace("acme")):
        for resource, its in vars(owner).items():
            if not resource.startswith("_") and type(its).__name__.endswith("Resource"):
                prefix = "instance " if type(its).__name__.startswith("InstanceAudit") else ""
                for method in dir(its):
                    if not method.startswith("_"):
                        name = f"{prefix}{resource}.{method}"
                        patched.setattr(type(its), method, noted(name, getattr(type(its), method)))
    for method in ("wait_for", "events"):
        kind = type(client.workspace("acme"))
        patched.setattr(kind, method, noted(method, getattr(kind, method)))


def test_each_snippet_runs(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the addresses of this test's receivers."""
    monkeypatch.chdir(tmp_path)
    secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    known = {name: getattr(kronos.client, name) for name in kronos.client.__all__}
    known |= {"Problem": kronos.client.models.Problem, "datetime": datetime, "UTC": UTC, "timedelta": timedelta}
    with (
        receiving() as (report, got),
        receiving(lambda _: 500) as (broken, _),
        Kronos(instance.url, instance.api.key) as client,
    ):
        known |= {"kronos": client, "signing_secret": secret}
        called: list[str] = []
        noting(client, called, monkeypatch)
        for name, code in SNIPPETS.items():
            there = code.replace("https://example.com", report).replace("https://broken.example", broken)
            called.clear()
            exec(compile(there, f"snippet of {name}", "exec"), known)
            assert name in called, f"the snippet of {name} does not call it: {called}"
            if name == "jobs.batch":
                settle(known["acme"])
    told = capsys.readouterr().out
    assert [each.path for each in got][:1] == ["/hooks/report"]
    assert secret not in told
    assert (tmp_path / "acme.jsonl").exists()


def settle(acme: Any) -> None:
    """Wait until the three failing executions have failed: the next snippets read dead letters."""
    for job in acme.jobs.list(endpoint="broken"):
        for execution in acme.jobs.executions(job.job_id):
            with pytest.raises(kronos.client.ExecutionNotSuccessful):
                acme.wait_for(execution, seconds=60)


def test_the_guide_runs_as_it_is_printed(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "admin.key").write_text(instance.api.key + "\n")
    place = make_workspace(instance.api.client)
    with receiving() as (url, got), Kronos(instance.url, instance.api.key) as client:
        acme = client.workspace(place)
        acme.endpoints.create(name="report", type="HTTP", spec={"url": url})
        for code, known in ((FIRST, {}), (TASKS, {}), (ERRORS, {"acme": acme})):
            there = code.replace("http://127.0.0.1:8080", instance.url).replace('"acme"', f'"{place}"')
            exec(compile(there, "the guide", "exec"), {"__name__": "guide", **known})
    first, second = capsys.readouterr().out.splitlines()
    assert (first, len(got)) == ("SUCCESS", 1)
    assert second.startswith("invalid_cron ('/cron',) ")
    assert len(OF_PYTEST) == 2  # tests/client/test_testing.py
