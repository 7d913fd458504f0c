"""What becomes of a secret's value: which version it is stored as, and what its caller is told if it is not. The
database's answers are the test's.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kronos import errors, secrets
from kronos.encryption import CurrentKeys, Keyring, KeySource, Place, Sealed, Unopened
from kronos.model import Secret
from kronos.secrets import SecretDeletion, SecretPlace, Stored
from scripted_view import View

_WORKSPACE = UUID(int=1)
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_KEYRING = Keyring([bytes(range(32))])
_KEYS = CurrentKeys(KeySource(file=None, command="true"), _KEYRING)
_STORED, _OVERTAKEN = Stored(is_stored=True, signs_for=None), Stored(is_stored=False, signs_for=None)


def place(version: int | None) -> SecretPlace:
    return SecretPlace(workspace_id=_WORKSPACE, version=version)


def secret(version: int) -> Secret:
    return Secret(name="token", version=version, created_at=_AT, updated_at=_AT)


def view(*versions: int | None, stored: Sequence[Stored] = (_STORED,), found: Sequence[Secret] = (secret(1),)) -> Any:
    """A view in which the secret has these versions in turn, and each write has one of these outcomes."""
    return View(
        get_place=[[place(version)] for version in versions],
        set_secret=[[each] for each in stored],
        get_secret=[list(found)],
    )


def sealed(of: Any) -> list[tuple[int, str]]:
    """The version and the value of each write."""
    found = []
    for name, params in of.asked:
        if name == "set_secret":
            at = Place(workspace_id=_WORKSPACE, name=params["name"], version=params["version"])
            kept = Sealed(key_id=params["key_id"], nonce=params["nonce"], ciphertext=params["ciphertext"])
            found.append((params["version"], _KEYRING.open(at, kept)))
    return found


async def test_a_new_secret_is_sealed_as_its_first_version_and_its_value_is_nowhere_else() -> None:
    of = view(None)
    assert await secrets.create(of, _KEYS, "token", "hunter2") == secret(1)
    assert sealed(of) == [(1, "hunter2")]
    assert of.names == ["get_place", "set_secret", "get_secret"]
    assert "hunter2" not in repr(of.asked)


async def test_a_secret_that_exists_is_not_created_again() -> None:
    with pytest.raises(errors.Conflict, match="the secret 'token' already exists") as refused:
        await secrets.create(view(4, stored=[_OVERTAKEN]), _KEYS, "token", "hunter2")
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.detail) == ("/name", "a secret has this name")
    assert fault.hint == "Choose another name, or give that secret a new value."


@pytest.mark.parametrize(("present", "version", "is_new"), [(None, 1, True), (1, 2, False), (7, 8, False)])
async def test_a_value_is_stored_as_the_version_after_the_present_one(
    present: int | None, version: int, is_new: bool
) -> None:
    of = view(present, found=[secret(version)])
    assert await secrets.replace(of, _KEYS, "token", "hunter2") == (secret(version), is_new)
    assert sealed(of) == [(version, "hunter2")]
    with pytest.raises(Unopened):
        _KEYRING.open(
            Place(workspace_id=_WORKSPACE, name="token", version=version + 1),
            _KEYRING.seal(Place(workspace_id=_WORKSPACE, name="token", version=version), "hunter2"),
        )


async def test_a_call_that_another_one_overtakes_tries_the_version_after_that_one() -> None:
    of = view(1, 2, 3, stored=[_OVERTAKEN, _OVERTAKEN, _STORED], found=[secret(4)])
    assert await secrets.replace(of, _KEYS, "token", "hunter2") == (secret(4), False)
    assert sealed(of) == [(2, "hunter2"), (3, "hunter2"), (4, "hunter2")]


async def test_a_call_that_is_always_overtaken_is_told_to_try_again() -> None:
    of = view(1, stored=[_OVERTAKEN])
    with pytest.raises(
        errors.Overtaken, match="other calls keep storing the secret 'token' at the same time: try again"
    ):
        await secrets.replace(of, _KEYS, "token", "hunter2")
    assert len(sealed(of)) == 3


@pytest.mark.parametrize(
    ("present", "conditions", "why"),
    [
        (2, {"if_match": (2,)}, None),
        (2, {"if_match": (1, 2)}, None),
        (2, {"if_match": (1,)}, "the secret 'token' is already at version 2, which the precondition excludes"),
        (2, {"if_match": ()}, "the secret 'token' is already at version 2, which the precondition excludes"),
        (2, {"if_none_match": (1,)}, None),
        (2, {"if_none_match": (1, 2)}, "the secret 'token' is already at version 2, which the precondition excludes"),
        (2, {"if_none_match": None}, "the secret 'token' is already at version 2, which the precondition excludes"),
        (2, {"must_exist": True}, None),
        (None, {"if_none_match": None}, None),
        (None, {"must_exist": True}, "the secret 'token' does not exist, so If-Match cannot match"),
        (None, {"must_exist": True, "if_match": (1,)}, "the secret 'token' does not exist, so If-Match cannot match"),
    ],
)
async def test_a_condition_that_excludes_the_present_version_stores_nothing(
    present: int | None, conditions: dict[str, Any], why: str | None
) -> None:
    of = view(present)
    if why is None:
        await secrets.replace(of, _KEYS, "token", "hunter2", **conditions)
        assert len(sealed(of)) == 1
    else:
        with pytest.raises(errors.PreconditionFailed) as refused:
            await secrets.replace(of, _KEYS, "token", "hunter2", **conditions)
        assert (refused.value.detail, of.names) == (why, ["get_place"])


async def test_a_condition_holds_also_after_another_call_was_first() -> None:
    of = view(1, 2, stored=[_OVERTAKEN])
    with pytest.raises(errors.PreconditionFailed, match="already at version 2"):
        await secrets.replace(of, _KEYS, "token", "hunter2", if_match=(1,))


_SHARED = "whsec_" + base64.b64encode(bytes(24)).decode()
_PRIVATE = "whsk_" + base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    ("value", "scheme"),
    [(_SHARED, "v1"), (_PRIVATE, "v1a"), ("hunter2", None), ("whsec_short", None), ("whsk_" + "A" * 12, None)],
)
async def test_a_value_that_can_sign_is_stored_with_how_and_with_what_verifies_it(
    value: str, scheme: str | None
) -> None:
    of = view(None)
    await secrets.create(of, _KEYS, "token", value)
    params = of.asked[1][1]
    assert params["signs"] == scheme
    assert (params["public_key"] is not None) is (scheme == "v1a")
    if scheme == "v1a":
        assert params["public_key"].startswith("whpk_")


async def test_a_value_that_cannot_sign_does_not_replace_one_that_an_endpoint_signs_with() -> None:
    of = view(1, stored=[Stored(is_stored=False, signs_for="hook")])
    with pytest.raises(errors.Conflict) as refused:
        await secrets.replace(of, _KEYS, "token", "hunter2")
    assert refused.value.detail == (
        "the secret 'token' signs deliveries to the endpoint 'hook', but the new value is no key"
    )
    assert (refused.value.faults[0].pointer, "hunter2" in repr(refused.value.faults)) == ("/value", False)
    assert len(sealed(of)) == 1, "it is not tried again"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (KeySource(file=None, command=None), "this API has no encryption key, so no secret can be stored: its operator "
                                             "must set KRONOS_ENCRYPTION_KEY_FILE or KRONOS_ENCRYPTION_KEY_COMMAND for "
                                             "the API and the workers"),
        (KeySource(file=Path("/no/such/keys"), command=None),
         "this API's encryption keys can no longer be read, so no secret can be stored: see the API's log"),
    ],
)  # fmt: skip
async def test_without_a_key_nothing_is_stored(source: KeySource, why: str) -> None:
    of = view(None)
    with pytest.raises(errors.EncryptionKeyMissing) as refused:
        await secrets.create(of, CurrentKeys(source), "token", "hunter2")
    assert (refused.value.detail, of.names) == (why, ["get_place"])
    assert "/no/such" not in refused.value.detail


def deletion(**changes: Any) -> Any:
    made: dict[str, Any] = {"is_deleted": False, "version": 3, "used_by": None, "uses": None, **changes}
    return View(delete_secret=[[SecretDeletion(**made)]])


@pytest.mark.parametrize(("if_match", "asked"), [(None, None), ((), []), ((3,), [3]), ({2}, [2])])
async def test_a_secret_is_deleted_at_the_versions_that_its_caller_knows(
    if_match: Any, asked: list[int] | None
) -> None:
    of = deletion(is_deleted=True)
    await secrets.delete(of, "token", if_match=if_match)
    assert of.asked == [("delete_secret", {"name": "token", "if_match": asked})]


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"version": None}, errors.SecretNotFound, "no secret 'token' in workspace acme"),
        ({}, errors.PreconditionFailed,
         "the secret 'token' is already at version 3, which the precondition excludes"),
        ({"used_by": [], "uses": 0}, errors.PreconditionFailed,
         "the secret 'token' is already at version 3, which the precondition excludes"),
        ({"used_by": ["a", "b"], "uses": 2}, errors.Conflict,
         "deliveries need the secret 'token', to these endpoints: a, b. Change the endpoints so that they do not need "
         "it, and wait until their earlier executions have ended"),
        ({"used_by": ["a", "b"], "uses": 7}, errors.Conflict,
         "deliveries need the secret 'token', to these endpoints: a, b and 5 more. Change the endpoints so that they "
         "do not need it, and wait until their earlier executions have ended"),
    ],
)  # fmt: skip
async def test_a_secret_that_is_not_deleted_says_why(changes: dict[str, Any], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind) as refused:
        await secrets.delete(deletion(**changes), "token", if_match=(2,))
    assert isinstance(refused.value, errors.KronosError)
    assert refused.value.detail == why
    if isinstance(refused.value, errors.Conflict):
        assert refused.value.code == "secret_in_use"


async def test_a_secret_is_read_without_its_value() -> None:
    assert await secrets.get(View(get_secret=[secret(2)]), "token") == secret(2)  # type: ignore[arg-type]
    with pytest.raises(errors.SecretNotFound, match="no secret 'token' in workspace acme"):
        await secrets.get(View(get_secret=[None]), "token")  # type: ignore[arg-type]


async def test_a_page_begins_after_the_position_of_the_last_one() -> None:
    of: Any = View(list_secrets=[[]])
    await secrets.list_page(of, limit=10, before=None)
    await secrets.list_page(of, limit=5, before=(_AT, _WORKSPACE))
    assert [params for _, params in of.asked] == [
        {"limit": 10, "before_created_at": None, "before_id": None},
        {"limit": 5, "before_created_at": _AT, "before_id": _WORKSPACE},
    ]
