"""The images and the compose file for real: with --containers and a Docker engine."""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import await_condition
from held_ports import held_port

ROOT = Path(__file__).parents[2]
MOST_BYTES = 350_000_000


class Composed:
    """A separate project of docker-compose.yml, on its own port."""

    def __init__(self) -> None:
        self.port = held_port()
        self._environment = os.environ | {
            "COMPOSE_PROJECT_NAME": f"kronos-test-{uuid.uuid4().hex[:8]}",
            "KRONOS_PORT": str(self.port),
            "KRONOS_EGRESS_ALLOW": "172.16.0.0/12,192.168.0.0/16,10.0.0.0/8",
            **{f"KRONOS_{name}_PASSWORD": uuid.uuid4().hex for name in ("DB", "API", "WORKER")},
        }
        self._program = ["docker", "compose"] if _works("docker", "compose", "version") else ["docker-compose"]

    def __call__(self, *arguments: str) -> str:
        answer = subprocess.run(
            [*self._program, *arguments], cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr[-3000:]
        return answer.stdout

    def containers(self, service: str) -> list[str]:
        return self("ps", "-q", service).split()

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def compose(request: pytest.FixtureRequest) -> Iterator[Composed]:
    if not request.config.getoption("--containers"):
        pytest.skip("runs with --containers, which needs Docker and builds the images")
    assert shutil.which("docker"), "--containers needs Docker"
    made = Composed()
    made("build")
    made("up", "--detach")
    try:
        await_condition(made.is_ready, "the API of the containers to be ready", seconds=180)
        yield made
    finally:
        made("down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def api(compose: Composed) -> Iterator[httpx.Client]:
    key = compose("run", "--rm", "--no-deps", "--entrypoint", "cat", "migrate", "/var/lib/kronos/admin/key").strip()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{compose.port}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        client.post("/workspaces", json={"slug": "acme"}).raise_for_status()
        own = {"name": "own", "type": "HTTP", "spec": {"url": "http://api:8080/healthz", "method": "GET"}}
        client.post("/workspaces/acme/endpoints", json=own).raise_for_status()
        yield client


def _delivered(api: httpx.Client, name: str) -> str:
    """The job, once it has run."""
    job = {"name": name, "endpoint": "own", "trigger": "IMMEDIATE"}
    made = api.post("/workspaces/acme/jobs", json=job).raise_for_status().json()["job_id"]

    def is_delivered() -> bool:
        found = api.get(f"/workspaces/acme/jobs/{made}/executions").raise_for_status().json()["data"]
        return [each["status"] for each in found] == ["SUCCESS"]

    await_condition(is_delivered, f"{name} to be delivered", seconds=60)
    return str(made)


def test_the_image_is_small_and_has_no_tools(compose: Composed) -> None:
    image = _docker("inspect", "--format", "{{.Image}}", compose.containers("api")[0]).strip()
    (about,) = json.loads(_docker("image", "inspect", image))
    assert about["Size"] < MOST_BYTES
    assert about["Config"]["User"] == "10001:10001"
    tools = "command -v cc gcc g++ make ld strip pip pip3 npm node git curl wget"
    found = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", tools], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""
    listed = json.loads(_docker("run", "--rm", "--entrypoint", "cat", image, "/usr/share/kronos/python.cdx.json"))
    assert {"psycopg", "fastapi"} <= {each["name"] for each in listed["components"]}
    assert "tzdata-legacy" in _docker("run", "--rm", "--entrypoint", "cat", image, "/usr/share/kronos/debian.txt")


@pytest.mark.parametrize("service", ["db", "api", "worker"])
def test_each_container_runs_as_nobody_and_writes_nowhere(compose: Composed, service: str) -> None:
    (one, *_) = compose.containers(service)
    assert _docker("exec", one, "id", "-u").strip() != "0"
    status = _docker("exec", one, "sh", "-c", "grep -E 'CapEff|NoNewPrivs' /proc/1/status").split()
    assert status == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]
    assert not _works("docker", "exec", one, "sh", "-c", "touch /opt/kronos/x || touch /etc/x")


def test_all_are_healthy(compose: Composed) -> None:
    containers = [each for service in ("db", "api", "worker") for each in compose.containers(service)]
    assert len(containers) == 4

    def are_healthy() -> bool:
        said = _docker("inspect", "--format", "{{.State.Health.Status}}", *containers).split()
        return said == ["healthy"] * len(containers)

    await_condition(are_healthy, "all containers to be healthy", seconds=120)


def test_the_doctor_runs_where_the_administrators_url_is(compose: Composed) -> None:
    said = compose("run", "--rm", "--no-deps", "migrate", "doctor", "--fail-on", "critical", "--json")
    assert [each["check"] for each in json.loads(said)["findings"] if not each["ok"]] == ["encryption"]


def test_a_job_is_delivered_and_again_after_each_restart(compose: Composed, api: httpx.Client) -> None:
    _delivered(api, "first")
    for service in ("db", "worker", "api"):
        compose("restart", service)
        await_condition(compose.is_ready, f"the API to be ready after a restart of {service}", seconds=120)
        _delivered(api, f"after-{service}")


def test_an_upgrade_replaces_the_containers_and_keeps_what_there_is(compose: Composed, api: httpx.Client) -> None:
    job = _delivered(api, "before")
    compose("up", "--detach", "--force-recreate", "api", "worker")
    await_condition(compose.is_ready, "the API to be ready after an upgrade", seconds=120)
    assert api.get(f"/workspaces/acme/jobs/{job}").status_code == 200
    _delivered(api, "after")


def test_sigterm_ends_each_process_by_itself(compose: Composed) -> None:
    one = compose.containers("worker")[0]
    began = time.monotonic()
    _docker("stop", "--time", "60", one)
    assert time.monotonic() - began < 60  # or Docker has killed it
    assert _docker("inspect", "--format", "{{.State.ExitCode}}", one).strip() == "0"
    _docker("start", one)
