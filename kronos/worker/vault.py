"""Secrets for deliveries: read, decrypted, cached for some seconds, and dropped as soon as one of them is rotated."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import field
from uuid import UUID

from kronos.delivery.mask import Mask
from kronos.delivery.signing import Signer, signer
from kronos.encryption import NO_KEYS, Keyring, KeysInvalid, KeySource, KeyUnknown, Place, Sealed, Unopened
from kronos.kept import Cache
from kronos.lines import Log
from kronos.records import dataclass
from kronos.worker import claims
from kronos.worker.claims import EndpointVersion, SealedSecret
from kronos.worker.link import Link

_log = Log("kronos.worker")
# Rotations are announced immediately (kronos_secrets). For a missed announcement, secrets are read again after this.
_KEPT_SECONDS = 10.0
_KEPT_BYTES, _EACH_BYTES, _MADE_OF_EACH = 16 * 1024 * 1024, 2 * 1024 * 1024, 2048
# Decrypting a secret of 64 kB and building its mask takes up to 15 ms. That is done in a thread.
_MAX_BYTES_ON_LOOP = 16 * 1024
# Keys are read again if a secret uses an unknown key. If the key is still missing, they are read again after this time,
# and after a multiple of how long reading took: a command may take 10 s, and nothing is delivered meanwhile.
_KEYS_AGAIN_SECONDS, _REST_PER_READING = 5.0, 20.0
_MOST_ROTATED = 10_000

Version = tuple[str, int]
"""An endpoint's id and its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The secrets that deliveries to an endpoint version need, including those that sign."""

    workspace_id: str
    names: tuple[str, ...]
    signing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """Decrypted secrets. `fault`: why they cannot be used. `read_at`: a time before they were read."""

    workspace_id: str
    values: Mapping[str, str] = field(repr=False)
    signers: tuple[Signer, ...]
    mask: Mask
    fault: str | None
    read_at: float


def needs(version: EndpointVersion) -> Needs | None:
    """Return the secrets that deliveries to this version need, or None."""
    if not version.secrets:
        return None
    return Needs(
        workspace_id=version.workspace_id, names=tuple(version.secrets), signing=tuple(version.signing_secrets)
    )


class Vault:
    """The secrets of one worker."""

    def __init__(self, source: KeySource = NO_KEYS, keys: Keyring | None = None) -> None:
        """`keys`: the keys read from the source when the process started."""
        self._source = source
        self._keys = keys
        self._keys_at = 0.0
        self._absent: frozenset[str] = frozenset()  # keys that were not found
        self._kept: Cache[Version, Opened] = Cache(budget=_KEPT_BYTES, each=_EACH_BYTES)
        self._rotated: dict[str, float] = {}  # workspace -> when one of its secrets was rotated
        self._all_rotated_at = 0.0
        self._faults: dict[str, float] = {}

    def forget(self, workspace_id: str | None = None) -> None:
        """Drop cached secrets after a secret of this workspace, or of any if None, was changed."""
        now = time.monotonic()
        if workspace_id is None or len(self._rotated) >= _MOST_ROTATED:
            self._all_rotated_at = now
            self._rotated.clear()
        else:
            self._rotated.pop(workspace_id, None)
            self._rotated[workspace_id] = now
            while now - self._rotated[oldest := next(iter(self._rotated))] > _KEPT_SECONDS:
                del self._rotated[oldest]  # nothing read before that is still in use

    async def open(self, link: Link, wanted: Mapping[Version, Needs]) -> dict[Version, Opened]:
        """Return the secrets that these versions need; those not cached are read in one statement. Raises
        psycopg.Error."""
        opened = {key: kept for key in wanted if (kept := self._kept.get(key)) is not None and self._is_new(kept)}
        missing = {key: wanted[key] for key in wanted.keys() - opened.keys()}
        if not missing:
            return opened
        read_at = time.monotonic()
        names = {(each.workspace_id, name) for each in missing.values() for name in each.names}
        sealed = {(row.workspace_id, row.name): row for row in await claims.secrets(link, names)}
        await self._require_keys(row.key_id for row in sealed.values())
        is_large = sum(len(row.ciphertext or b"") for row in sealed.values()) > _MAX_BYTES_ON_LOOP
        for key, each in missing.items():
            if is_large:
                made = await asyncio.to_thread(self._opened, each, sealed, read_at)
            else:
                made = self._opened(each, sealed, read_at)
            opened[key] = made
            if made.fault is None:
                size = sum(map(len, made.values.values())) + 2 * made.mask.size
                self._kept.put(key, made, size + _MADE_OF_EACH * len(each.names))
        return opened

    def _is_new(self, kept: Opened) -> bool:
        changed_at = max(self._all_rotated_at, self._rotated.get(kept.workspace_id, 0.0))
        return kept.read_at > changed_at and time.monotonic() - kept.read_at < _KEPT_SECONDS

    async def _require_keys(self, key_ids: Iterable[str | None]) -> None:
        """Read the keys again if one is unknown: an operator may have added it since the start."""
        known: tuple[str, ...] = self._keys.ids if self._keys is not None else ()
        unknown = frozenset(key_id for key_id in key_ids if key_id is not None).difference(known)
        began = time.monotonic()
        if not unknown or not self._source.is_set or (unknown <= self._absent and began < self._keys_at):
            return
        try:
            self._keys = await asyncio.to_thread(self._source.read)
        except KeysInvalid as error:
            self._say(str(error))
        ended = time.monotonic()
        self._keys_at = ended + max(_KEYS_AGAIN_SECONDS, _REST_PER_READING * (ended - began))
        self._absent = (self._absent | unknown).difference(self._keys.ids if self._keys is not None else ())

    def _opened(self, wanted: Needs, sealed: Mapping[tuple[str, str], SealedSecret], read_at: float) -> Opened:
        values: dict[str, str] = {}
        fault: str | None = None
        for name in wanted.names:
            try:
                values[name] = self._value(name, sealed.get((wanted.workspace_id, name)))
            except Unopened as error:
                fault = f"the secret {name} cannot be used: {error}"
                self._say(f"workspace {wanted.workspace_id}: {fault}")
        signers: list[Signer] = []
        for name in wanted.signing if fault is None else ():
            try:
                signers.append(signer(values[name]))
            except ValueError as error:
                fault = f"the secret {name} cannot sign: {error}"
        return Opened(
            workspace_id=wanted.workspace_id,
            values=values,
            signers=tuple(signers),
            mask=Mask(values.values()),
            fault=fault,
            read_at=read_at,
        )

    def _value(self, name: str, row: SealedSecret | None) -> str:
        """Return a secret's value. Raises Unopened."""
        if row is None:
            raise Unopened("it no longer exists; PUT it again, or change the endpoint")
        if row.key_id is None or row.nonce is None or row.ciphertext is None:
            raise Unopened("its value was lost with its encryption key; PUT it again")
        if self._keys is None:
            raise KeyUnknown("the worker has no encryption key; the operator must set KRONOS_ENCRYPTION_KEY_FILE")
        place = Place(workspace_id=UUID(row.workspace_id), name=name, version=row.version)
        return self._keys.open(place, Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext))

    def _say(self, line: str) -> None:
        """Log a line, but the same line at most once per minute: each delivery would log it."""
        now = time.monotonic()
        self._faults = {said: at for said, at in self._faults.items() if now - at < 60.0}
        if line not in self._faults and len(self._faults) < 100:
            self._faults[line] = now
            _log.error("secrets.unopened", "%s", line)
