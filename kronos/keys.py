"""API keys: their format, how one is found, and the administrator's keys: created, listed, rotated, revoked.

A key that Kronos wrote to a file is stored with the file's name. A new key in that file replaces it: the old one no
longer works, whether it was rotated or the file was removed before the next start.
"""

import contextlib
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from kronos import errors, owner, session
from kronos.database import InstanceView
from kronos.records import dataclass
from kronos.sql import statement

_ADMINISTRATORS = "instance_admin"
FORM = "kr_live_<public id>_<secret>"
_KEY = re.compile(r"kr_live_(?P<public_id>[A-Za-z0-9]{1,64})_(?P<secret>[A-Za-z0-9_-]{16,128})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenKey:
    """A key as its holder sends it: the public id that finds it, and the SHA-256 of its secret."""

    public_id: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as the database stores it. kept_in: host and path of the file that Kronos wrote it to; None: no file.
    burnt_at: when it first appeared in a URL."""

    public_id: str
    role: str
    created_at: datetime
    revoked_at: datetime | None
    kept_in: str | None
    secret_sha256: bytes
    burnt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNow:
    """The permissions of a valid key. workspace: the slug of its workspace; None: the instance. valid_seconds: until it
    expires; None: never."""

    key_id: UUID
    role: str
    sees_payloads: bool
    workspace_id: UUID | None
    workspace: str | None
    valid_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Burnt:
    """Whether a key in a URL was recorded; only a key that exists is."""

    is_noted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedKey(KeyNow):
    """A valid key, with the requests that were taken for it (take_requests)."""

    quota: int | None
    granted: int
    left_over: int
    window_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey(AdmittedKey):
    """An admitted key, with the digest that identifies its secret without revealing it."""

    secret_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedUse:
    """For how many keys a use was recorded."""

    noted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedKey:
    """The public id of a key that a statement created, moved or revoked."""

    public_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """How many other keys of the administrator are valid."""

    keys: int


_FIND = statement("keys.find_key", FoundKey)
_KNOWN = statement("keys.list_known_keys", KeyNow)
_NOTE = statement("keys.update_last_use", NotedUse)
_NOTE_BURNT = statement("keys.update_burnt", Burnt)
_INSERT = statement("keys.insert_key", ChangedKey)
_GET = statement("keys.get_key", StoredKey)
_LIST = statement("keys.list_keys", StoredKey)
_MOVE = statement("keys.update_file", ChangedKey)
_REPLACE = statement("keys.replace_key", ChangedKey)
_REVOKE = statement("keys.revoke_key", ChangedKey)
_OTHERS = statement("keys.count_others", Others)


async def find(view: InstanceView, given: GivenKey, wanted: int) -> FoundKey | None:
    """Return the key with this public id, unless it is unknown, revoked or expired. If its secret is right, up to
    `wanted` requests are taken for it. Raises DatabaseUnavailable."""
    return await view.one_or_none(_FIND, {"public_id": given.public_id, "digest": given.digest, "wanted": wanted})


async def note_burnt(view: InstanceView, given: GivenKey) -> None:
    """Record that this key, if it exists, appeared in a URL. Raises DatabaseUnavailable."""
    await view.rows(_NOTE_BURNT, {"public_id": given.public_id, "digest": given.digest})


async def known(view: InstanceView, key_ids: Sequence[UUID]) -> dict[UUID, KeyNow]:
    """Return the keys that are still valid, by id. Raises KronosError."""
    return {each.key_id: each for each in await view.rows(_KNOWN, {"key_ids": key_ids})}


async def note_use(view: InstanceView, key_ids: Sequence[UUID]) -> None:
    """Record that the keys were used, unless that was recorded within the last minute. Raises KronosError."""
    await view.rows(_NOTE, {"key_ids": key_ids})


def parse(text: str) -> GivenKey | None:
    """Return the key in `text`; None if it does not have the format of a key."""
    found = _KEY.fullmatch(text)
    return (
        GivenKey(public_id=found["public_id"], digest=hashlib.sha256(found["secret"].encode("ascii")).digest())
        if found
        else None
    )


def ensure_admin_key(admin_database_url: str, key_file: Path) -> list[str]:
    """Create the instance administrator's key if `key_file` does not exist, and make sure that the database knows the
    key in the file.

    The file (mode 0600) is on disk before the database knows its key. A crash in between only means that the next start
    stores it. Returns messages for the administrator. Raises KeyRefused if file and database do not match,
    DatabaseUnavailable.
    """
    is_made = not key_file.exists()
    if is_made:
        _write(key_file, _new(), replace=False)
    key = _read(key_file)
    with owner.connected(admin_database_url, errors.KeyRefused) as connection:
        is_stored = bool(session.rows(connection, _INSERT, _params(key, key_file)))
        stored = _one(connection, key.public_id)
        _require_valid(stored, key, key_file)
        session.rows(connection, _MOVE, _params(key, key_file))
        replaced = session.rows(connection, _REPLACE, _params(key, key_file)) if is_stored else []
        (others,) = session.rows(connection, _OTHERS, _params(key, key_file))
    items = [f"{key_file} holds a new key; its previous key {each.public_id} no longer works" for each in replaced]
    if is_made and others.keys:
        items.append(
            f"{others.keys} other key(s) of the administrator still work in addition to the new one: see "
            "`kronos key list --instance`, `kronos key revoke --instance`"
        )
    return items


def write_new(key_file: Path, text: str) -> None:
    """Write a key to a file (mode 0600) that must not exist yet. Raises KeyRefused."""
    _write(key_file, text, replace=False)
    if _read(key_file) != parse(text):
        raise errors.KeyRefused(
            f"{key_file} exists, and is not overwritten with another key; remove it, or use `kronos key rotate`"
        )


def require_room(key_file: Path) -> None:
    """Check that a key can be written beside `key_file`, by writing as many characters there: the disk may be full, or
    reject the name. Raises KeyRefused."""
    with _partial(key_file, "-" * len(_new())):
        pass


def require_form(key_file: Path) -> None:
    """Check that `key_file`, if it exists, holds a key, whether or not the database knows it. Raises KeyRefused."""
    if key_file.exists():
        _read(key_file)


def create(admin_database_url: str, key_file: Path | None = None) -> str:
    """Create another key of the instance's administrator. It is also written to `key_file`, which must not exist.

    Raises KeyRefused, DatabaseUnavailable.
    """
    text = _new()
    if key_file is not None:
        write_new(key_file, text)
    try:
        with owner.connected(admin_database_url, errors.KeyRefused) as connection:
            session.rows(connection, _INSERT, _params(_parsed(text), key_file))
    except errors.KronosError:
        if key_file is not None:
            key_file.unlink(missing_ok=True)  # this key was not stored, and would block the next try
        raise
    return text


def rotate(admin_database_url: str, key_file: Path) -> tuple[str, list[str]]:
    """Put a new key in `key_file`, and revoke the one it held. Returns the new public id, and those that no longer
    work.

    The database knows the new key before the file does, and forgets the old one last, so the file always holds a key
    that works. Raises KeyRefused, DatabaseUnavailable.
    """
    old, text = _read(key_file), _new()
    new = _parsed(text)
    with owner.connected(admin_database_url, errors.KeyRefused) as connection:
        _require_valid(_one(connection, old.public_id), old, key_file)
        session.rows(connection, _INSERT, _params(new, key_file))
    _write(key_file, text, replace=True)
    with owner.connected(admin_database_url, errors.KeyRefused) as connection:
        revoked = session.rows(connection, _REPLACE, _params(new, key_file))
        revoked += session.rows(connection, _REVOKE, {"public_id": old.public_id})
    return new.public_id, [each.public_id for each in revoked]


def revoke(admin_database_url: str, public_id: str) -> tuple[StoredKey, int]:
    """Revoke a key of the instance. Returns it, and how many others are valid. Safe to repeat. Raises KeyRefused if it
    does not exist, DatabaseUnavailable."""
    with owner.connected(admin_database_url, errors.KeyRefused) as connection:
        session.rows(connection, _REVOKE, {"public_id": public_id})
        stored = _one(connection, public_id)
        (others,) = session.rows(connection, _OTHERS, {"public_id": public_id})
    if stored is None or stored.role != _ADMINISTRATORS:
        raise errors.KeyRefused(
            f"the instance has no key with the public id {public_id!r}: see `kronos key list --instance`; to revoke a "
            "workspace's key, use `kronos key revoke PUBLIC_ID -w WORKSPACE`"
        )
    return stored, others.keys


def stored(admin_database_url: str) -> list[StoredKey]:
    """Return all keys of the instance, oldest first. Raises DatabaseUnavailable."""
    with owner.connected(admin_database_url, errors.KeyRefused) as connection:
        return session.rows(connection, _LIST, {})


def new() -> tuple[str, GivenKey]:
    """Return a new key, as its holder has it and as it is looked up."""
    text = _new()
    return text, _parsed(text)


def _new() -> str:
    return f"kr_live_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def _parsed(text: str) -> GivenKey:
    key = parse(text)
    if key is None:
        raise ValueError("a new key does not have the format of a key")
    return key


def _params(key: GivenKey, key_file: Path | None) -> dict[str, object]:
    kept_in = f"{socket.gethostname()}:{key_file.absolute()}" if key_file is not None else None
    return {"public_id": key.public_id, "digest": key.digest, "kept_in": kept_in}


def _one(connection: session.Connection, public_id: str) -> StoredKey | None:
    found = session.rows(connection, _GET, {"public_id": public_id})
    return found[0] if found else None


def _require_valid(found: StoredKey | None, key: GivenKey, key_file: Path) -> None:
    anew = f"Remove {key_file} and start again: then a new key is created"
    if found is None:
        raise errors.KeyRefused(f"the database does not know the key in {key_file}. {anew}")
    if found.secret_sha256 != key.digest:
        raise errors.KeyRefused(
            f"the key in {key_file} is not the one that the database knows as {key.public_id}: its secret differs. "
            f"Put the right file back. Or: {anew}"
        )
    if found.role != _ADMINISTRATORS:
        raise errors.KeyRefused(
            f"the key in {key_file} ({key.public_id}) is not the administrator's but a workspace's, with the role "
            f"{found.role}. Put the right file back. Or: {anew}"
        )
    if found.revoked_at is not None:
        raise errors.KeyRefused(
            f"the key in {key_file} ({key.public_id}) was revoked at {found.revoked_at:%Y-%m-%d %H:%M:%SZ}. {anew}"
        )


def _read(key_file: Path) -> GivenKey:
    try:
        key = parse(key_file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise errors.KeyRefused(f"no key can be read from {key_file}: {error.strerror}") from error
    except UnicodeDecodeError:
        key = None
    if key is None:
        raise errors.KeyRefused(
            f"{key_file} holds no key of the form {FORM}. Put the right file back. Or remove it: a new key is created "
            "at the next start"
        )
    return key


def _write(key_file: Path, text: str, *, replace: bool) -> None:
    """Write the file to disk, whole, with mode 0600. Without `replace`, never overwrite a key that another process
    wrote first. Raises KeyRefused."""
    with _partial(key_file, text) as partial:
        if replace:
            partial.replace(key_file)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(partial, key_file)


@contextlib.contextmanager
def _partial(key_file: Path, text: str) -> Iterator[Path]:
    """Write a text to disk beside `key_file`, and remove it afterwards. Raises KeyRefused."""
    partial = key_file.with_name(f".{key_file.name}.{os.getpid()}.partial")
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            yield partial
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise errors.KeyRefused(f"no key can be written to {key_file}: {error.strerror}") from error
