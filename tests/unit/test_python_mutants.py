"""Which mutants are made of a Python file, and that a mutant is in place only while it is tried."""

from pathlib import Path

import pytest

import python_mutants
from kronos.delivery import late
from python_mutants import in_place, mutants_of

_HEAD = "LIMIT = 7\n\ndef f(a, b: int=3):\n    "


def changed(folder: Path, body: str) -> set[str]:
    """The bodies that replace this one."""
    path = folder / "f.py"
    path.write_text(_HEAD + body)
    texts = [mutant.text for mutant in mutants_of(path)]
    assert len(texts) == len(set(texts))
    assert all(text.startswith(_HEAD) for text in texts)
    return {text.removeprefix(_HEAD) for text in texts}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("'a < 1'", set()),
        ("x = a < b", {"x = a <= b"}),
        ("x = a and b or 7", {"x = b or 7", "x = a or 7", "x = a and b", "x = 7", "x = a and b or 8"}),
        ("return a is None", {"return None", "return a is not None"}),
        ("x = 1 if a else -b", {"x = 2 if a else -b", "x = 1 if True else -b", "x = 1 if False else -b"}),
        ("x = not a", {"x = not not a"}),
        ("return None", set()),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("a += True", {"a -= True", "a += False"}),
        ("print(a)", {"None"}),
    ],
)
def test_each_is_one_mistake_in_a_function(tmp_path: Path, body: str, wanted: set[str]) -> None:
    assert changed(tmp_path, body) == wanted


def test_one_in_place_is_what_runs_and_is_gone_afterwards() -> None:
    path = Path(python_mutants.__file__).parents[1] / "kronos" / "delivery" / "progress.py"
    (connected, sent) = [mutant for mutant in mutants_of(path) if "False" in mutant.what]
    from kronos.delivery.progress import Progress

    for mutant, expected in ((connected, (True, False)), (sent, (False, True))):
        with in_place(mutant) as is_there:
            made = Progress()
            assert is_there
            assert (made.is_connected, made.is_sent) == expected
        assert (Progress().is_connected, Progress().is_sent) == (False, False)


def test_a_method_that_loses_its_only_super_cannot_be_put_in_place() -> None:
    path = Path(python_mutants.__file__).parents[1] / "kronos" / "delivery" / "refused.py"
    (lost,) = [mutant for mutant in mutants_of(path) if "super()" in mutant.what]
    with in_place(lost) as is_there:
        assert not is_there


def test_functions_are_found_behind_what_decorates_them() -> None:
    found = {function.__qualname__ for function in python_mutants._functions(late)}
    assert "acknowledged_within" in found
