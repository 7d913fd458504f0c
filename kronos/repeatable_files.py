"""The files that an upgrade reapplies when they changed. They are read before the upgrade takes any lock, because while
it holds locks everyone waits."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from kronos import floors, sql
from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One such file: its owner ('': the migrator), its path and its text."""

    owner: str
    path: Path
    text: bytes
    digest: str

    @property
    def makes_triggers(self) -> bool:
        """Return whether it locks the tables of its triggers."""
        return b"create or replace trigger" in self.text

    @property
    def as_owner(self) -> bytes:
        """Return its text, preceded by the change to the role that creates it."""
        return b"reset role;" + (f"set local role {self.owner};".encode() if self.owner else b"") + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All files, in the order in which they are applied."""

    functions: Mapping[str, File]
    views: Mapping[str, File]
    policies: File
    grants: File
    digest: str
    """The digest of their texts."""

    @property
    def mark(self) -> str:
        """Return the comment that schema kronos has once they were applied."""
        return f"sql/ {self.digest}"


def read() -> Files:
    """Return the files of this release. They are read once per process: reading and sorting 850 files takes 20 ms of
    CPU, and doctor needs them twice."""
    return _read(sql.root())


@cache
def _read(root: Path) -> Files:
    functions = {path.stem: _file(floor.owner, path, text) for floor, path, text in floors.sources()}
    views = {
        path.stem: _file("kronos_owner", path, path.read_bytes()) for path in sorted((root / "views").glob("*.sql"))
    }
    policies = _file("kronos_owner", root / "policies.sql", (root / "policies.sql").read_bytes())
    # as the migrator, who is a member of both owner roles
    grants = _file("", root / "grants.sql", (root / "grants.sql").read_bytes())
    each = [*functions.values(), *views.values(), policies, grants]
    texts = b"\0".join(file.owner.encode() + b"\0" + file.text for file in each)
    digest = hashlib.sha256(texts).hexdigest()[:16]
    return Files(functions=functions, views=views, policies=policies, grants=grants, digest=digest)


def _file(owner: str, path: Path, text: bytes) -> File:
    return File(owner=owner, path=path, text=text, digest=hashlib.sha256(text).hexdigest()[:16])
