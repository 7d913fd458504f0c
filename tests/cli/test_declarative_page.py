"""docs/declarative.md's example does what the page says."""

import re
import subprocess
from pathlib import Path

from cli.commands import Kronos
from conftest import ROOT

PAGE = (ROOT / "docs" / "declarative.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SESSIONS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_worked_example(kronos: Kronos, tmp_path: Path) -> None:
    folder = tmp_path / "kronos"
    folder.mkdir()
    (folder / "billing.yaml").write_text(EXAMPLE)
    ran = 0
    for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(SESSIONS), re.MULTILINE):
        ran += 1
        if command.startswith("sed "):
            subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)
            continue
        answer = kronos(*command.replace("kronos/", str(folder)).split()[1:])
        assert answer.exit_code == 0, answer.output
        # lines about runs contain times, and are not on the page
        told = [re.sub(r"( runs): .*", r"\1", line) for line in answer.stdout.splitlines()]
        told = [
            line
            for line in told
            if not line.startswith(("Runs within", "The busiest", "    + ", "    - ", "    ~ ", "    At "))
        ]
        assert [line for line in told if " -> At " not in line] == [
            line for line in printed.splitlines() if not line.startswith("    ~ ")
        ], answer.stdout
    assert ran == 4
