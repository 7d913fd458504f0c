"""kronos import: an endpoint to create has the name of one that delivers elsewhere."""

import json
from pathlib import Path

import httpx
import pytest

from imports.conftest import Import

_URL = "https://example.com/report"
_SAID = "exists with another address: --create leaves it unchanged, and the new jobs are delivered there"


@pytest.fixture
def scheduler(tmp_path: Path) -> Path:
    file = tmp_path / "jobs.json"
    item = {"name": "projects/p/jobs/report", "schedule": "0 9 * * 1", "httpTarget": {"uri": _URL}}
    file.write_text(json.dumps([item]))
    return file


@pytest.mark.parametrize(
    ("spec", "is_said"),
    [
        ({"url": _URL, "timeout_ms": 1000}, False),
        ({"url": "https://elsewhere.example.com/"}, True),
        ({"url": _URL, "method": "PUT"}, True),
    ],
    ids=["same", "url", "method"],
)
def test_an_endpoint_of_this_name_with_another_address_is_said(
    run: Import, scheduler: Path, api: httpx.Client, workspace: str, spec: dict[str, object], is_said: bool
) -> None:
    made = api.post(f"/v1/workspaces/{workspace}/endpoints", json={"name": "report", "type": "HTTP", "spec": spec})
    assert made.status_code == 201, made.text
    offered = run("import", "cloud-scheduler", scheduler)
    assert (f"also  endpoint report  {_SAID}" in offered.stdout.splitlines()) == is_said
    assert "exists with" not in run("import", "cloud-scheduler", scheduler, "--prefix", "own-").stdout

    created = run("import", "cloud-scheduler", scheduler, "--create", "--yes")
    assert (created.exit_code, _SAID in created.stdout) == (0, is_said)
    assert api.get(f"/v1/workspaces/{workspace}/endpoints/report").json()["version"] == 1
    assert _SAID not in run("import", "cloud-scheduler", scheduler).stdout  # no job is new


def test_an_url_given_for_an_endpoint_that_exists_is_not_ignored_in_silence(
    run: Import, tmp_path: Path, api: httpx.Client, workspace: str
) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("0 3 * * * /usr/bin/backup\n")
    given = ("import", "crontab", crontab, "--endpoint", "box", "--to")
    assert _SAID not in run(*given, _URL, "--create", "--yes").stdout
    crontab.write_text("0 4 * * * /usr/bin/report\n")
    assert _SAID not in run(*given, _URL).stdout
    assert f"also  endpoint box  {_SAID}" in run(*given, "https://elsewhere.example.com/").stdout.splitlines()
