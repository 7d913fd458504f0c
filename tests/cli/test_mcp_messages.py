"""Lines that are no request of the protocol: each that waits for an answer gets one, with its ID if it has one."""

import json
import tempfile
from collections.abc import Iterator
from io import TextIOWrapper

import pytest

import forked
from cli.speaking import environment, lines
from kronos.model import Json, JsonObject

_PARSE, _INVALID, _PARAMS = -32700, -32600, -32602
_PING: JsonObject = {"jsonrpc": "2.0", "id": "a", "method": "ping"}


def _but(**changed: Json) -> str:
    return json.dumps(_PING | changed)


def _without(*names: str, **changed: Json) -> str:
    return json.dumps({name: value for name, value in (_PING | changed).items() if name not in names})


def _deep(levels: int) -> str:
    return _without("params")[:-1] + f', "params": {{"x": {"[" * levels}{"]" * levels}}}}}'


_REFUSED: dict[str, tuple[str, list[tuple[int, str | int | None]]]] = {
    "params a list": (_but(params=[1]), [(_PARAMS, "a")]),
    "params a text": (_but(params="x"), [(_PARAMS, "a")]),
    "params a number": (_but(id=7, params=1), [(_PARAMS, 7)]),
    "params false": (_but(params=False), [(_PARAMS, "a")]),
    "method a number": (_but(method=5), [(_INVALID, "a")]),
    "method null": (_but(method=None), [(_INVALID, "a")]),
    "method a number, params a list": (_but(method=5, params=[]), [(_INVALID, "a")]),
    "no method": (_without("method"), [(_INVALID, "a")]),
    "nothing": ("{}", [(_INVALID, None)]),
    "no ID, and no notification either": (_without("id", method=1), [(_INVALID, None)]),
    "id null": (_but(id=None), [(_INVALID, None)]),
    "id a boolean": (_but(id=True), [(_INVALID, None)]),
    "id a fraction": (_but(id=1.5), [(_INVALID, None)]),
    "id a list": (_but(id=[1]), [(_INVALID, None)]),
    "id an object": (_but(id={}), [(_INVALID, None)]),
    "id that nothing can send": (_but(id="\ud800"), [(_INVALID, None)]),
    "another version": (_but(jsonrpc="1.0"), [(_INVALID, "a")]),
    "the version a number": (_but(jsonrpc=2.0), [(_INVALID, "a")]),
    "no version": (_without("jsonrpc"), [(_INVALID, "a")]),
    "a number": ("5", [(_INVALID, None)]),
    "a text": ('"ping"', [(_INVALID, None)]),
    "null": ("null", [(_INVALID, None)]),
    "no JSON": ("ping", [(_PARSE, None)]),
    "half of it": (_but()[:-1], [(_PARSE, None)]),
    "two of it": (_but() * 2, [(_PARSE, None)]),
    "not a number": ('{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": {"x": NaN}}', [(_PARSE, None)]),
    "no UTF-8": (_but().replace("ping", "\udcff"), [(_PARSE, None)]),
    "half of a pair": (_but(params={"x": "\ud800"}), [(_INVALID, "a")]),
    "a number without end": (_but(params={"x": 0}).replace("0}", f"{'9' * 5000}}}"), [(_INVALID, "a")]),
    "deeper than is read": (_deep(500), [(_INVALID, "a")]),
    "deeper than Python reads": (_deep(200_000), [(_PARSE, None)]),
    "an empty batch": ("[]", [(_INVALID, None)]),
    "a batch": (f"[{_but()}, {_but(id=2)}]", [(_INVALID, "a"), (_INVALID, 2)]),
    "a batch of junk": ("[1, null, [], {}]", [(_INVALID, None)]),
    "a batch with notifications": (f"[{_without('id')}, {_but()}, 5]", [(_INVALID, "a")]),
    "a batch of answers": ('[{"jsonrpc": "2.0", "id": 1, "result": {}}]', [(_INVALID, None)]),
}
_TAKEN = {
    "a request": _but(),
    "a request with a number": _but(id=0),
    "a large number": _but(id=10**30),
    "an empty ID": _but(id=""),
    "letters of any kind": _but(id="é\U0001f600", params={"x": "\U0001f600"}),
    "no params": _but(params=None),
    "nested": _deep(100),
    "a notification": _without("id"),
    "a notification whose params are a list": _without("id", params=[1]),
    "an answer": '{"jsonrpc": "2.0", "id": 1, "result": {}}',
    "an answer that is none": '{"jsonrpc": "2.0", "id": 1, "result": 5}',
    "an error without an ID": '{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "x"}}',
    "an empty line": "",
    "a blank line": "  \n",
}


def _answers(line: str) -> Iterator[tuple[int, str | int | None]]:
    from kronos.mcp.messages import judged  # the package takes 0.3 s to import: not in each of pytest's processes

    for each in judged(line)[1]:
        assert 0 < len(each.error.message) < 200
        each.model_dump_json(by_alias=True)  # it can be sent
        yield each.error.code, each.id


@pytest.mark.parametrize("kind", _REFUSED)
def test_each_malformed_line_is_answered(kind: str) -> None:
    line, expected = _REFUSED[kind]
    assert list(_answers(line)) == expected


@pytest.mark.parametrize("kind", _TAKEN)
def test_what_the_protocol_allows_or_leaves_unanswered_is_not_refused(kind: str) -> None:
    assert list(_answers(_TAKEN[kind])) == []


def test_a_line_is_answered_whatever_its_size() -> None:
    from kronos.mcp.messages import MAX_CHARACTERS

    room = MAX_CHARACTERS - len(_but(params={"x": ""})) - 1
    assert list(_answers(_but(params={"x": "x" * room}) + "\n")) == []
    assert list(_answers(_but(params={"x": "x" * (room + 1)}) + "\n")) == [(_INVALID, None)]


def test_the_server_answers_them_and_goes_on() -> None:
    from kronos.mcp.messages import MAX_CHARACTERS

    sent = [line.encode("utf-8", "surrogateescape") for line, _ in _REFUSED.values() if "\ud800" not in line]
    sent += [b"x" * (MAX_CHARACTERS + 1), b"x" * (3 * MAX_CHARACTERS)]
    expected = [answer for _, answers in _REFUSED.values() for answer in answers] + [(_INVALID, None)] * 2
    last = json.dumps(_PING | {"id": "last"}).encode()
    with lines(environment("http://127.0.0.1:9", "kr_live_secret", "acme"), executed=False) as server:
        assert isinstance(server.stdin, TextIOWrapper)
        assert server.stdout is not None
        server.stdin.buffer.write(b"\n".join([*sent, b"", last]) + b"\n")
        server.stdin.flush()
        said = [json.loads(server.stdout.readline()) for _ in range(len(expected) + 1)]
        rest, log = server.communicate(timeout=60)
    assert [(each["error"]["code"], each["id"]) for each in said[:-1]] == expected
    assert said[-1] == {"jsonrpc": "2.0", "id": "last", "result": {}}
    assert (server.returncode, rest, log) == (0, "", "")


def test_without_standard_input_a_sentence_says_who_starts_it() -> None:
    program = (
        "import sys; sys.stdin = None; "
        "from kronos.__main__ import main; main(['mcp', '-w', 'acme', '--url', 'http://127.0.0.1:1'])"
    )
    with tempfile.TemporaryFile("w+") as said:
        modules = ["kronos.__main__", "kronos.mcp.server"]
        ended = forked.start(
            [], {"KRONOS_API_KEY": "kr_live_secret"}, stdout=said, stderr=said, program=program, modules=modules
        )
        assert ended.wait(60) == 1
        said.seek(0)
        assert said.read() == (
            "Error: standard input or output is closed: a client of the protocol starts this command, and talks to it "
            "there\n"
        )


def test_a_client_that_no_longer_reads_ends_the_server_without_a_traceback() -> None:
    with lines(environment("http://127.0.0.1:1", "kr_live_secret", "acme"), executed=False) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.close()
        server.stdin.write(f"{json.dumps(_PING)}\n")
        server.stdin.flush()
        _, log = server.communicate(timeout=60)
    assert (server.returncode, log) == (1, "")
