"""Find the PostgreSQL server with pg_cron that is installed on this machine."""

import re
import subprocess
from pathlib import Path
from shutil import which

from kronos.embedded.errors import PostgresMissing
from kronos.records import dataclass

OLDEST_SUPPORTED = 15
_WHERE_PACKAGES_INSTALL = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/pgsql*/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One PostgreSQL server on this machine that has pg_cron."""

    bin_dir: Path
    major: int
    pg_cron: tuple[int, int]

    @property
    def has_background_workers(self) -> bool:
        """Whether pg_cron may run entries in background workers, without freezing or blocking: since 1.5."""
        return self.pg_cron >= (1, 5)

    def __str__(self) -> str:
        return f"PostgreSQL {self.major} with pg_cron {self.pg_cron[0]}.{self.pg_cron[1]}"


def newest() -> Installation:
    """Return the newest server with pg_cron. Raises PostgresMissing."""
    found = _installations()
    if not found:
        raise PostgresMissing(
            f"no PostgreSQL {OLDEST_SUPPORTED} or newer with pg_cron is installed here; on Debian or Ubuntu: "
            "apt install postgresql-15 postgresql-15-cron (Debian 12), postgresql-17 postgresql-17-cron (Debian 13)"
        )
    return max(found, key=lambda installation: (installation.major, installation.pg_cron))


def of_data(data: Path) -> Installation:
    """Return the server for this data directory: the version that created it, or the newest if there is none yet.

    Raises PostgresMissing.
    """
    version_file = data / "PG_VERSION"
    if not version_file.is_file():
        return newest()
    major = int(version_file.read_text())
    for installation in _installations():
        if installation.major == major:
            return installation
    raise PostgresMissing(
        f"the data in {data} was created by PostgreSQL {major}, which is not installed with pg_cron: "
        f"apt install postgresql-{major} postgresql-{major}-cron"
    )


def _installations() -> list[Installation]:
    bin_dirs = [path for pattern in _WHERE_PACKAGES_INSTALL for path in Path("/").glob(pattern[1:])]
    on_path = which("initdb")
    if on_path:
        bin_dirs.append(Path(on_path).resolve().parent)
    examined = (_examine(bin_dir) for bin_dir in dict.fromkeys(bin_dirs))
    return [installation for installation in examined if installation is not None]


def _examine(bin_dir: Path) -> Installation | None:
    """Return the installation in `bin_dir`; None if it is not a complete, recent server with pg_cron."""
    if not all((bin_dir / program).is_file() for program in ("initdb", "postgres")):
        return None
    answer = subprocess.run(  # noqa: S603 - a program in a directory of programs
        [bin_dir / "postgres", "--version"], cwd="/", capture_output=True, text=True, check=False
    )
    version = re.search(r"\) (\d+)", answer.stdout)
    if version is None or int(version[1]) < OLDEST_SUPPORTED:
        return None
    control = _share_dir(bin_dir, int(version[1])) / "extension" / "pg_cron.control"
    if not control.is_file():
        return None
    extension = re.search(r"default_version\s*=\s*'(\d+)\.(\d+)", control.read_text())
    if extension is None:
        return None
    return Installation(bin_dir=bin_dir, major=int(version[1]), pg_cron=(int(extension[1]), int(extension[2])))


def _share_dir(bin_dir: Path, major: int) -> Path:
    """Return the directory of the server's extensions. pg_config is in the client package, and may be missing."""
    pg_config = bin_dir / "pg_config"
    if pg_config.is_file():
        answer = subprocess.run(  # noqa: S603 - a program in a directory of programs
            [pg_config, "--sharedir"], cwd="/", capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            return Path(answer.stdout.strip())
    return Path(f"/usr/share/postgresql/{major}")
