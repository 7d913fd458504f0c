"""An export of the audit proves by itself that no line was changed, removed or put in, and a head that was recorded
elsewhere proves that it is whole.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from kronos import audit
from kronos.audit import (
    AuditFilter,
    Chain,
    ChainHead,
    Cut,
    Line,
    ListedAuditRow,
    OneShotMade,
    Pin,
    SealedRows,
    StoredHead,
    Verified,
    Walked,
    verify_export,
)
from kronos.database import PAGE_BYTES
from kronos.model import JsonObject
from kronos.sql import Statement
from scripted_view import View

WORKSPACE = UUID(int=7)
AT = datetime(2026, 11, 20, tzinfo=UTC)


def begun(chain_id: UUID) -> bytes:
    return hashlib.sha256(f"kronos audit {chain_id}".encode()).digest()


def exported(*actions: str, first: int = 1, of: UUID | None = WORKSPACE, before: bytes | None = None) -> list[bytes]:
    """The lines of a chain as PostgreSQL exports them."""
    digest, lines = before or begun(of or UUID(int=0)), []
    for number, action in enumerate(actions, first):
        shown = {
            "number": number, "workspace": "acme" if of else None, "workspace_id": str(of) if of else None,
            "action": action,
        }  # fmt: skip
        record = json.dumps(shown)
        digest = hashlib.sha256(digest + record.encode()).digest()
        lines.append(f'{{"number": {number}, "hash": "{digest.hex()}", "record": {record}}}\n'.encode())
    return lines


def hash_of(line: bytes) -> str:
    found: str = json.loads(line)["hash"]
    return found


LINES = exported("job.create", "job.pause", "job.resume", "job.cancel")


@pytest.mark.parametrize(
    ("lines", "workspace"), [(LINES, "acme"), (exported("key.create", "key.revoke", of=None), None)]
)
def test_a_whole_export_is_sound_and_ends_with_its_head(lines: list[bytes], workspace: str | None) -> None:
    found = verify_export(lines)
    assert found == Verified(
        workspace=workspace, seen=len(lines), first=1, number=len(lines), hash=hash_of(lines[-1]), pending=0, fault=None
    )
    assert verify_export(line.rstrip(b"\n") for line in lines) == found


def test_an_export_may_begin_later_and_its_first_line_is_then_taken_as_given() -> None:
    found = verify_export(LINES[2:])
    assert (found.first, found.number, found.seen, found.fault) == (3, 4, 2, None)
    alone = verify_export([LINES[1]])
    assert (alone.first, alone.number, alone.hash, alone.fault) == (2, 2, hash_of(LINES[1]), None)


def test_an_empty_export_has_nothing_wrong_and_nothing_in_it() -> None:
    assert verify_export([]) == Verified(workspace=None, seen=0, first=0, number=0, hash="", pending=0, fault=None)


CHANGED = "it, or a row before it, was changed"


@pytest.mark.parametrize(
    ("lines", "number", "fault"),
    [
        (exported("job.create", before=begun(UUID(int=8))), 0, f"number 1 is not what was sealed: {CHANGED}"),
        ([LINES[0], LINES[1].replace(b"pause", b"paused")], 1, f"number 2 is not what was sealed: {CHANGED}"),
        ([LINES[0], *exported("a", first=2, before=b"x" * 32)], 1, f"number 2 is not what was sealed: {CHANGED}"),
        ([LINES[0], LINES[2], LINES[3]], 1, "number 2 is missing"),
        ([LINES[0], LINES[0]], 1, "number 2 is missing"),
        ([LINES[1], LINES[0]], 2, "number 3 is missing"),
        ([LINES[0], b"no json\n"], 1, "the line after number 1 is not a line of an export"),
        ([b"{}"], 0, "the line after number 0 is not a line of an export"),
        ([LINES[0], b""], 1, "the line after number 1 is not a line of an export"),
        ([LINES[0], LINES[1].replace(b'{"number": 2, "hash', b'{"number": 3, "hash')], 1, "the line after number 1"),
        ([LINES[0].replace(b'"hash": "', b'"hash": "zz')], 0, "the line after number 0 is not a line of an export"),
        ([LINES[0], b'[{"number": 2}]\n'], 1, "the line after number 1 is not a line of an export"),
        ([LINES[0].replace(b'"workspace_id"', b'"other"')], 0, "the line after number 0 is not a line of an export"),
        ([LINES[0].replace(b'"workspace"', b'"other"')], 0, "the line after number 0 is not a line of an export"),
        ([LINES[0].replace(str(WORKSPACE).encode(), b"acme")], 0, "the line after number 0 is not a line of an export"),
    ],
)  # fmt: skip
def test_a_line_that_was_changed_removed_or_put_in_is_named(lines: list[bytes], number: int, fault: str) -> None:
    found = verify_export(lines)
    assert (found.number, (found.fault or "")[: len(fault)]) == (number, fault)


HEADS = [Pin(number=number, hash=hash_of(line)) for number, line in enumerate(LINES, 1)]


def test_recorded_heads_that_the_export_has_are_sound() -> None:
    assert verify_export(LINES, HEADS).fault is None
    assert verify_export(LINES, [HEADS[3], HEADS[0], HEADS[3]]).fault is None


@pytest.mark.parametrize(
    ("lines", "pins", "fault"),
    [
        (LINES, [Pin(number=2, hash="00")], "the hash of number 2 differs from the recorded one"),
        (LINES, [HEADS[1], Pin(number=2, hash="00")], "the hash of number 2 differs from the recorded one"),
        (LINES, [Pin(number=2, hash="00"), HEADS[1]], "the hash of number 2 differs from the recorded one"),
        (LINES[:2], [HEADS[3], HEADS[2]], "number 3, which was recorded, is missing"),
        (LINES[1:], [HEADS[0]], "number 1, which was recorded, is missing"),
        ([], [HEADS[0]], "number 1, which was recorded, is missing"),
        ([LINES[0], LINES[2]], [HEADS[3]], "number 2 is missing"),
    ],
)
def test_a_recorded_head_that_the_export_has_not_is_a_fault(lines: list[bytes], pins: list[Pin], fault: str) -> None:
    """Also one of two that were recorded under one number."""
    assert verify_export(lines, pins).fault == fault


def row_of(number: int, *, place: int | None = None) -> OneShotMade:
    shown: JsonObject = dict.fromkeys(
        ("workspace", "key_id", "address", "request_id", "object", "before", "after", "number", "hash", "source")
    )
    return OneShotMade(
        audit_id=UUID(int=number), at=AT, actor="ada", database_user="kronos_api", action=audit.ONE_SHOT_MADE,
        object_type=audit.ONE_SHOT, object_id=str(number), place_id=None if place is None else UUID(int=place), **shown,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("which", "is_asked"),
    [
        (AuditFilter(), True),
        (AuditFilter(action="one_shot.create", object_type="one_shot"), True),
        (AuditFilter(action="job.create"), False),
        (AuditFilter(object_type="job"), False),
        (AuditFilter(action="one_shot.create", object_type="job"), False),
    ],
)
async def test_one_shots_are_looked_for_only_where_the_filter_may_have_them(which: AuditFilter, is_asked: bool) -> None:
    view: Any = View(list_one_shots_made=[[row_of(1)]])
    found, place = await audit.list_one_shots(view, which, limit=5, before=None)
    assert (len(found), place, len(view.asked)) == (int(is_asked), None, int(is_asked))


async def test_a_page_of_one_shots_leads_on_after_its_last_row_or_where_the_search_stopped() -> None:
    async def page(*rows: OneShotMade) -> tuple[list[int], Any]:
        view: Any = View(list_one_shots_made=[rows])
        found, place = await audit.list_one_shots(view, AuditFilter(), limit=2, before=(AT, WORKSPACE))
        (asked,) = view.params("list_one_shots_made")
        assert (asked["limit"], asked["before_at"], asked["before_id"]) == (3, AT, WORKSPACE)
        return [each.audit_id.int for each in found], place

    assert await page() == ([], None)
    assert await page(row_of(9), row_of(8)) == ([9, 8], None)
    assert await page(row_of(9), row_of(8), row_of(7)) == ([9, 8], (AT, UUID(int=8)))
    assert await page(row_of(9), row_of(8, place=4)) == ([9], (AT, UUID(int=4)))
    assert await page(row_of(8, place=4)) == ([], (AT, UUID(int=4)))


async def test_a_filter_is_passed_on_as_it_was_given() -> None:
    view: Any = View(list_instance_audit=[[]])
    which = AuditFilter(actor="ada", object="nightly", after=AT, before=AT)
    await audit.list_page(view, which, limit=5, before=None)
    (asked,) = view.params("list_instance_audit")
    at = AT.isoformat()
    assert asked["filter"].obj == {"actor": "ada", "object": "nightly", "after": at, "before": at}
    assert (asked["limit"], asked["before_at"], asked["before_id"], asked["bytes"]) == (5, None, None, PAGE_BYTES)


async def test_an_export_of_one_shots_has_the_fields_of_the_audit_and_goes_on_to_the_end() -> None:
    view: Any = View(list_one_shots_made=[[row_of(9, place=8)], [row_of(7)]])
    pieces = [piece async for piece in audit.exported_one_shots(view, AuditFilter())]
    lines = [json.loads(line) for line in b"".join(pieces).splitlines()]
    assert [line["object_id"] for line in lines] == ["7"]
    assert ("place_id" in lines[0], lines[0]["at"], pieces[0]) == (False, "2026-11-20T00:00:00Z", b"")
    assert [asked["before_id"] for asked in view.params("list_one_shots_made")] == [None, UUID(int=8)]


async def test_an_export_goes_on_after_the_last_line_of_a_full_part() -> None:
    full = [Line(number=number, text=f"line {number}") for number in range(3, 503)]
    view: Any = View(list_lines=[full, [Line(number=503, text="last")]])
    pieces = [piece async for piece in audit.exported(view, after=2)]
    assert [asked["after"] for asked in view.params("list_lines")] == [2, 502]
    assert (pieces[0].splitlines()[0], pieces[1], len(pieces)) == (b"line 3", b"last\n", 2)
    nothing: Any = View(list_lines=[[]])
    assert [piece async for piece in audit.exported(nothing, after=9)] == []


def stored(**more: Any) -> StoredHead:
    empty = dict.fromkeys(("number", "hash", "sealed_at", "cut_number", "cut_hash", "cut_at"))
    return StoredHead(**{"workspace": "acme", "pending": 2, **empty, **more})


async def test_a_head_shows_where_a_chain_ends_and_where_retention_cut_it() -> None:
    async def head(row: StoredHead) -> ChainHead:
        view: Any = View(get_head=[[row]])
        return await audit.head(view)

    assert await head(stored()) == ChainHead(workspace="acme", number=0, hash=None, sealed_at=None, pending=2, cut=None)
    whole = stored(number=9, hash="aa", sealed_at=AT, cut_number=4, cut_hash="bb", cut_at=AT)
    assert (await head(whole)).cut == Cut(number=4, hash="bb", at=AT)
    assert (await head(whole)).number == 9
    assert (await head(stored(number=9, hash="aa", cut_number=0, cut_hash="bb", cut_at=AT))).cut is None


class Walks:
    """The database of an administrator, in which a chain is walked."""

    def __init__(self, chains: list[Chain], walked: list[Walked], sealed: tuple[int, ...] = (0,)) -> None:
        self._answers: dict[str, list[Any]] = {
            "audit.seal": [[SealedRows(sealed=number)] for number in sealed],
            "audit.list_chains": [chains],
            "audit.read_chain": [[each] for each in walked],
        }
        self.asked: list[dict[str, Any]] = []
        self.commits = 0
        self.snapshots = 0

    def commit(self) -> None:
        self.commits += 1

    def execute(self, text: str) -> None:
        assert text == "set transaction isolation level repeatable read, read only"
        assert self._answers["audit.seal"] == []
        self.snapshots += 1

    def rows(self, statement: Statement[Any], params: dict[str, Any]) -> list[Any]:
        if statement.name == "audit.read_chain":
            self.asked.append(params)
        found: list[Any] = self._answers[statement.name].pop(0)
        return found


def verified(monkeypatch: pytest.MonkeyPatch, walks: Walks, *pins: tuple[str | None, Pin]) -> list[Verified]:
    class Connected:
        def __enter__(self) -> Walks:
            return walks

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("kronos.owner.connected", lambda url, refused: Connected())
    monkeypatch.setattr("kronos.session.rows", lambda connection, *asked: connection.rows(*asked))
    return list(audit.verify("postgresql://", pins))


A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))


def chain(**more: Any) -> Chain:
    plain = {
        "chain_id": WORKSPACE, "workspace": "acme", "number": 9, "hash": C, "cut_number": 0,
        "cut_hash": begun(WORKSPACE), "pending": 1, "noted_cut": None,
    }  # fmt: skip
    return Chain(**{**plain, **more})


def walked(number: int, digest: bytes, seen: int, fault: str | None = None) -> Walked:
    return Walked(number=number, hash=digest, seen=seen, fault=fault)


def test_a_chain_is_sealed_and_walked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = Walks([chain()], [walked(9, C, 9), walked(9, C, 0)], sealed=(1000, 1000, 3))
    assert verified(monkeypatch, walks) == [
        Verified(workspace="acme", seen=9, first=1, number=9, hash=C.hex(), pending=1, fault=None)
    ]
    assert (walks.commits, walks.snapshots) == (3, 1)
    assert [(asked["after"], asked["hash"], asked["limit"]) for asked in walks.asked] == [
        (0, begun(WORKSPACE), 5000), (9, C, 5000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "walks", "pins", "fault"),
    [
        (chain(cut_hash=A), [], [], "it does not begin as a chain must"),
        (chain(cut_number=4, cut_hash=A), [], [], "it begins after number 4, but records no retention that cut it"),
        (
            chain(cut_number=4, cut_hash=A, noted_cut={"number": 4, "hash": B.hex()}), [], [],
            "it begins after number 4, but records no retention that cut it there",
        ),
        (chain(), [walked(3, A, 3, "number 4 was changed")], [], "number 4 was changed"),
        (
            chain(), [walked(3, A, 3, "number 4 was changed")], [Pin(number=12, hash=B.hex())], "number 4 was changed",
        ),
        (chain(), [walked(8, C, 8), walked(8, C, 0)], [], "it ends with number 8, but its head says 9"),
        (chain(), [walked(9, B, 9), walked(9, B, 0)], [], "it ends with number 9, but its head says 9"),
        (
            chain(), [walked(4, A, 4)], [Pin(number=4, hash=B.hex())],
            "the hash of number 4 differs from the recorded one",
        ),
        (
            chain(), [walked(9, C, 9), walked(9, C, 0)], [Pin(number=12, hash=B.hex())],
            "it ends with number 9, but number 12 was recorded",
        ),
        (
            chain(), [walked(4, A, 4)], [Pin(number=4, hash=A.hex()), Pin(number=4, hash=B.hex())],
            "the hash of number 4 differs from the recorded one",
        ),
        (
            chain(cut_number=4, cut_hash=A, noted_cut={"number": 4, "hash": A.hex()}), [],
            [Pin(number=4, hash=B.hex())], "the hash of number 4 differs from the recorded one",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_chain_is_named(
    monkeypatch: pytest.MonkeyPatch, of: Chain, walks: list[Walked], pins: list[Pin], fault: str
) -> None:
    (found,) = verified(monkeypatch, Walks([of], walks), *(("acme", pin) for pin in pins))
    assert (found.fault or "")[: len(fault)] == fault


def test_a_walk_stops_at_each_recorded_head(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = chain(cut_number=2, cut_hash=A, noted_cut={"number": 2, "hash": A.hex()})
    walks = Walks([cut], [walked(5, B, 3), walked(9, C, 4), walked(9, C, 0)])
    pins = [("acme", Pin(number=number, hash=digest.hex())) for number, digest in ((9, C), (1, B), (5, B))]
    (found,) = verified(monkeypatch, walks, *pins, ("other", Pin(number=5, hash=C.hex())))[:1]
    assert (found.fault, found.seen, found.first, found.number) == (None, 7, 3, 9)
    assert [asked["limit"] for asked in walks.asked] == [3, 4, 5000]


def test_a_recorded_chain_that_is_gone_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = Walks([chain()], [walked(9, C, 9), walked(9, C, 0)])
    _, gone = verified(monkeypatch, walks, ("gone", Pin(number=4, hash=A.hex())))
    assert gone == Verified(
        workspace="gone", seen=0, first=1, number=0, hash="", pending=0,
        fault="there is no such chain, but its number 4 was recorded",
    )  # fmt: skip


def test_a_row_of_a_list_is_a_row_with_whether_more_follow() -> None:
    assert {name for name in ListedAuditRow.__dataclass_fields__ if name.startswith("_")} == {"_more"}
