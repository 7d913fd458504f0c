"""The keys that encrypt secrets, and sealing and opening values with them: AES-256-GCM (decision 0052).

A key is 32 random bytes in base64, one key per line. The first key encrypts, all decrypt. A key's id is a digest of it,
which is stored with each value sealed under it.
"""

import base64
import binascii
import hashlib
import os
import select
import shlex
import signal
import stat
import struct
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kronos.counting import counted
from kronos.records import dataclass

MAX_KEYS = 64
COMMAND_SECONDS = 10.0
_MAX_BYTES = 64 * 1024
_NONCE_BYTES = 12
_REMEDY = "write one key per line: 32 random bytes in base64, as from `openssl rand -base64 32`"


class NamesKeys(Protocol):
    """The settings that name where the keys are."""

    @property
    def encryption_key_file(self) -> Path | None:
        """The file of keys."""

    @property
    def encryption_key_command(self) -> str | None:
        """The command that prints the keys."""


class KeysInvalid(Exception):
    """The encryption keys cannot be read. The message is for people; it quotes no key and no command's output."""


class Unopened(Exception):
    """A sealed value cannot be opened. The message is for people; it quotes nothing of the value."""


class KeyUnknown(Unopened):
    """The value is sealed under a key that is not available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The secret and version that a value belongs to. A value sealed for one place opens in no other."""

    workspace_id: UUID
    name: str
    version: int

    @property
    def associated_data(self) -> bytes:
        """The place as bytes, different from those of any other place."""
        return b"kronos.secret" + self.workspace_id.bytes + struct.pack(">I", self.version) + self.name.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A value as it is stored."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Keyring:
    """The available keys. The first one encrypts."""

    __slots__ = ("_ciphers", "ids")

    def __init__(self, keys: Iterable[bytes]) -> None:
        """`keys`: at least one key, of 32 bytes each."""
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.ids = tuple(self._ciphers)
        """The keys' ids; the first one encrypts."""

    def seal(self, place: Place, value: str) -> Sealed:
        """Encrypt the value under the first key."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self.ids[0]].encrypt(nonce, value.encode(), place.associated_data)
        return Sealed(key_id=self.ids[0], nonce=nonce, ciphertext=ciphertext)

    def open(self, place: Place, sealed: Sealed) -> str:
        """Return the value that was sealed for this place. Raises KeyUnknown, Unopened."""
        if (cipher := self._ciphers.get(sealed.key_id)) is None:
            raise KeyUnknown(f"it is encrypted under the key {sealed.key_id}, which is not among the encryption keys")
        try:
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, place.associated_data).decode()
        except (InvalidTag, UnicodeDecodeError, ValueError) as error:
            raise Unopened("its stored value was changed, or was copied here from another secret") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where the keys come from: a file, or the output of a command (such as a KMS client). Neither: there are none."""

    file: Path | None
    command: str | None

    @classmethod
    def of(cls, settings: NamesKeys) -> Self:
        """Return the source that the settings name."""
        return cls(file=settings.encryption_key_file, command=settings.encryption_key_command)

    @property
    def is_set(self) -> bool:
        """Whether a file or command is set."""
        return self.file is not None or self.command is not None

    def read(self) -> Keyring | None:
        """Return the keys, or None if no source is set. It may take as long as the command. Raises KeysInvalid."""
        if self.file is not None and self.command is not None:
            raise KeysInvalid(
                "KRONOS_ENCRYPTION_KEY_FILE and KRONOS_ENCRYPTION_KEY_COMMAND are both set: unset one of them"
            )
        if self.file is not None:
            return _parsed(_content(self.file), f"the encryption key file {self.file}")
        if self.command is not None:
            return _parsed(_printed(self.command), "the output of KRONOS_ENCRYPTION_KEY_COMMAND")
        return None


NO_KEYS = KeySource(file=None, command=None)


class CurrentKeys:
    """The keys of a process that encrypts. A file is read each time; a command is run only once."""

    def __init__(self, source: KeySource, keys: Keyring | None = None) -> None:
        """`keys`: the keys that the source held when the process started."""
        self._source = source
        self._keys = keys

    def read(self) -> Keyring | None:
        """Return the keys, or None if no source is set. Raises KeysInvalid."""
        if self._keys is None or self._source.file is not None:
            self._keys = self._source.read()
        return self._keys


def key_id(key: bytes) -> str:
    """Return a key's public id: 64 bits of a digest."""
    return hashlib.sha256(b"kronos encryption key" + key).hexdigest()[:16]


def make_key_file(path: Path) -> None:
    """Create a file with a new key, mode 0600, atomically, and never over an existing one. Raises KeysInvalid."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        draft.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise KeysInvalid(f"cannot create an encryption key file at {path}: {error.strerror}") from error


def _content(path: Path) -> bytes:
    """Return the content of a file that only its owner may read, or, if root owns it, also the group that root gave it
    to. Raises KeysInvalid."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise KeysInvalid(f"the encryption key file {path} is not a regular file")
            # As PostgreSQL treats its certificate's key: a file of root may be readable through its group. Kubernetes
            # and systemd pass secrets this way to a process that owns no files.
            is_handed = about.st_uid == 0 and os.geteuid() != 0
            if mode := stat.S_IMODE(about.st_mode) & (0o037 if is_handed else 0o077):
                raise KeysInvalid(
                    f"the encryption key file {path} has mode {stat.S_IMODE(about.st_mode):04o}, so not only its owner "
                    f"may {'read' if mode & 0o044 else 'change or run'} it: chmod 600 {shlex.quote(str(path))}"
                )
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise KeysInvalid(
            f"the encryption key file {path} cannot be read: {error.strerror}. Put it back, or correct "
            "KRONOS_ENCRYPTION_KEY_FILE"
        ) from error


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a pipe would block until something writes to it


def _printed(command: str) -> bytes:
    """Return the command's output. Raises KeysInvalid, which quotes nothing of it, for example if it takes too long."""
    name = "KRONOS_ENCRYPTION_KEY_COMMAND"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise KeysInvalid(f"{name} is not a valid command: a quote is not closed") from error
    if not words:
        raise KeysInvalid(f"{name} is empty")
    try:
        process = subprocess.Popen(  # noqa: S603  # the operator's own command, and no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds a NUL"
        raise KeysInvalid(f"{name} cannot be started: {why}") from error
    until = time.monotonic() + COMMAND_SECONDS
    printed, status = None, None
    try:
        assert process.stdout is not None  # noqa: S101  # stdout is a pipe
        with process.stdout as output:
            printed = _output(output.fileno(), until)
        if len(printed) <= _MAX_BYTES:
            status = process.wait(max(until - time.monotonic(), 0.0))
    except (TimeoutError, subprocess.TimeoutExpired):
        printed = None
    finally:
        if status is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if printed is None:
        raise KeysInvalid(f"{name} did not end within {COMMAND_SECONDS:g} s and was stopped")
    if len(printed) > _MAX_BYTES:
        raise KeysInvalid(f"{name} printed more than {_MAX_BYTES} bytes, so these cannot be keys")
    if status:
        raise KeysInvalid(f"{name} ended with status {status}: run it by hand to see why")
    return printed


def _output(descriptor: int, until: float) -> bytes:
    """Return what is written to a pipe until its last writer closes it, or until it exceeds the limit. Raises
    TimeoutError, since a process that the command left behind may hold the pipe open forever."""
    readable = select.poll()
    readable.register(descriptor, select.POLLIN)
    written = b""
    while len(written) <= _MAX_BYTES:
        if not readable.poll(max(until - time.monotonic(), 0.0) * 1000):
            raise TimeoutError
        if not (piece := os.read(descriptor, _MAX_BYTES)):
            break
        written += piece
    return written


def _parsed(content: bytes, where: str) -> Keyring:
    """Return the keys in a file or an output. Empty lines and lines that begin with # are skipped. Raises
    KeysInvalid."""
    if len(content) > _MAX_BYTES:
        raise KeysInvalid(f"{where} has more than {_MAX_BYTES} bytes, so these cannot be keys")
    keys: list[bytes] = []
    for number, line in enumerate(content.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        keys.append(_key(text, f"line {number} of {where}"))
    if not keys:
        raise KeysInvalid(f"{where} holds no key: {_REMEDY}")
    if len(keys) > MAX_KEYS:
        raise KeysInvalid(f"{where} holds {len(keys)} keys; at most {MAX_KEYS} are allowed")
    return Keyring(keys)


def _key(text: bytes, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeysInvalid(f"{where} is not base64: {_REMEDY}") from None
    if len(key) != 32:
        raise KeysInvalid(f"{where} has {counted(len(key), 'byte')} in base64, but a key has 32: {_REMEDY}")
    if len(set(key)) < 8:  # 32 random bytes have fewer than 8 different values once in 10^44 keys
        raise KeysInvalid(f"{where} is not random: {_REMEDY}")
    return key
