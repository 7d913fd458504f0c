"""Invented releases for tests: the files of sql/, changed."""

import shutil
from pathlib import Path

import pytest

from kronos import migrations, repeatable_files, revisions, sql


class Release:
    """A copy of sql/ that `kronos migrate` uses as the release's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        """Create a file, or replace an existing one's text."""
        (self.root / path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file at one place; fails if the text to change is not there."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new))

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def touch_everything(self) -> None:
        """Add a comment at the end of each function and view."""
        for path in [*self.root.glob("functions/*/*.sql"), *self.root.glob("views/*.sql")]:
            path.write_text(path.read_text() + "-- of the next release\n")


def next_release(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release to change, which replaces the current one from now on."""
    root = directory / "sql"
    shutil.copytree(sql.root(), root)
    monkeypatch.setattr(sql, "root", lambda: root)
    monkeypatch.setattr(repeatable_files, "_read", repeatable_files._read.__wrapped__)  # reads the files each time
    return Release(root)


def wider_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A release whose migration widens a column that our views show."""
    root, before = tmp_path / "alembic", migrations.head()
    shutil.copytree(revisions.scripts(), root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "versions" / "9999_wider.py").write_text(
        f'from alembic import op\n\nrevision = "9999"\ndown_revision = "{before}"\n\n\n'
        'def upgrade():\n    op.execute("alter table kronos.attempt alter column worker_id type varchar(500)")\n'
    )
    monkeypatch.setattr(revisions, "scripts", lambda: root)
    return "9999"
