"""The systemd units: valid, and with an exposure level that `systemd-analyze security` rates OK."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kronos.config import Settings

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed (package systemd)")


def _said(*arguments: str) -> "subprocess.CompletedProcess[str]":
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=False)


def _settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_its_exposure_is_at_most_three(unit: Path) -> None:
    answer = _said("security", "--offline=true", "--no-pager", "--threshold=30", str(unit))
    assert answer.returncode == 0, answer.stdout[-300:] + answer.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_it(unit: Path, tmp_path: Path) -> None:
    """With an existing program, because systemd checks that too."""
    made = tmp_path / unit.name.replace("@", "@1")
    made.write_text(unit.read_text().replace("/opt/kronos/bin/kronos", "/bin/true"))
    answer = _said("verify", "--man=no", str(made))
    said = [line for line in answer.stderr.splitlines() if made.name in line]
    assert said == []
    made.write_text(made.read_text().replace("Restart=", "Restrat=").replace("UMask", "UMaks"))
    assert made.name in _said("verify", "--man=no", str(made)).stderr


def test_what_is_always_started_again_is_never_given_up() -> None:
    """By default systemd gives up after five starts in ten seconds, and does not try again."""
    always = {unit.stem: _settings(unit) for unit in UNITS if "Restart" in _settings(unit)}
    assert set(always) == {"kronos-api", "kronos-worker@"}
    for settings in always.values():
        assert (settings["Restart"], settings["StartLimitIntervalSec"]) == (["always"], ["0"])
        assert "kronos-migrate.service" in settings["After"][0].split()


def test_there_is_one_of_each_process() -> None:
    assert [unit.name for unit in UNITS] == ["kronos-api.service", "kronos-migrate.service", "kronos-worker@.service"]
    commands = [_settings(unit)["ExecStart"] for unit in UNITS]
    assert commands == [[f"/opt/kronos/bin/kronos {name}"] for name in ("serve", "migrate", "worker")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_is_given_time_to_end_what_it_does(unit: Path) -> None:
    settings = _settings(unit)
    if settings["Type"] == ["oneshot"]:
        assert settings["TimeoutStartSec"] == ["infinity"]  # a migration is never killed halfway
    else:
        assert int(settings["TimeoutStopSec"][0]) > Settings.model_fields["shutdown_seconds"].default + 5
        assert settings["Restart"] == ["always"]
