"""`kronos --help` and each group's help have one line per command, untruncated on a terminal of eighty columns."""

import click
import pytest
from click.testing import CliRunner

from kronos.__main__ import main

_CONTEXT = click.Context(main)
_GROUPS = [name for name in main.list_commands(_CONTEXT) if isinstance(main.get_command(_CONTEXT, name), click.Group)]


@pytest.mark.parametrize("group", [[], *([name] for name in _GROUPS)], ids=" ".join)
def test_each_command_is_a_whole_line(group: list[str]) -> None:
    shown = CliRunner().invoke(main, [*group, "--help"], terminal_width=78).output.partition("Commands:\n")[2]
    assert shown
    assert [line for line in shown.splitlines() if line.endswith("...")] == []
