"""The `kronos` in tests' shells behaves like the real program: streams, folder, variables, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import forked
import quick
from cli.speaking import environment

_CRONTAB = "0 9 * * * /usr/bin/report\n"


@pytest.mark.parametrize("typed", ["--version", "import crontab -", "import crontab tab", "nonsense", "job get x"])
def test_it_says_what_the_executed_one_says(typed: str, tmp_path: Path, no_contexts: Path) -> None:
    (tmp_path / "tab").write_text(_CRONTAB)
    known = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}
    known |= {"XDG_CONFIG_HOME": str(no_contexts), "KRONOS_URL": "http://127.0.0.1:9", "KRONOS_API_KEY": "kr_live_a_b"}
    said = [
        subprocess.run(
            [program, *typed.split()], input=_CRONTAB, capture_output=True, text=True, cwd=tmp_path, env=known
        )
        for program in (quick.folder() / "kronos", Path(sys.executable).parent / "kronos")
    ]
    assert said[0].stdout + said[0].stderr
    assert (said[0].returncode, said[0].stdout, said[0].stderr) == (said[1].returncode, said[1].stdout, said[1].stderr)


def test_it_ends_with_who_asked_for_it() -> None:
    with subprocess.Popen(
        [quick.folder() / "kronos", "mcp"],
        env=dict(os.environ) | environment("http://127.0.0.1:9", "kr_live_a_b", "acme"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 7, "method": "ping"}\n')
        process.stdin.flush()
        assert b'"id":7' in process.stdout.readline().replace(b" ", b"")  # it runs
        process.kill()
        assert process.stdout.read() == b""  # no writer is left


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit(3)",
        "sys.exit(-1)",
        "sys.exit('a reason')",
        "1 / 0",
        "signal.raise_signal(signal.SIGTERM)",
        "sys.stdout = sys.stderr = None; sys.exit(4)",
        "threading.Thread(target=lambda: (threading.main_thread().join(), print('a thread'))).start(); sys.exit(5)",
        "os.close(1); os.open('/dev/full', os.O_WRONLY); sys.exit(6)",
    ],
)
def test_a_forked_process_ends_as_an_executed_one(end: str, tmp_path: Path) -> None:
    """Its exit handlers and threads have ended, what it has written is there, and its code is the same."""
    program = f"import atexit, os, signal, sys, threading\natexit.register(print, 'a handler')\nprint('said')\n{end}\n"
    executed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        code = forked.start([], os.environ, stdout=out, stderr=err, program=program).wait(60)
    last = (tmp_path / "err").read_text().splitlines()[-1:]
    assert ((tmp_path / "out").read_text(), code, last) == (
        executed.stdout,
        executed.returncode,
        executed.stderr.splitlines()[-1:],
    )
