"""The files that an upgrade applies again where they changed, read once: before it locks anything, for while it holds
its locks everybody waits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kronos import floors, sql


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One of them: whose it is ('': the migrator's), what it is called, and what it says."""

    owner: str
    path: Path
    text: bytes
    digest: str

    @property
    def makes_triggers(self) -> bool:
        """Whether it locks the tables of its triggers."""
        return b"create or replace trigger" in self.text

    @property
    def as_owner(self) -> bytes:
        """What it says, as the role that it is made by."""
        return b"reset role;" + (f"set local role {self.owner};".encode() if self.owner else b"") + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All of them, in the order in which they are applied."""

    functions: Mapping[str, File]
    views: Mapping[str, File]
    policies: File
    grants: File

    @property
    def digest(self) -> str:
        """What they say."""
        each = [*self.functions.values(), *self.views.values(), self.policies, self.grants]
        return hashlib.sha256(b"\0".join(file.owner.encode() + b"\0" + file.text for file in each)).hexdigest()[:16]

    @property
    def mark(self) -> str:
        """What the comment on schema kronos says once they were applied."""
        return f"sql/ {self.digest}"


def read() -> Files:
    """Those of this release, read once for all of a process: to read 850 files and to put them in order takes 20 ms of
    CPU, and doctor asks twice."""
    return _read(sql.root())


@cache
def _read(root: Path) -> Files:
    policies, grants = root / "policies.sql", root / "grants.sql"
    return Files(
        functions={path.stem: _file(floor.owner, path, text) for floor, path, text in floors.sources()},
        views={
            path.stem: _file("kronos_owner", path, path.read_bytes()) for path in sorted((root / "views").glob("*.sql"))
        },
        policies=_file("kronos_owner", policies, policies.read_bytes()),
        grants=_file("", grants, grants.read_bytes()),  # as the migrator, who is a member of both owners
    )


def _file(owner: str, path: Path, text: bytes) -> File:
    return File(owner=owner, path=path, text=text, digest=hashlib.sha256(text).hexdigest()[:16])
