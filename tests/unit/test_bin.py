"""The commands of bin/ that write files produce files that the project can read."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A separate folder with the files that bin/migration reads."""
    for folder in ("bin", "alembic"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def migration(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / "bin" / "migration", *arguments], capture_output=True, text=True, check=False)


def history(checkout: Path) -> list[tuple[str, str]]:
    """(revision, first line of its docstring), newest first, as alembic reads them."""
    config = Config()
    config.set_main_option("script_location", str(checkout / "alembic"))
    return [
        (each.revision, (each.doc or "").splitlines()[0])
        for each in ScriptDirectory.from_config(config).walk_revisions()
    ]


def test_a_migration_begins_after_the_newest_one(checkout: Path) -> None:
    before = history(checkout)
    first = migration(checkout, "job_priority", "Jobs have a priority.")
    second = migration(checkout, "more_of_it")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    (newest, said), (older, said_before), *rest = history(checkout)
    assert (said, said_before, rest) == ("More of it.", "Jobs have a priority.", before)
    assert [int(newest), int(older)] == [int(before[0][0]) + 2, int(before[0][0]) + 1]
    assert (checkout / "alembic" / "versions" / f"{older}_job_priority.sql").read_text() == ""
    assert "sql/schema/" in first.stdout


def test_a_migration_of_no_name_or_one_that_is_taken_writes_nothing(checkout: Path) -> None:
    before = sorted((checkout / "alembic" / "versions").iterdir())
    for name in ("", "Job", "../x", "a b", "overlap_order", "--help"):
        refused = migration(checkout, name)
        assert (refused.returncode, bool(refused.stderr)) == (1, True), name
        assert sorted((checkout / "alembic" / "versions").iterdir()) == before, name


def test_the_workflow_runs_the_suite_on_each_postgresql_that_is_supported() -> None:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    assert re.findall(r"postgresql: \[([^\]]+)\]", text) == ['"15", "16", "17", "18"']
    assert {"bin/check", "bin/test"} <= set(re.findall(r"- run: (\S+)", text))
    assert (
        "fetch-depth: 0" in text.partition("  suite:")[2]
    )  # without the history, the previous release's test would be skipped
    assert "entry: bin/check" in (ROOT / ".pre-commit-config.yaml").read_text()
    assert "bin/check" in (ROOT / "bin" / "test").read_text()


def test_what_the_suite_leaves_out_is_what_the_check_has_run() -> None:
    checked = re.findall(r"tests/[^\s;]+", (ROOT / "bin" / "check").read_text())
    (left_out,) = re.findall(r"^.*checked=\(--ignore.*$", (ROOT / "bin" / "test").read_text(), re.MULTILINE)
    assert set(re.findall(r"--ignore=(\S+?)[\s)]", left_out)) == {each.removesuffix("/test_*.py") for each in checked}
    unit = ROOT / "tests" / "unit"
    assert sorted(unit.rglob("test_*.py")) == sorted(unit.glob("test_*.py"))
