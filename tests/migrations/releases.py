"""Releases made up for a test: the files of sql/, changed."""

import shutil
from pathlib import Path

import pytest

from kronos import sql


class Release:
    """A copy of sql/ that `kronos migrate` takes for the release's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        """A new file, or another text for one that is there."""
        (self.root / path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        """One change in a file; fails where there is nothing to change."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new))

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def touch_everything(self) -> None:
        """Another comment at the end of each function and view."""
        for path in [*self.root.glob("functions/*/*.sql"), *self.root.glob("views/*.sql")]:
            path.write_text(path.read_text() + "-- of the next release\n")


def next_release(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release to change, in place of the present one from now on."""
    root = directory / "sql"
    shutil.copytree(sql.root(), root)
    monkeypatch.setattr(sql, "root", lambda: root)
    return Release(root)
