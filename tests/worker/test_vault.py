"""A worker's secrets: read once, dropped as soon as one of them may have changed, and never used for another's
delivery."""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from kronos.delivery.signing import signer
from kronos.encryption import Keyring, KeySource, Place
from kronos.worker import vault as module
from kronos.worker.claims import EndpointVersion, SealedSecret
from kronos.worker.vault import Needs, Opened, Vault, Version, needs
from stopped_clock import StoppedClock
from told import all_told
from worker.scripted import ENDPOINT, WORKSPACE, Params, ScriptedLink, link

_OTHER = str(UUID(int=99))
_SIGNING, _ALSO_SIGNING = (f"whsec_{b64encode(bytes(range(first, 32 + first))).decode()}" for first in (0, 1))
_KEYS = Keyring([bytes(32)])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(module, "time", made)
    return made


def sealed(
    name: str = "token", value: str = "v", *, workspace_id: str = WORKSPACE, keys: Keyring = _KEYS
) -> SealedSecret:
    made = keys.seal(Place(workspace_id=UUID(workspace_id), name=name, version=1), value)
    return SealedSecret(workspace_id, name, 1, made.key_id, made.nonce, made.ciphertext)


def of(
    *names: str, version: int = 1, workspace_id: str = WORKSPACE, signing: tuple[str, ...] = ()
) -> dict[Version, Needs]:
    """The needs of one endpoint version."""
    return {(ENDPOINT, version): Needs(workspace_id=workspace_id, names=names or ("token",), signing=signing)}


def stored(*rows: SealedSecret) -> ScriptedLink:
    """A database that has these secrets."""

    def found(params: Params) -> list[SealedSecret]:
        asked = set(zip(params["workspace_ids"], params["names"], strict=True))
        return [row for row in rows if (row.workspace_id, row.name) in asked]

    made: ScriptedLink = link(get_secrets=found)
    return made


async def one(vault: Vault, database: ScriptedLink, wanted: dict[Version, Needs]) -> Opened:
    (found,) = (await vault.open(database, wanted)).values()  # type: ignore[arg-type]
    return found


async def test_secrets_are_read_again_after_ten_seconds_though_nobody_said_that_they_changed(
    clock: StoppedClock,
) -> None:
    database, vault = stored(sealed()), Vault(keys=_KEYS)
    first = await one(vault, database, of())
    clock.now += 9.9
    assert await one(vault, database, of()) is first
    clock.now += 0.1
    assert await one(vault, database, of()) is not first


async def test_a_rotation_drops_what_was_read_before_of_its_workspace_and_nothing_else(clock: StoppedClock) -> None:
    database, vault = stored(sealed(), sealed(workspace_id=_OTHER)), Vault(keys=_KEYS)
    ours, theirs = of(), of(version=2, workspace_id=_OTHER)
    first = await vault.open(database, ours | theirs)  # type: ignore[arg-type]
    vault.forget(WORKSPACE)  # at the very moment
    again = await vault.open(database, ours | theirs)  # type: ignore[arg-type]
    assert [again[ENDPOINT, version] is first[ENDPOINT, version] for version in (1, 2)] == [False, True]
    clock.now += 1.0
    kept = await vault.open(database, ours)  # type: ignore[arg-type]
    clock.now += 1.0
    assert await one(vault, database, ours) is kept[ENDPOINT, 1], "what was read since then is kept"


async def test_of_a_rotation_of_long_ago_nothing_is_kept_and_a_later_one_still_counts(clock: StoppedClock) -> None:
    """Workspaces that rotate their secrets must not fill the memory."""
    database, vault = stored(sealed()), Vault(keys=_KEYS)
    for number in range(50):
        vault.forget(_OTHER)
        vault.forget(str(UUID(int=200 + number)))
        clock.now += 1.0
    assert len(vault._rotated) <= 12
    first = await one(vault, database, of())
    clock.now += 0.1
    vault.forget(WORKSPACE)
    vault.forget(WORKSPACE)
    assert await one(vault, database, of()) is not first


async def test_after_more_rotations_than_are_kept_all_secrets_are_read_again(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_ROTATED", 3)
    database, vault = stored(sealed()), Vault(keys=_KEYS)
    first = await one(vault, database, of())
    for number in range(3):
        clock.now += 0.1
        vault.forget(str(UUID(int=100 + number)))
        assert await one(vault, database, of()) is first
    vault.forget(str(UUID(int=200)))
    assert len(vault._rotated) == 0
    assert await one(vault, database, of()) is not first


async def test_of_several_needs_only_the_missing_are_read_each_name_once(clock: StoppedClock) -> None:
    database, vault = stored(sealed("a"), sealed("b")), Vault(keys=_KEYS)
    await one(vault, database, of("a"))
    both = await vault.open(database, of("a") | of("a", "b", version=2) | of("b", version=3))  # type: ignore[arg-type]
    assert {key: sorted(each.values) for key, each in both.items()} == {
        (ENDPOINT, 1): ["a"],
        (ENDPOINT, 2): ["a", "b"],
        (ENDPOINT, 3): ["b"],
    }
    assert [sorted(params["names"]) for params in database.params("get_secrets")] == [["a"], ["a", "b"]]
    assert await vault.open(database, {}) == {}  # type: ignore[arg-type]


async def test_a_secret_of_another_workspace_with_the_same_name_is_not_used(clock: StoppedClock) -> None:
    database = stored(sealed(value="ours"), sealed(value="theirs", workspace_id=_OTHER))
    found = await Vault(keys=_KEYS).open(database, of() | of(version=2, workspace_id=_OTHER))  # type: ignore[arg-type]
    assert [found[ENDPOINT, version].values["token"] for version in (1, 2)] == ["ours", "theirs"]
    moved = sealed(workspace_id=_OTHER)._replace(workspace_id=WORKSPACE)
    assert (await one(Vault(keys=_KEYS), stored(moved), of())).fault is not None, "a row that was moved opens nothing"


_LOST = "the secret token cannot be used: its value was lost with its encryption key; PUT it again"


@pytest.mark.parametrize(
    ("row", "keys", "fault"),
    [
        (None, _KEYS, "the secret token cannot be used: it no longer exists; PUT it again, or change the endpoint"),
        (sealed()._replace(key_id=None), _KEYS, _LOST),
        (sealed()._replace(nonce=None), _KEYS, _LOST),
        (sealed()._replace(ciphertext=None), _KEYS, _LOST),
        (
            sealed(),
            None,
            "the secret token cannot be used: the worker has no encryption key; the operator must set "
            "KRONOS_ENCRYPTION_KEY_FILE",
        ),
    ],
)
async def test_a_secret_that_cannot_be_opened_is_a_fault_of_each_delivery_and_is_not_kept(
    clock: StoppedClock, row: SealedSecret | None, keys: Keyring | None, fault: str
) -> None:
    database, vault = stored(*[row] if row is not None else []), Vault(keys=keys)
    opened = await one(vault, database, of())
    assert (opened.fault, opened.values, opened.signers) == (fault, {}, ())
    assert await one(vault, database, of()) is not opened, "it may have been put right"


async def test_only_the_secrets_that_sign_become_signers_in_their_order(clock: StoppedClock) -> None:
    database = stored(sealed("new", _SIGNING), sealed("old", _ALSO_SIGNING), sealed("token", "not a signing secret"))
    opened = await one(Vault(keys=_KEYS), database, of("new", "old", "token", signing=("new", "old")))
    signed = [signer(each).sign(b"m") for each in (_SIGNING, _ALSO_SIGNING)]
    assert (opened.fault, [each.sign(b"m") for each in opened.signers]) == (None, signed)
    wrong = await one(Vault(keys=_KEYS), database, of("token", signing=("token",)))
    assert wrong.fault == "the secret token cannot sign: a signing secret must start with whsec_"
    assert "not a signing secret" not in repr(wrong)
    gone = await one(Vault(keys=_KEYS), stored(), of("new", signing=("new",)))
    assert (gone.fault or "").startswith("the secret new cannot be used: it no longer exists")


@pytest.mark.parametrize("size", [10, 20_000])
async def test_a_secret_of_any_size_is_opened_and_masked(clock: StoppedClock, size: int) -> None:
    """A large one in a thread."""
    value = "s" * size
    vault, database = Vault(keys=_KEYS), stored(sealed(value=value))
    opened = await one(vault, database, of())
    assert opened.values == {"token": value}
    assert await one(vault, database, of()) is opened


class Keys:
    """A file of keys that an operator edits."""

    def __init__(self, path: Path, *keys: bytes) -> None:
        self._path, self.source = path, KeySource(file=path, command=None)
        self.write(*keys)

    def write(self, *keys: bytes) -> None:
        self._path.write_bytes(b"".join(b64encode(key) + b"\n" for key in keys))
        self._path.chmod(0o600)

    def vault(self) -> Vault:
        return Vault(self.source, self.source.read())


async def test_a_key_that_is_missing_is_looked_for_once_and_again_after_five_seconds(
    clock: StoppedClock, tmp_path: Path
) -> None:
    old, new = os.urandom(32), os.urandom(32)
    keys = Keys(tmp_path / "keys", old)
    vault, database = keys.vault(), stored(sealed(keys=Keyring([new])))
    assert (await one(vault, database, of())).fault is not None
    keys.write(new, old)
    clock.now += 4.9
    assert (await one(vault, database, of())).fault is not None, "each delivery would run the operator's command"
    clock.now += 0.1
    assert (await one(vault, database, of())).values == {"token": "v"}


async def test_the_source_is_not_read_for_keys_that_are_known(
    clock: StoppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command may take ten seconds."""
    known = os.urandom(32)
    vault = Keys(tmp_path / "keys", known).vault()

    def read(_: KeySource) -> Keyring | None:
        raise AssertionError("it was read")

    monkeypatch.setattr(KeySource, "read", read)
    database = stored(sealed(keys=Keyring([known])), sealed("lost")._replace(key_id=None))
    for names in (["token"], ["token", "lost"]):
        assert "token" in (await one(vault, database, of(*names))).values
        clock.now += 60.0


async def test_without_a_source_the_keys_of_the_start_stay(clock: StoppedClock) -> None:
    database, vault = stored(sealed("a"), sealed("b", keys=Keyring([os.urandom(32)]))), Vault(keys=_KEYS)
    assert (await one(vault, database, of("b"))).fault is not None
    assert (await one(vault, database, of("a", version=2))).fault is None


async def test_a_source_that_is_slow_is_read_more_rarely(
    clock: StoppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(tmp_path / "keys", os.urandom(32))
    vault, reads = keys.vault(), []

    def read(source: KeySource, read: Callable[[KeySource], Keyring | None] = KeySource.read) -> Keyring | None:
        reads.append(clock.now)
        clock.now += 2.0
        return read(source)

    monkeypatch.setattr(KeySource, "read", read)
    database, began = stored(sealed(keys=Keyring([os.urandom(32)]))), clock.now
    for _ in range(100):
        await one(vault, database, of())
        clock.now += 1.0
    assert [at - began for at in reads] == [0, 42, 84]


async def test_a_source_that_became_unreadable_leaves_the_keys_that_are_known(
    clock: StoppedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = os.urandom(32)
    keys = Keys(tmp_path / "keys", known)
    vault = keys.vault()
    keys.write(b"too short")
    database = stored(sealed("a", keys=Keyring([known])), sealed("b", keys=Keyring([os.urandom(32)])))
    found = await vault.open(database, of("a") | of("b", version=2))  # type: ignore[arg-type]
    assert (found[ENDPOINT, 1].fault, found[ENDPOINT, 2].fault is None) == (None, False)
    assert any("the encryption key file" in each["message"] for each in all_told(caplog, "secrets.unopened"))


async def test_no_more_than_a_hundred_different_faults_are_logged_a_minute(
    clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    vault, database = Vault(keys=_KEYS), stored()
    for number in range(150):
        await one(vault, database, of(f"secret-{number}"))
    assert len(all_told(caplog, "secrets.unopened")) == 100
    clock.now += 60.0
    await one(vault, database, of("secret-149"))
    assert len(all_told(caplog, "secrets.unopened")) == 101


@pytest.mark.parametrize("secrets", [[], ["b", "a"]])
def test_an_endpoint_version_needs_the_secrets_that_it_names(secrets: list[str]) -> None:
    version = EndpointVersion(ENDPOINT, 1, "HTTP", json.dumps({}), "{}", WORKSPACE, secrets, secrets[:1])
    wanted = Needs(workspace_id=WORKSPACE, names=("b", "a"), signing=("b",)) if secrets else None
    assert needs(version) == wanted
