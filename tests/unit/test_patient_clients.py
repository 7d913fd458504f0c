"""Each HTTP client in the tests says how long it waits. httpx's own limit is 5 s, which a busy machine passes."""

import re
from pathlib import Path

_TESTS = Path(__file__).parents[1]
_CALL = re.compile(r"\bhttpx\.(?:Client|AsyncClient|get|head|options|post|put|patch|delete|request|stream)\(")
_SAYS = ("timeout", "MockTransport", "ASGITransport")
"""What such a call must contain; the transports reach no other process."""


def _whole(text: str, start: int) -> str:
    """The call that begins at `start`, to its closing parenthesis."""
    depth = 0
    for at in range(text.index("(", start), len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return text[start : at + 1]
    raise AssertionError(f"a call without an end: {text[start : start + 80]}")


def _calls(text: str) -> list[str]:
    return [_whole(text, found.start()) for found in _CALL.finditer(text)]


def test_each_http_client_says_how_long_it_waits() -> None:
    texts = {path.relative_to(_TESTS): path.read_text(encoding="utf-8") for path in _TESTS.rglob("*.py")}
    calls = [(str(name), call) for name, text in texts.items() if "httpx." in text for call in _calls(text)]
    assert len(calls) > 50
    assert [each for each in calls if not any(word in each[1] for word in _SAYS)] == []


def test_a_call_without_a_limit_is_found() -> None:
    name = "httpx." + "get"
    assert _calls(f"told = {name}(f'{{url}}/x', headers=known(1)).json()") == [
        f"{name}(f'{{url}}/x', headers=known(1))"
    ]
