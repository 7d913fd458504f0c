"""Create a data directory with database kronos, ready for pg_cron's first start."""

import os
import shutil
import subprocess
from pathlib import Path

from kronos.embedded import configuration
from kronos.embedded.errors import ClusterFailed
from kronos.embedded.installation import Installation
from kronos.embedded.processes import OsUser


def initialise(installation: Installation, data: Path, *, user: OsUser, password: str, durable: bool = True) -> None:
    """Create `data`, completely or not at all; `user` owns its parent. Raises ClusterFailed with its output."""
    # Under another name first, so that a killed initdb leaves nothing that looks complete.
    draft = data.with_name(f"{data.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    # reject: nobody can connect before `configuration.write` has replaced the file.
    arguments = ["--pgdata", str(draft), "--username", configuration.SUPERUSER, "--auth", "reject", "--data-checksums"]
    arguments += ["--encoding", "UTF8", "--locale", "C.UTF-8", *([] if durable else ["--no-sync"])]
    _run(user, [installation.bin_dir / "initdb", *arguments])
    _run(
        user,
        [installation.bin_dir / "postgres", "--single", "-D", draft, *([] if durable else ["-F"]), "postgres"],
        configuration.first_statements(password),
    )
    with (draft / "postgresql.conf").open("a") as file:
        file.write(f"\ninclude '{configuration.CONF_FILE}'\n")
    draft.rename(data)


def environment() -> dict[str, str]:
    """Return an environment without the caller's PG* variables and locale, which must not affect the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def _run(user: OsUser, command: list[str | Path], standard_input: str = "") -> None:
    changed = user.popen_arguments()
    answer = subprocess.run(  # noqa: S603 - a program of the server that `installation` found
        command,
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment(),
        user=changed.user,
        group=changed.group,
        extra_groups=changed.extra_groups,
    )
    if answer.returncode != 0:
        raise ClusterFailed(f"{command[0]} failed:\n{answer.stdout}{answer.stderr}")
