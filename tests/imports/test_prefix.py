"""kronos import --prefix: what several machines run in one workspace."""

from pathlib import Path

import httpx
import pytest

from imports.conftest import Import

_BOX = ("--endpoint", "box", "--to", "https://box.example.com/run")


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    file = tmp_path / "crontab"
    file.write_text("0 3 * * * /usr/bin/backup\n0 9 * * 1 ./report.sh\n")
    return file


def test_two_machines_with_the_same_commands_have_their_own_jobs(
    run: Import, crontab: Path, api: httpx.Client, workspace: str
) -> None:
    for prefix in ("web1-", "web2-"):
        assert run("import", "crontab", crontab, *_BOX, "--prefix", prefix, "--create", "--yes").exit_code == 0
    jobs = api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]
    assert {job["name"] for job in jobs} == {
        f"{prefix}{name}" for prefix in ("web1-", "web2-") for name in ("backup", "report.sh")
    }


@pytest.mark.parametrize("prefix", ["-web", "web 1", "web/", "a" * 127])
def test_a_prefix_that_no_name_can_have_is_refused(run: Import, crontab: Path, prefix: str) -> None:
    refused = run("import", "crontab", crontab, *_BOX, "--prefix", prefix, "--create", "--yes")
    assert refused.exit_code == 2
    assert "--prefix" in refused.stderr
    assert "at most 127" in refused.stderr
