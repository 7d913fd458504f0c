"""A test that hangs is ended, and its stack is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_HANGS = """
import threading

def test_that_waits_for_ever():
    threading.Event().wait()
"""


def test_a_test_that_hangs_ends_its_process_and_its_stack_is_told(tmp_path: Path) -> None:
    hangs = tmp_path / "test_hangs.py"
    hangs.write_text(_HANGS)
    options = [
        "-c",
        str(_ROOT / "pyproject.toml"),
        "--rootdir",
        str(tmp_path),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-o", "faulthandler_timeout=0.2", str(hangs)],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")},
        check=False,
    )
    assert ended.returncode == 1
    assert f'"{hangs}", line 5 in test_that_waits_for_ever' in ended.stderr
    assert "passed" not in ended.stdout


def test_every_test_has_a_bound(pytestconfig: pytest.Config) -> None:
    assert 60 <= float(pytestconfig.getini("faulthandler_timeout")) <= 1800
    assert pytestconfig.getini("faulthandler_exit_on_timeout") is True
