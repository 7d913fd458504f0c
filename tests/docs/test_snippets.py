"""Each fenced block can be parsed by the program it is meant for, and blocks that are not run give a reason."""

import json
import re
import sys
import tomllib

import pytest
import yaml

from docs.blocks import COMMANDS, PARSED, ROOT, SHOWN, Block, blocks

_AT_MOST_NOT_RUN = 32
_PARSED = [block for block in blocks() if block.language in PARSED]


# Generated from `--help`, whose own tests parse the commands' examples.
_OF_HELP = {"docs/cli.md"}


def test_no_command_hides_in_a_block_that_is_only_shown() -> None:
    hidden = [block.place for block in blocks() if block.language in SHOWN and re.search(r"^\$ ", block.text, re.M)]
    assert [place for place in hidden if place.partition(":")[0] not in _OF_HELP] == []


def test_each_block_has_a_language_that_is_run_parsed_or_only_shown() -> None:
    known = {*COMMANDS, *PARSED, *SHOWN, "sql"}
    assert [f"{block.place} {block.language}" for block in blocks() if block.language not in known] == []


@pytest.mark.parametrize("block", _PARSED, ids=lambda block: block.place)
def test_a_block_is_what_it_says(block: Block) -> None:
    match block.language:
        case "json":
            json.loads(block.text)
        case "yaml":
            list(yaml.safe_load_all(block.text))
        case "toml":
            tomllib.loads(block.text)
        case _:
            compile(block.text, block.place, "exec")


def test_what_is_not_run_says_why_and_is_little(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = [block for block in blocks() if block.mark == "not run"]
    told = [f"  {block.place}: {block.reason}" for block in skipped]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", f"{len(skipped)} blocks of the documentation are not run:", *told, ""]))
    assert [block.place for block in skipped if len(block.reason) < 15] == []
    assert [block.place for block in skipped if block.language in SHOWN] == []
    assert len(skipped) <= _AT_MOST_NOT_RUN


def test_what_another_test_runs_is_read_by_that_test() -> None:
    elsewhere = [block for block in blocks() if block.mark == "run by"]
    assert len(elsewhere) > 5
    for block in elsewhere:
        test = ROOT / block.reason
        assert test.is_file(), block.place
        assert block.page.rpartition("/")[2] in test.read_text(), f"{block.reason} does not cover {block.place}"
