"""The peers' packages, in a separate folder: nothing is installed in the system or in Kronos's environment."""

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from bench.common import console

_HERE = Path(__file__).parent
# The version required by pg-boss 12 and graphile-worker 0.18.
_NODE_AT_LEAST = (22, 18)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The commands that start peers' processes."""

    node: Path
    python: Path
    folder: Path

    def command(self, program: str, database: str) -> list[str]:
        """Return the command of a peer's process; `program` is a file in this folder."""
        interpreter = self.node if program.endswith(".mjs") else self.python
        return [str(interpreter), str(self.folder / program), database]


def install(folder: Path) -> Installed:
    """Install missing packages into `folder`, from PyPI and npm. Raises CalledProcessError, FileNotFoundError (no
    npm)."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    if _has_changed(folder, "requirements.txt") or not python.exists():
        with console.status("installing the Python peer"):
            venv.create(folder / "venv", with_pip=True)
            _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(_HERE / "requirements.txt")], folder)
            shutil.copy(_HERE / "requirements.txt", folder)
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not here: the Node peers are installed with it")
    node = _node(folder, npm)
    if _has_changed(folder, "package.json") or not (folder / "node_modules").exists():
        with console.status("installing the Node peers"):
            shutil.copy(_HERE / "package.json", folder)
            _run([npm, "install", "--silent", "--no-audit", "--no-fund"], folder)
    for program in (*_HERE.glob("*.mjs"), *_HERE.glob("*_peer.py")):
        shutil.copy(program, folder)  # a program finds its packages next to itself
    return Installed(node=node, python=python, folder=folder)


def _node(folder: Path, npm: str) -> Path:
    """Return the system's Node if it is new enough, otherwise one from npm."""
    system = shutil.which("node")
    if system is not None:
        said = subprocess.run([system, "--version"], check=True, capture_output=True, text=True).stdout
        if tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2]) >= _NODE_AT_LEAST:
            return Path(system)
    place = folder / "runtime"
    node = place / "node_modules" / f"node-{sys.platform}-x64" / "bin" / "node"
    if not node.exists():
        place.mkdir(exist_ok=True)
        with console.status("installing Node"):
            _run(
                [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", ".", f"node-{sys.platform}-x64@24"],
                place,
            )
    return node


def _has_changed(folder: Path, name: str) -> bool:
    return not (folder / name).exists() or (folder / name).read_bytes() != (_HERE / name).read_bytes()


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr)
