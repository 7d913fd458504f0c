"""Which PostgreSQL with pg_cron of this machine is chosen: a folder has programs that answer like installed ones."""

from pathlib import Path

import pytest

from kronos.embedded import installation
from kronos.embedded.errors import PostgresMissing
from kronos.embedded.installation import Installation


class Machine:
    """A machine: the folders that packages install to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(self, major: str, *, pg_cron: str | None = "1.6", says: str | None = None) -> Path:
        """Install a server, with pg_cron's control file if given."""
        folder = self.root / major / "bin"
        share = self.root / major / "share"
        (share / "extension").mkdir(parents=True)
        folder.mkdir()
        self._program(folder / "initdb", "")
        self._program(folder / "postgres", says if says is not None else f"postgres (PostgreSQL) {major}.4")
        self._program(folder / "pg_config", str(share))
        if pg_cron is not None:
            (share / "extension" / "pg_cron.control").write_text(pg_cron and f"default_version = '{pg_cron}'\n")
        return folder

    @staticmethod
    def _program(path: Path, says: str) -> None:
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(installation, "_WHERE_PACKAGES_INSTALL", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(installation, "which", lambda _: None)
    return Machine(tmp_path)


def test_the_newest_server_is_taken_by_number_and_not_by_text(machine: Machine) -> None:
    machine.install("9", says="postgres (PostgreSQL) 9.6.24")
    machine.install("15", pg_cron="1.4-1")
    newest = machine.install("18", pg_cron="1.10")
    found = installation.newest()
    assert found == Installation(bin_dir=newest, major=18, pg_cron=(1, 10))
    assert str(found) == "PostgreSQL 18 with pg_cron 1.10"


@pytest.mark.parametrize(("pg_cron", "has"), [("1.4-1", False), ("1.5", True), ("1.10", True), ("2.0", True)])
def test_background_workers_are_there_from_1_5_on(machine: Machine, pg_cron: str, has: bool) -> None:
    machine.install("17", pg_cron=pg_cron)
    assert installation.newest().has_background_workers is has


def test_what_is_no_whole_server_of_today_with_pg_cron_is_passed_over(machine: Machine) -> None:
    machine.install("14")
    machine.install("16", pg_cron=None)
    machine.install("17", pg_cron="")  # a control file without a version
    machine.install("18", says="no such program")
    (machine.install("19") / "initdb").unlink()  # only a client's package
    with pytest.raises(PostgresMissing, match="no PostgreSQL 15 or newer with pg_cron is installed here"):
        installation.newest()
    machine.install("15")
    assert installation.newest().major == 15


def test_one_in_the_path_is_found_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = machine.install("17")
    monkeypatch.setattr(installation, "_WHERE_PACKAGES_INSTALL", ())
    monkeypatch.setattr(installation, "which", {"initdb": str(folder / "initdb")}.get)
    assert installation.newest().bin_dir == folder


def test_without_pg_config_the_extensions_are_where_debian_puts_them(machine: Machine) -> None:
    """A server that was not installed from a package has none there."""
    bin_dir = machine.install("97")
    (bin_dir / "pg_config").unlink()
    with pytest.raises(PostgresMissing):
        installation.newest()
    (bin_dir / "pg_config").write_text("#!/bin/sh\nexit 1\n")  # one that is broken
    (bin_dir / "pg_config").chmod(0o755)
    with pytest.raises(PostgresMissing):
        installation.newest()


def test_data_is_opened_by_the_version_that_made_it(machine: Machine, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    of_15 = machine.install("15")
    machine.install("17")
    assert installation.of_data(data).major == 17
    (data / "PG_VERSION").write_text("15\n")
    assert installation.of_data(data).bin_dir == of_15
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresMissing, match=r"was created by PostgreSQL 16, .* apt install postgresql-16 "):
        installation.of_data(data)
