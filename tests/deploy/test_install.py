"""bin/install: what it would install where something is missing. The installations are replaced; nothing is
installed."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_TO_RUN = {"install_postgres", "install_venv", "install_scripts"}
# This script's machine has nothing installed, and each installation prints its name.
_BARE = "\n".join(
    [
        f"{name}() {{ return 1; }}"
        for name in ("has_pg_cron", "is_installed", "has_scripts", "has_faketime", "has_pgbouncer", "has_helm")
    ]
    + ["command() { return 1; }", "flock() { :; }", "without_plpgsql_check() { echo 17; }"]
)


def _called(*options: str) -> "subprocess.CompletedProcess[str]":
    """The functions that the end of bin/install calls, in order."""
    text = (ROOT / "bin" / "install").read_text()
    functions, start, end = text.partition('case "$*" in')
    names = re.findall(r"^(install_\w+)\(\)", functions, re.MULTILINE)
    told = "\n".join(f"{name}() {{ echo {name}; }}" for name in names)
    script = f"{functions}\n{_BARE}\n{told}\n{start}{end}"
    return subprocess.run(
        ["bash", "-c", script, str(ROOT / "bin" / "install"), *options], capture_output=True, text=True, cwd=ROOT
    )


def test_to_run_it_installs_what_runs_and_no_browser() -> None:
    """Users who only wanted to try Kronos used to get chromium, Redis and pgbouncer."""
    assert set(_called("--to-run").stdout.split()) == _TO_RUN
    assert "install --to-run" in (ROOT / "bin" / "up").read_text().replace('install" ', "install ")


def test_for_tests_it_installs_all_of_it() -> None:
    functions = set(re.findall(r"^(install_\w+)\(\)", (ROOT / "bin" / "install").read_text(), re.MULTILINE))
    assert set(_called().stdout.split()) == functions > _TO_RUN


@pytest.mark.parametrize("options", [("--run",), ("--to-run", "more")])
def test_what_it_does_not_know_it_refuses(options: tuple[str, ...]) -> None:
    ended = _called(*options)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"unknown option: {' '.join(options)}" in ended.stderr
