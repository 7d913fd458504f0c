"""The files that are made, and whether those in the checkout are they."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from generate.document import Json
from generate.models import bodies, models
from generate.resources import resources

CLIENT = Path("kronos/client")
_BY_HAND = {"_sync/clock.py", "models/page.py"}
_RENAMED = {
    "_async": "_sync",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "anext": "next",
    "asynccontextmanager": "contextmanager",
}


def made(document: Json, root: Path) -> dict[str, str]:
    """Each file that is made, by its name in the checkout, as it has to be; `root` is the checkout."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory, CLIENT)
        for package, files in (("models", models(document)), ("bodies", bodies(document))):
            _write(target / package, files)
        _write(target / "_async" / "resources", resources(document))
        for source in (root / CLIENT / "_async").glob("*.py"):
            (target / "_async" / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        _formatted(target, root)
        by_hand = {path.name for path in (target / "_async").glob("*.py")}
        _without_async(target)
        _formatted(target, root)
        files = {
            f"{CLIENT}/{path.relative_to(target)}": path.read_text(encoding="utf-8")
            for path in sorted(target.rglob("*.py"))
            if not (path.parent.name == "_async" and path.name in by_hand)
        }
    return {name: text for name, text in files.items() if name.removeprefix(f"{CLIENT}/") not in _BY_HAND}


def write(document: Json, root: Path) -> list[str]:
    """Write what has changed, and remove what is made no more; the names of both."""
    files, changed = made(document, root), []
    for name in sorted(set(existing(root)) - set(files)):
        (root / name).unlink()
        changed.append(name)
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def existing(root: Path) -> list[str]:
    """The files in the checkout that are made."""
    found = [
        path
        for folder in ("models", "bodies", "_async/resources", "_sync")
        for path in (root / CLIENT / folder).rglob("*.py")
        if str(path.relative_to(root / CLIENT)) not in _BY_HAND
    ]
    return [str(path.relative_to(root)) for path in found]


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def _formatted(target: Path, root: Path) -> None:
    """As ruff has it here: unused names out, imports in order, lines as long as they may be."""
    ruff, settings = str(Path(sys.executable).with_name("ruff")), ["--config", str(root / "pyproject.toml")]
    ours = 'lint.isort.known-first-party = ["kronos"]'  # which is not seen of a folder elsewhere
    fixes = ["check", "--quiet", "--fix-only", "--select", "I,F401,RUF100", "--config", ours, str(target)]
    subprocess.run([ruff, *fixes[:1], *settings, *fixes[1:]], check=True, cwd=target.parents[1])
    subprocess.run([ruff, "format", "--quiet", *settings, str(target)], check=True, cwd=target.parents[1])


def _without_async(target: Path) -> None:
    """The client for threads: the words of the other, without async and await."""
    import unasync  # here: it loads setuptools, and the tests of what was made import this module

    sources = sorted(path for path in (target / "_async").rglob("*.py") if path.name != "clock.py")
    names = {name for path in sources for name in re.findall(r"\bAsync[A-Z]\w*", path.read_text(encoding="utf-8"))}
    words = {name: name.removeprefix("Async") for name in names} | _RENAMED
    rule = unasync.Rule(f"{target}/_async/", f"{target}/_sync/", additional_replacements=words)
    unasync.unasync_files([str(path) for path in sources], [rule])
    for path in (target / "_sync").rglob("*.py"):
        # a docstring is no code: unasync leaves it
        text = path.read_text(encoding="utf-8").replace("for asyncio", "for threads")
        path.write_text(
            text.replace(
                "kronos/client/_sync is made of it by bin/client, word for word, but for `clock`.",
                "Made by bin/client.",
            ),
            encoding="utf-8",
        )
