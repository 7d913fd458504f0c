"""The encryption keys: where they are read from, the errors about wrong ones, and sealing with them."""

import base64
import hashlib
import os
import time
from itertools import combinations
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from kronos import encryption
from kronos.counting import counted
from kronos.encryption import CurrentKeys, Keyring, KeysInvalid, KeySource, KeyUnknown, Place, Sealed, Unopened

# Test names contain them, so they must be the same in every process that runs tests.
_KEY, _OTHER = (base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"one", b"other"))
_PLACE = Place(workspace_id=uuid4(), name="token", version=3)


def key_file(path: Path, content: str, mode: int = 0o600) -> KeySource:
    path.write_text(content)
    path.chmod(mode)
    return KeySource(file=path, command=None)


def ring(*keys: str) -> Keyring:
    return Keyring([base64.b64decode(key) for key in keys])


def refusal(source: KeySource) -> str:
    with pytest.raises(KeysInvalid) as refused:
        source.read()
    return str(refused.value)


def test_what_is_sealed_opens_at_its_place_under_each_key_at_hand() -> None:
    sealed = ring(_KEY).seal(_PLACE, "väl\U0001f511ue")
    assert b"ue" not in sealed.ciphertext
    assert ring(_OTHER, _KEY).open(_PLACE, sealed) == "väl\U0001f511ue"
    with pytest.raises(KeyUnknown, match=sealed.key_id):
        ring(_OTHER).open(_PLACE, sealed)
    assert ring(_OTHER, _KEY).seal(_PLACE, "value").key_id == ring(_OTHER).ids[0]


def test_what_was_sealed_opens_at_no_other_place() -> None:
    places = [
        Place(workspace_id=workspace_id, name=name, version=version)
        for workspace_id in (UUID(int=1), UUID(int=2))
        for name in ("a", "b", "aa")
        for version in (1, 2, 97)
    ]
    keys = ring(_KEY)
    for one, other in combinations(places, 2):
        with pytest.raises(Unopened):
            keys.open(other, keys.seal(one, "value"))


def test_not_one_bit_may_be_another() -> None:
    keys = ring(_KEY)
    sealed = keys.seal(_PLACE, "value")
    for nth in range(8 * len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[nth // 8] ^= 1 << nth % 8
        with pytest.raises(Unopened, match="was changed"):
            keys.open(_PLACE, Sealed(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=bytes(changed)))
    with pytest.raises(Unopened):
        keys.open(_PLACE, Sealed(key_id=sealed.key_id, nonce=bytes(12), ciphertext=sealed.ciphertext))


def test_the_same_value_is_never_sealed_alike() -> None:
    keys = ring(_KEY)
    assert len({keys.seal(_PLACE, "value").ciphertext for _ in range(100)}) == 100


def test_the_first_key_of_a_file_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    keys = key_file(tmp_path / "keys", f"# from 2026-11-01 on\n{_KEY}\n\n  {_OTHER}\r\n").read()
    assert keys is not None
    assert keys.ids == (*ring(_KEY).ids, *ring(_OTHER).ids)


def test_a_file_that_others_may_touch_is_refused(tmp_path: Path) -> None:
    for mode in (0o640, 0o604, 0o620, 0o610):
        said = refusal(key_file(tmp_path / "keys", _KEY, mode))
        assert f"mode 0{mode:o}" in said
        assert "chmod 600" in said
    assert key_file(tmp_path / "keys", _KEY, 0o400).read() is not None


def test_a_file_of_roots_may_be_its_readers_by_their_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes and systemd pass such a file to a process that does not run as root. PostgreSQL has the same rule."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that are root's")
    of_roots = key_file(tmp_path / "keys", _KEY, 0o640)
    assert "chmod 600" in refusal(of_roots)
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    assert of_roots.read() is not None
    for mode in (0o644, 0o660, 0o650):
        assert "chmod 600" in refusal(key_file(tmp_path / "keys", _KEY, mode))
    os.chown(key_file(tmp_path / "keys", _KEY, 0o640).file or "", 10001, -1)
    assert "chmod 600" in refusal(of_roots)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no key"),
        ("# nothing\n", "holds no key"),
        (f"{_KEY}\nsecret canary!\n", "line 2 of the encryption key file"),
        ("Y2FuYXJ5", "has 6 bytes"),
        (base64.b64encode(bytes(32)).decode(), "is not random"),
        (f"{_KEY}\n" * 2000, "more than 65536 bytes"),
        (
            "\n".join(base64.b64encode(hashlib.sha256(bytes([nth])).digest()).decode() for nth in range(65)),
            "holds 65 keys; at most 64 are allowed",
        ),
        ("\udcff", "is not base64"),
    ],
    ids=range(8),
)
def test_a_file_without_keys_is_refused_in_a_sentence_without_them(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(0o600)
    told = refusal(KeySource(file=path, command=None))
    assert said in told
    assert not any(word in told for word in ("canary", "Y2FuYXJ5", _KEY, "AAAA"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refusal(KeySource(file=tmp_path / "gone", command=None))
    assert f"{tmp_path / 'gone'} cannot be read: No such file or directory" in said
    assert "is not a regular file" in refusal(KeySource(file=Path("/dev/null"), command=None))


def test_a_made_file_is_its_owners_alone_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    encryption.make_key_file(path)
    made = path.read_text()
    encryption.make_key_file(path)
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, made)
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]
    assert KeySource(file=path, command=None).read() is not None
    with pytest.raises(KeysInvalid, match="cannot create an encryption key file"):
        encryption.make_key_file(tmp_path / "not" / "there")


def test_a_command_prints_the_keys() -> None:
    keys = KeySource(file=None, command=f"printf '%s\\n' {_KEY} {_OTHER}").read()
    assert keys is not None
    assert keys.ids == (*ring(_KEY).ids, *ring(_OTHER).ids)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo canary; echo canary >&2; exit 3'", "ended with status 3"),
        ("echo canary", "line 1 of the output of KRONOS_ENCRYPTION_KEY_COMMAND"),
        ("true", "holds no key"),
        ("/no/such/canary", "cannot be started: No such file or directory"),
        ("echo 'canary", "a quote is not closed"),
        (" ", "is empty"),
        ("yes canary", "printed more than 65536 bytes"),
    ],
)
def test_a_command_that_prints_no_keys_is_refused_without_its_output(command: str, said: str) -> None:
    told = refusal(KeySource(file=None, command=command))
    assert said in told
    assert "canary" not in told


def test_a_command_that_hangs_is_stopped_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "COMMAND_SECONDS", 0.05)
    began = time.monotonic()
    assert "did not end within 0.05 s" in refusal(KeySource(file=None, command="sh -c 'sleep 600 & wait'"))
    assert time.monotonic() - began < 300


def test_an_output_that_a_daemon_holds_open_is_not_waited_for() -> None:
    """A daemon in its own session gets no signal sent to the command, and the end of the command does not close its
    output.
    """
    reading, writing = os.pipe()
    try:
        os.write(writing, b"a key")
        with pytest.raises(TimeoutError):
            encryption._output(reading, time.monotonic())
    finally:
        os.close(reading)
        os.close(writing)


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refusal(KeySource(file=tmp_path / "pipe", command=None))


def test_a_file_and_a_command_are_too_many(tmp_path: Path) -> None:
    assert "both set" in refusal(KeySource(file=tmp_path / "keys", command="true"))
    assert KeySource(file=None, command=None).read() is None


def test_who_encrypts_has_a_changed_file_at_once_and_asks_a_command_once(tmp_path: Path) -> None:
    path, count = tmp_path / "keys", tmp_path / "count"
    current = CurrentKeys(key_file(path, _KEY))
    first = current.read()
    key_file(path, f"{_OTHER}\n{_KEY}")
    second = current.read()
    assert first is not None
    assert second is not None
    assert (first.ids[0], second.ids) == (ring(_KEY).ids[0], ring(_OTHER, _KEY).ids)
    asked = CurrentKeys(KeySource(file=None, command=f"sh -c 'echo asked >> {count}; echo {_KEY}'"))
    assert asked.read() is asked.read()
    assert count.read_text() == "asked\n"


@pytest.mark.parametrize(
    ("distinct", "is_taken"), [(1, False), (7, False), (8, True), (32, True)], ids=["one", "seven", "eight", "all"]
)
def test_a_key_of_hardly_any_different_bytes_is_none(tmp_path: Path, distinct: int, is_taken: bool) -> None:
    source = key_file(tmp_path / "keys", base64.b64encode(bytes(nth % distinct for nth in range(32))).decode())
    if is_taken:
        assert source.read() is not None
    else:
        assert "is not random" in refusal(source)


@pytest.mark.parametrize("size", [1, 31, 33, 64])
def test_a_key_of_another_size_is_refused_with_its_size(tmp_path: Path, size: int) -> None:
    told = refusal(key_file(tmp_path / "keys", f"# keys\n{_KEY}\n{base64.b64encode(bytes(range(size))).decode()}"))
    assert told.startswith(
        f"line 3 of the encryption key file {tmp_path / 'keys'} has {counted(size, 'byte')} in base64"
    )
    assert "but a key has 32: write one key per line: 32 random bytes in base64, as from `openssl rand" in told


def test_as_many_keys_and_bytes_are_read_as_are_allowed_and_no_more(tmp_path: Path) -> None:
    keys = [base64.b64encode(hashlib.sha256(bytes([nth])).digest()).decode() for nth in range(64)]
    many = key_file(tmp_path / "keys", "\n".join(keys)).read()
    assert many is not None
    assert many.ids == ring(*keys).ids
    padded = f"{_KEY}\n#".ljust(64 * 1024, "x")
    assert key_file(tmp_path / "keys", padded).read() is not None
    assert "has more than 65536 bytes" in refusal(key_file(tmp_path / "keys", f"{padded}x"))
    command = KeySource(file=None, command=f"cat {tmp_path / 'keys'}")
    assert "printed more than 65536 bytes" in refusal(command)
    key_file(tmp_path / "keys", padded)
    assert command.read() is not None


def test_a_key_that_is_there_twice_is_one(tmp_path: Path) -> None:
    keys = key_file(tmp_path / "keys", f"{_KEY}\n{_OTHER}\n{_KEY}\n").read()
    assert keys is not None
    assert keys.ids == ring(_KEY, _OTHER).ids


def test_a_keys_id_is_sixteen_digits_that_say_nothing_of_the_key() -> None:
    """They are stored with each value, so they never change."""
    raw = bytes(range(32))
    assert Keyring([raw]).ids == (encryption.key_id(raw),) == ("2f1f953a4c27cba1",)
    assert encryption.key_id(raw) not in hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("mode", "may"),
    [(0o640, "read"), (0o604, "read"), (0o644, "read"), (0o620, "change or run"), (0o601, "change or run")],
)
def test_what_others_may_do_with_a_file_is_said_with_how_to_end_it(tmp_path: Path, mode: int, may: str) -> None:
    path = tmp_path / "the keys"
    assert refusal(key_file(path, _KEY, mode)) == (
        f"the encryption key file {path} has mode {mode:04o}, so not only its owner may {may} it: chmod 600 '{path}'"
    )


@pytest.mark.parametrize(
    ("file", "command", "is_set"),
    [(None, None, False), (Path("keys"), None, True), (None, "true", True), (Path("keys"), "true", True)],
)
def test_a_source_is_what_the_settings_name(file: Path | None, command: str | None, is_set: bool) -> None:
    class Named:
        encryption_key_file, encryption_key_command = file, command

    source = KeySource.of(Named())
    assert (source, source.is_set) == (KeySource(file=file, command=command), is_set)


def test_a_command_that_no_system_starts_is_refused() -> None:
    assert refusal(KeySource(file=None, command="true '\0'")) == (
        "KRONOS_ENCRYPTION_KEY_COMMAND cannot be started: it holds a NUL"
    )


def test_what_a_process_that_died_left_of_a_file_is_in_no_ones_way(tmp_path: Path) -> None:
    (tmp_path / f".keys.{os.getpid()}.partial").write_text("half")
    encryption.make_key_file(tmp_path / "keys")
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]
    assert KeySource(file=tmp_path / "keys", command=None).read() is not None
