"""kronos-client and the server are two wheels. Alone and together they install and import, and no file is in both."""

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from made_once import contents, folder_of, made_once

ROOT = Path(__file__).parents[2]
_SAMPLE = """
from kronos.client import AsyncKronos, Kronos
from kronos.client.models import Job


def name(kronos: Kronos) -> str | None:
    job: Job = kronos.workspace("acme").jobs.create(endpoint="report", trigger="IMMEDIATE")
    return job.name


async def names(kronos: AsyncKronos) -> list[str | None]:
    return [job.name async for job in kronos.workspace("acme").jobs.list(status="LIVE")]


Kronos().workspace("acme").jobs.create(endpoint="report", trigger="SOMETIMES")
Kronos().workspace("acme").jobs.get("report").nmae
"""
# Reads files that are not modules: statements, migrations, and the dashboard's scripts.
_USES = """
from kronos import floors, repeatables, schema_steps
from kronos.dashboard.app import routes
print(bool(floors.floors() and repeatables.mark() and schema_steps.head() and routes()))
"""
_SCRIPTS = ("htmx.org/dist/htmx.min.js", "idiomorph/dist/idiomorph-ext.min.js")
# The file that `pip --python` runs with another interpreter: our own pip.
_PIP = Path(str(distribution("pip").locate_file("pip/__pip-runner__.py")))
_CLIENT_AND_ITS_NEEDS = {"anyio", "certifi", "h11", "httpcore", "httpx", "idna", "kronos-client", "typing-extensions"}


def pip(python: Path, *arguments: str) -> str:
    """Run our own pip in the environment of `python`: installing pip into each environment would take 2 s of CPU."""
    ran = subprocess.run(
        [str(python), str(_PIP), "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT.parent,
    )
    if "No matching distribution" in ran.stderr or "NewConnectionError" in ran.stderr:
        pytest.skip(f"PyPI is unreachable: {ran.stderr.strip().splitlines()[-1]}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheels(pytestconfig: pytest.Config) -> dict[str, Path]:
    """Both wheels, built as they are published: the client's from its source distribution."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "kronos", "sql", "alembic", "client"]
    listing += ["pyproject.toml", "README.md"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {*listed, *(f"kronos/dashboard/node_modules/{each}" for each in _SCRIPTS)}
    tools = [sys.version, *(f"{name} {version(name)}" for name in ("hatchling", "pip"))]
    there = [str(path) for path in sorted((ROOT / "kronos").rglob("*")) if "__pycache__" not in path.parts]
    of = [
        *tools,
        *there,
        Path(__file__).read_bytes(),
        *contents(ROOT, {name for name in names if (ROOT / name).is_file()}),
    ]
    folder = made_once(pytestconfig, "wheels", of, _build)
    made = {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}
    assert set(made) == {"kronos", "kronos_client"}
    (source,) = folder.glob("kronos_client-*.tar.gz")
    return {**made, "source": source}


def _build(folder: Path) -> None:
    python = Path(sys.executable)
    build = [str(python), "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT / "client", check=True, capture_output=True, timeout=300)
    (source,) = folder.glob("kronos_client-*.tar.gz")
    for what in (str(source), str(ROOT)):
        pip(python, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), what)


def files(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_no_file_is_of_both(wheels: dict[str, Path]) -> None:
    server, client = files(wheels["kronos"]), files(wheels["kronos_client"])
    assert server & client == set()
    assert {name for name in client if not name.startswith("kronos/client/")} == set()
    assert {name for name in server if name.startswith("kronos/client")} == set()
    assert {"kronos/client/py.typed", "kronos/client/_sync/resources/jobs.py"} <= client
    assert not [name for name in client | server if "__pycache__" in name]


def test_all_that_the_server_has_besides_python_is_in_its_wheel(wheels: dict[str, Path]) -> None:
    """SQL and migrations under their names in the wheel: the files that git tracks, and the two scripts from npm."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "kronos", "sql", "alembic"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = {
        re.sub(r"^(sql|alembic)/", r"kronos/_\1/", name)
        for name in tracked.stdout.splitlines()
        if not name.startswith("kronos/client")
    }
    wanted |= {f"kronos/dashboard/node_modules/{each}" for each in _SCRIPTS}
    assert len(wanted) > 800
    assert wanted == files(wheels["kronos"])
    with zipfile.ZipFile(wheels["kronos"]) as wheel:
        (entries,) = [wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "kronos = kronos.__main__:main" in entries.splitlines()


def test_every_source_of_the_client_is_shipped(wheels: dict[str, Path]) -> None:
    there = {f"kronos/client/{path.relative_to(ROOT / 'kronos/client')}" for path in _sources()}
    assert there == files(wheels["kronos_client"])
    with tarfile.open(wheels["source"]) as source:
        unpacked = {name.partition("/")[2] for name in source.getnames()}
    assert there <= unpacked


def _sources() -> list[Path]:
    return [path for path in (ROOT / "kronos" / "client").rglob("*") if path.suffix in (".py", ".typed")]


@pytest.fixture(scope="module")
def alone(wheels: dict[str, Path], pytestconfig: pytest.Config) -> Path:
    """The Python of an environment with only the client and its dependencies."""

    def make(folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        pip(folder / "venv" / "bin" / "python", "install", "--quiet", str(wheels["kronos_client"]))

    of: list[str | bytes] = [sys.version, sys.executable, wheels["kronos_client"].read_bytes()]
    return made_once(pytestconfig, "alone", of, make) / "venv" / "bin" / "python"


def _install(python: Path, *made: Path) -> None:
    """Install without compiling: what is imported is compiled then, and most modules never are."""
    pip(python, "install", "--quiet", "--no-deps", "--no-compile", "--force-reinstall", *map(str, made))


def run(python: Path, code: str, folder: Path) -> str:
    ran = subprocess.run(
        [str(python), "-W", "error", "-c", code], capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_alone_it_needs_httpx_and_nothing_of_the_server(alone: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in pip(alone, "check")
    listed = {line.partition("==")[0].replace("_", "-") for line in pip(alone, "freeze", "--all").splitlines()}
    listed = {line.partition(" @ ")[0] for line in listed}
    assert listed - {"pip", "setuptools", "wheel"} <= _CLIENT_AND_ITS_NEEDS
    told = run(
        alone,
        "import sys, kronos, kronos.client as c; k = c.Kronos('http://127.0.0.1:1', 'kr_live_a_b'); k.close()\n"
        "print(getattr(kronos, '__file__', None), {'pydantic', 'fastapi', 'psycopg', 'pytest'} & set(sys.modules))\n"
        "print(c.Kronos.__module__, k._transport._request.__self__ is not None)",
        tmp_path,
    )
    assert told.splitlines() == ["None set()", "kronos.client._sync.client True"]


def test_a_type_checker_reads_it(alone: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """mypy in our environment, over the client in its own: it finds the sample's two mistakes and nothing else."""
    (tmp_path / "sample.py").write_text(_SAMPLE)
    command = [str(Path(sys.executable).with_name("mypy")), "--strict", "--python-executable", str(alone), "sample.py"]
    ran = subprocess.run(
        [*command, "--cache-dir", str(folder_of(pytestconfig, "mypy-of-packages"))],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    *told, _ = ran.stdout.splitlines()
    assert [line.partition(":")[2].partition(":")[0] for line in told if " error: " in line] == ["15", "16"], ran.stdout
    assert "SOMETIMES" in ran.stdout
    assert 'has no attribute "nmae"' in ran.stdout


def test_together_both_are_there_and_either_may_go(wheels: dict[str, Path], tmp_path: Path) -> None:
    """Our own environment lends the server's dependencies: installing them again takes pip a minute."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (lent,) = {path for path in map(Path, sys.path) if path.name == "site-packages"}
    (here,) = (folder / "lib").glob("python*/site-packages")
    (here / "lent.pth").write_text(f"{lent}\n")
    _install(python, wheels["kronos_client"], wheels["kronos"])
    assert "No broken requirements" in pip(python, "check")
    where = "import kronos, kronos.client as c, kronos.api as a; print(kronos.__file__, c.__file__, a.__file__)"
    places, found = run(python, where + _USES, tmp_path).splitlines()
    assert all(each.startswith(str(here)) for each in places.split())
    assert found == "True"
    said = subprocess.run([folder / "bin" / "kronos", "--version"], capture_output=True, text=True, cwd=tmp_path)
    assert said.stdout.startswith("kronos, version ")
    other = Path(shutil.copytree(folder, tmp_path / "other", symlinks=True)) / "bin" / "python"
    pip(python, "uninstall", "--quiet", "--yes", "kronos")
    found = "import importlib.util as u; print(bool(u.find_spec('kronos.client')), u.find_spec('kronos').origin)"
    assert run(python, found, tmp_path) == "True None\n"
    pip(other, "uninstall", "--quiet", "--yes", "kronos-client")
    there = "import importlib.util as u; print(bool(u.find_spec('kronos.client')), u.find_spec('kronos.api').origin)"
    assert run(other, there, tmp_path) == f"False {tmp_path}/other/{here.relative_to(folder)}/kronos/api/__init__.py\n"


def test_both_have_one_version() -> None:
    import tomllib

    said = [
        tomllib.loads((ROOT / each / "pyproject.toml").read_text())["project"]["version"] for each in ("", "client")
    ]
    assert said[0] == said[1]
