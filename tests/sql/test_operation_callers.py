"""Whether the caller that began an operation may still do it."""

import uuid
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, value

_KEY = """
insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id, expires_at, revoked_at)
values ('0123456789ab', sha256('x'), 'operator', %s, now() + %s, %s)
"""
_SIGN_IN = """
insert into kronos.sign_ins (secret_sha256, subject, email, groups, expires_at)
values (sha256(gen_random_uuid()::text::bytea), %s, %s, %s, now() + %s)
"""
_MAPPING = "insert into kronos.role_mappings (workspace_id, group_name, role, sees_payloads) values (%s, %s, %s, true)"
HOUR = timedelta(hours=1)


def ended(connection: Connection, endpoint: EndpointRow, caller: dict[str, str] | None) -> str | None:
    found: str | None = value(
        connection,
        "select kronos.caller_ended(%s, %s)",
        [None if caller is None else Jsonb(caller), endpoint.workspace_id],
    )
    return found


@pytest.mark.parametrize("caller", [None, {}, {"actor": "cli:ada"}, {"actor": "sql:app"}])
def test_of_nobody_a_command_and_a_login_it_goes_on(shared: Connection, caller: dict[str, str] | None) -> None:
    assert ended(shared, add_endpoint(shared), caller) is None


def test_a_key_has_to_be_there_and_to_work(superuser: Connection) -> None:
    endpoint, caller = add_endpoint(superuser), {"actor": "0123456789ab", "key": "0123456789ab"}
    assert ended(superuser, endpoint, caller) == "its key 0123456789ab no longer exists"
    superuser.execute(_KEY, [endpoint.workspace_id, HOUR, None])
    assert ended(superuser, endpoint, caller) is None
    superuser.execute("update kronos.api_keys set revoked_at = now()")
    assert ended(superuser, endpoint, caller) == "its key 0123456789ab was revoked"
    superuser.execute("update kronos.api_keys set revoked_at = null")
    MovedClock(superuser).step(2 * HOUR)
    assert ended(superuser, endpoint, caller) == "its key 0123456789ab has expired"


@pytest.mark.parametrize("email", [None, "ada@example.com"])
def test_a_person_has_to_have_a_role_as_long_as_that_is_known(superuser: Connection, email: str | None) -> None:
    endpoint, subject = add_endpoint(superuser), uuid.uuid4().hex
    caller = {"actor": f"oidc:{email or subject}"}
    assert ended(superuser, endpoint, caller) is None  # not signed in: unknown
    superuser.execute(_MAPPING, [endpoint.workspace_id, "readers", "viewer"])
    superuser.execute(_SIGN_IN, [subject, email, ["readers"], HOUR])
    assert ended(superuser, endpoint, caller) == f"oidc:{email or subject} may no longer do it"
    superuser.execute(_MAPPING, [endpoint.workspace_id, "on-call", "operator"])
    superuser.execute(_SIGN_IN, [subject, email, ["on-call"], 3 * HOUR])
    assert ended(superuser, endpoint, caller) is None
    superuser.execute("delete from kronos.role_mappings where group_name = 'on-call'")
    superuser.execute(_MAPPING, [add_endpoint(superuser).workspace_id, "on-call", "operator"])  # in another workspace
    assert ended(superuser, endpoint, caller) is not None
    MovedClock(superuser).step(4 * HOUR)
    assert ended(superuser, endpoint, caller) is None
