"""A key in a file: its form, that the file is never overwritten by mistake, and that file and database are brought
together or told apart with what to do.
"""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kronos import errors, keys
from kronos.keys import ChangedKey, GivenKey, Others, StoredKey
from kronos.sql import Statement

SECRET = "s" * 43
KEY = f"kr_live_0123456789ab_{SECRET}"
DIGEST = hashlib.sha256(SECRET.encode()).digest()


@pytest.mark.parametrize(
    ("text", "public_id", "secret"),
    [
        (KEY, "0123456789ab", SECRET),
        (f"kr_live_A_{'-_' * 8}", "A", "-_" * 8),
        (f"kr_live_{'a' * 64}_{'s' * 16}", "a" * 64, "s" * 16),
        (f"kr_live_a_{'s' * 128}", "a", "s" * 128),
        (f"kr_live_a_b_{'s' * 16}", "a", f"b_{'s' * 16}"),
    ],
)
def test_a_key_has_a_public_id_and_a_secret_of_which_only_the_digest_is_kept(
    text: str, public_id: str, secret: str
) -> None:
    assert keys.parse(text) == GivenKey(public_id=public_id, digest=hashlib.sha256(secret.encode()).digest())
    assert secret not in repr(keys.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "hunter2", f" {KEY}", f"{KEY}\n", f"kr_test_a_{SECRET}", f"kr_live__{SECRET}", f"kr_live_a-b_{SECRET}",
        f"kr_live_{'a' * 65}_{SECRET}", f"kr_live_a_{'s' * 15}", f"kr_live_a_{'s' * 129}", f"kr_live_a_{'é' * 16}",
        f"KR_LIVE_a_{SECRET}", f"kr_live_a_{SECRET}!", f"kr_live_\u0661_{SECRET}",
    ],
)  # fmt: skip
def test_what_has_not_the_form_of_a_key_is_none(text: str) -> None:
    assert keys.parse(text) is None


def test_a_new_key_is_of_the_form_and_never_the_same() -> None:
    made = [keys.new() for _ in range(3)]
    assert len({text for text, _ in made}) == 3
    for text, given in made:
        assert keys.parse(text) == given
        assert re.fullmatch(r"kr_live_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", text)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_key_is_written_for_its_owner_alone_and_its_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "admin.key"
    keys.write_new(file, KEY)
    assert (file.read_text(), mode(file), os.listdir(file.parent)) == (f"{KEY}\n", 0o600, ["admin.key"])
    keys.write_new(file, KEY)  # the same again is no mistake


def test_a_file_that_exists_is_not_overwritten_with_another_key(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    keys.write_new(file, KEY)
    with pytest.raises(errors.KeyRefused) as caught:
        keys.write_new(file, keys.new()[0])
    assert caught.value.detail == (
        f"{file} exists, and is not overwritten with another key; remove it, or use `kronos key rotate`"
    )
    assert (file.read_text(), os.listdir(tmp_path)) == (f"{KEY}\n", ["admin.key"])


def test_what_a_process_left_when_it_ended_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    (tmp_path / f".admin.key.{os.getpid()}.partial").write_text("half of a k")
    keys.write_new(file, KEY)
    assert (file.read_text(), os.listdir(tmp_path)) == (f"{KEY}\n", ["admin.key"])


def test_room_for_a_key_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    keys.require_room(tmp_path / "folder" / "admin.key")
    assert os.listdir(tmp_path / "folder") == []
    (tmp_path / "file").touch()
    for file, why in (
        (tmp_path / "file" / "admin.key", "File exists"),
        (tmp_path / ("x" * 250), "File name too long"),
    ):
        with pytest.raises(errors.KeyRefused) as caught:
            keys.require_room(file)
        assert caught.value.detail == f"no key can be written to {file}: {why}"


def test_a_file_that_holds_no_key_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    keys.require_form(file)  # it may not exist yet
    for content in (b"", b"hunter2\n", KEY.encode() + b"\n" + KEY.encode(), b"\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(errors.KeyRefused) as caught:
            keys.require_form(file)
        assert caught.value.detail == (
            f"{file} holds no key of the form kr_live_<public id>_<secret>. Put the right file back. "
            "Or remove it: a new key is created at the next start"
        )
    file.write_text(f"\n {KEY} \n")
    keys.require_form(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(errors.KeyRefused, match=f"^no key can be read from {file}: Is a directory$"):
        keys.require_form(file)


STORED = StoredKey(
    public_id="0123456789ab", role="instance_admin", created_at=datetime(2026, 1, 1, tzinfo=UTC), revoked_at=None,
    kept_in=None, secret_sha256=DIGEST, burnt_at=None,
)  # fmt: skip


class Stored:
    """The keys of a database, and what was asked of them."""

    def __init__(self, *known: StoredKey, others: int = 0, replaces: tuple[str, ...] = ()) -> None:
        self.keys = {each.public_id: each for each in known}
        self.others = others
        self._replaces = replaces
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def rows(self, statement: Statement[Any], params: dict[str, Any]) -> list[Any]:
        self.asked.append((statement.name.removeprefix("keys."), params))
        public_id = params.get("public_id", "")
        match self.asked[-1][0]:
            case "insert_key" if public_id not in self.keys:
                self.keys[public_id] = replace(STORED, public_id=public_id, secret_sha256=params["digest"])
                return [ChangedKey(public_id=public_id)]
            case "get_key":
                return [self.keys[public_id]] if public_id in self.keys else []
            case "replace_key":
                return [ChangedKey(public_id=each) for each in self._replaces]
            case "revoke_key" if public_id in self.keys:
                return [ChangedKey(public_id=public_id)]
            case "list_keys":
                return list(self.keys.values())
            case "count_others":
                return [Others(keys=self.others)]
        return []

    def named(self, name: str) -> list[dict[str, Any]]:
        return [params for asked, params in self.asked if asked == name]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the database be these keys."""

    def connect(stored: Stored, *, refuses: errors.KronosError | None = None) -> Stored:
        @contextmanager
        def connected(url: str, refused: type[errors.KronosError]) -> Iterator[Stored]:
            assert (url, refused) == ("postgresql://", errors.KeyRefused)
            if refuses is not None:
                raise refuses
            yield stored

        monkeypatch.setattr("kronos.owner.connected", connected)
        monkeypatch.setattr("kronos.session.rows", lambda connection, *asked: connection.rows(*asked))
        return stored

    return connect


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "admin.key"


def held(file: Path) -> GivenKey:
    found = keys.parse(file.read_text().strip())
    assert found is not None
    return found


def test_the_first_start_makes_a_key_in_the_file_and_in_the_database(connect: Any, file: Path) -> None:
    stored = connect(Stored())
    assert keys.ensure_admin_key("postgresql://", file) == []
    assert list(stored.keys) == [held(file).public_id]
    (made,) = stored.named("insert_key")
    assert (made["digest"], made["kept_in"]) == (held(file).digest, f"{socket.gethostname()}:{file.absolute()}")


def test_a_later_start_changes_nothing_but_where_the_key_is(connect: Any, file: Path) -> None:
    file.write_text(KEY)
    stored = connect(Stored(STORED, others=3))
    assert keys.ensure_admin_key("postgresql://", file) == []
    assert (file.read_text(), stored.named("replace_key"), len(stored.named("update_file"))) == (KEY, [], 1)


def test_a_new_key_in_the_place_of_an_old_one_is_told_with_those_that_still_work(connect: Any, file: Path) -> None:
    connect(Stored(others=2, replaces=("old", "older")))
    assert keys.ensure_admin_key("postgresql://", file) == [
        f"{file} holds a new key; its previous key old no longer works",
        f"{file} holds a new key; its previous key older no longer works",
        "2 other key(s) of the administrator still work in addition to the new one: see "
        "`kronos key list --instance`, `kronos key revoke --instance`",
    ]


ANEW = "Remove {file} and start again: then a new key is created"


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (
            replace(STORED, secret_sha256=b"x" * 32),
            "the key in {file} is not the one that the database knows as 0123456789ab: its secret differs. "
            f"Put the right file back. Or: {ANEW}",
        ),
        (
            replace(STORED, role="viewer"),
            "the key in {file} (0123456789ab) is not the administrator's but a workspace's, with the role viewer. "
            f"Put the right file back. Or: {ANEW}",
        ),
        (
            replace(STORED, revoked_at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
            f"the key in {{file}} (0123456789ab) was revoked at 2026-02-03 04:05:06Z. {ANEW}",
        ),
    ],
)
def test_a_file_that_is_not_what_the_database_knows_ends_the_start(
    connect: Any, file: Path, stored: StoredKey, why: str
) -> None:
    file.write_text(KEY)
    known = connect(Stored(stored))
    for attempt in (keys.ensure_admin_key, keys.rotate):
        with pytest.raises(errors.KeyRefused) as caught:
            attempt("postgresql://", file)
        assert caught.value.detail == why.format(file=file)
        assert SECRET not in caught.value.detail
    assert (file.read_text(), known.named("replace_key"), known.named("revoke_key")) == (KEY, [], [])


def test_only_a_key_that_the_database_knows_is_rotated(connect: Any, file: Path) -> None:
    file.write_text(KEY)
    connect(Stored())
    with pytest.raises(errors.KeyRefused) as caught:
        keys.rotate("postgresql://", file)
    assert caught.value.detail == f"the database does not know the key in {file}. {ANEW.format(file=file)}"
    assert file.read_text() == KEY


def test_a_rotation_stores_the_new_key_first_and_ends_the_old_one_last(connect: Any, file: Path) -> None:
    """The file always holds a key that works."""
    file.write_text(KEY)
    stored = connect(Stored(STORED, replaces=("older",)))
    public_id, ended = keys.rotate("postgresql://", file)
    assert (held(file).public_id, ended, mode(file)) == (public_id, ["older", "0123456789ab"], 0o600)
    assert [name for name, _ in stored.asked] == ["get_key", "insert_key", "replace_key", "revoke_key"]
    assert stored.named("insert_key")[0]["digest"] == held(file).digest
    assert stored.named("revoke_key") == [{"public_id": "0123456789ab"}]


def test_a_further_key_is_shown_and_kept_only_if_it_was_stored(connect: Any, file: Path) -> None:
    stored = connect(Stored())
    text = keys.create("postgresql://")
    assert list(stored.keys) == [getattr(keys.parse(text), "public_id", None)]
    assert stored.named("insert_key")[0]["kept_in"] is None
    text = keys.create("postgresql://", file)
    assert (file.read_text(), len(stored.keys)) == (f"{text}\n", 2)
    with pytest.raises(errors.KeyRefused, match="is not overwritten with another key"):
        keys.create("postgresql://", file)
    assert file.read_text() == f"{text}\n"
    connect(stored, refuses=errors.DatabaseUnavailable("away"))
    other = file.with_name("other.key")
    with pytest.raises(errors.DatabaseUnavailable):
        keys.create("postgresql://", other)
    assert not other.exists(), "it would be in the way of the next try"
    with pytest.raises(errors.DatabaseUnavailable):
        keys.create("postgresql://")


def test_a_key_of_the_instance_is_revoked_and_no_other(connect: Any) -> None:
    stored = connect(Stored(STORED, replace(STORED, public_id="w", role="admin"), others=4))
    assert keys.revoke("postgresql://", "0123456789ab") == (STORED, 4)
    assert stored.named("revoke_key") == [{"public_id": "0123456789ab"}]
    assert [each.public_id for each in keys.stored("postgresql://")] == ["0123456789ab", "w"]
    for public_id in ("unknown", "w"):
        with pytest.raises(errors.KeyRefused) as caught:
            keys.revoke("postgresql://", public_id)
        assert caught.value.detail.startswith(f"the instance has no key with the public id {public_id!r}: see `kronos")
