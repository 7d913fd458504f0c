"""Every command of the README and of docs/ runs as printed, on one `kronos up`, and prints what the page shows.

A page has a workspace of its own, which it calls acme, and one shell for its commands. Pages and commands run in order.
docs/scenes.py creates the state before a page's first command; `terminal.VARYING` lists the output that is not
compared. A block that is not run is marked so: CONTRIBUTING.md.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path

import httpx
import psycopg
import pytest

from docs.blocks import COMMANDS, Block, blocks
from docs.scenes import SCENES, Scene, Stage, set_stage
from embedded.conftest import Up, made_home, starting
from servers import copy_home, used_home
from terminal import Rules, Step, Terminal, as_shown, said_until, steps_of, told_ids

_RUN = [block for block in blocks() if block.language in COMMANDS and block.mark in (None, "run until")]
_PAGES = {page: list(group) for page, group in groupby(_RUN, key=lambda block: block.page)}
_CALLED = "acme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A running `kronos up`, and its user's home."""

    up: Up
    home: Path


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Commands find it like one that was started without --home."""
    with made_home() as home, starting(home) as start:
        copy_home(used_home(), home)
        data = tmp_path_factory.mktemp("ada") / ".local" / "share"
        data.mkdir(parents=True)
        (data / "kronos").symlink_to(home)
        up = start(KRONOS_EGRESS_ALLOW="127.0.0.0/8,172.16.0.0/12")
        up.await_ready()
        yield Instance(up=up, home=data.parents[1])


@pytest.fixture
def stage(instance: Instance, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A page's own workspace and folder."""
    key = (instance.up.home / "admin.key").read_text().strip()  # docs/keys.md replaces it
    slug = f"acme-{Path(request.node.callspec.id).stem.lower()}"
    with (
        httpx.Client(base_url=instance.up.url, headers={"Authorization": f"Bearer {key}"}, timeout=300) as client,
        psycopg.connect(str(instance.up.told["database_url"]), autocommit=True) as superuser,
        ExitStack() as ending,
    ):
        made = Stage(
            up=instance.up,
            client=client,
            superuser=superuser,
            workspace=slug,
            folder=tmp_path,
            home=instance.home,
            ending=ending,
        )
        set_stage(made)
        yield made


@pytest.mark.parametrize("page", list(_PAGES))
def test_a_page_says_what_its_commands_say(stage: Stage, page: str) -> None:
    scene = SCENES.get(page, Scene())
    typed = {_CALLED: stage.workspace, **scene.prepare(stage)}
    terminal = Terminal(folder=stage.folder, environment=stage.at_a_shell())
    try:
        for block in _PAGES[page]:
            if block.mark is None:
                _follow(block, terminal, typed, scene.rules)
            else:
                _listen(block, stage, typed)
    finally:
        terminal.close()


def _follow(block: Block, terminal: Terminal, typed: dict[str, str], rules: Rules) -> None:
    """Type each command of a block. An id that the page shows is replaced by the real one in later commands."""
    steps = steps_of(block.text) if block.language == "console" else [Step(block.text)]
    for step, following in zip_longest(steps, steps[1:]):
        ran = terminal.run(_as_typed(step.command, typed))
        said = [line.replace(typed[_CALLED], _CALLED) for line in ran.lines]
        where = f"{block.place}: {step.command}"
        shows_code = following is not None and following.command == "echo $?"
        is_refused = shows_code or any(line.startswith("Error:") for line in step.shown)
        assert (ran.code != 0) == is_refused, f"{where} ended with {ran.code}: {said}"
        if step.shown:
            ids = told_ids(step.shown, said, rules)
            assert ids is not None, (
                f"{where} prints {as_shown(said, rules)}, the page shows {as_shown(step.shown, rules)}"
            )
            typed |= ids


def _listen(block: Block, stage: Stage, typed: Mapping[str, str]) -> None:
    """Start each command of a block, none of which ends, and wait for the text; the output up to it is compared."""
    for step in steps_of(block.text):
        command = _as_typed(step.command, typed)
        said = said_until(block.reason, command, folder=stage.folder, environment=stage.of_a_server())
        shown = step.shown[: len(said)]
        assert not shown or told_ids(shown, said) is not None, f"{block.place}: {step.command} says {said}"


def _as_typed(command: str, typed: Mapping[str, str]) -> str:
    for word, instead in typed.items():
        command = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", instead, command)
    return command


def test_each_scene_has_its_page() -> None:
    assert set(SCENES) - set(_PAGES) == set()
