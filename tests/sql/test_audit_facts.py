"""What the audit says of a change: its action in one word, its values without credentials; and what retention cuts."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from factory import add_workspace
from sql.truths import differing
from sql_factory import Connection, records, value, values

CUTOFF = datetime(2026, 6, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
ACTIONS: list[tuple[str, str, dict[str, Any], dict[str, Any] | None, str]] = [
    # table, operation, row, what changed, action
    ("jobs", "INSERT", {"name": "a"}, {"name": "a"}, "create"),
    ("jobs", "INSERT", {"previous_version_id": "x"}, {"name": "a"}, "update"),
    ("jobs", "INSERT", {"previous_version_id": None}, {"name": "a"}, "create"),
    ("jobs", "UPDATE", {"status": "PAUSED"}, {"status": "PAUSED"}, "pause"),
    ("jobs", "UPDATE", {"status": "ACTIVE"}, {"status": "ACTIVE"}, "resume"),
    ("jobs", "UPDATE", {"previous_version_id": "x"}, {"status": "PAUSED"}, "pause"),
    ("jobs", "UPDATE", {"status_reason": {"code": "cancelled"}}, {"status": "RETIRED"}, "cancel"),
    ("jobs", "UPDATE", {"status_reason": {"code": "ended"}}, {"status": "RETIRED"}, "end"),
    ("jobs", "UPDATE", {"status_reason": None}, {"status": "RETIRED"}, "end"),
    ("jobs", "UPDATE", {"status": "ACTIVE"}, {"skip_next": 2}, "update"),
    ("jobs", "DELETE", {"status": "ACTIVE"}, None, "delete"),
    ("endpoint_versions", "INSERT", {"version": 1}, {"timeout_ms": 5}, "create"),
    ("endpoint_versions", "INSERT", {"version": 2}, {"timeout_ms": 5}, "update"),
    ("document_versions", "INSERT", {"version": 7}, {}, "update"),
    ("endpoints", "INSERT", {"version": 7}, {}, "create"),
    ("endpoints", "UPDATE", {}, {"deleted_at": "2026-01-01"}, "delete"),
    ("endpoints", "UPDATE", {}, {"deleted_at": None, "name": "b"}, "update"),
    ("endpoint_health", "UPDATE", {"state": "DISABLED"}, {"state": "DISABLED"}, "disable"),
    ("endpoint_health", "UPDATE", {"state": "HEALTHY"}, {"state": "HEALTHY"}, "enable"),
    ("endpoint_health", "INSERT", {"state": "DISABLED"}, {}, "disable"),
    ("workspaces", "UPDATE", {}, {"status": "SUSPENDED"}, "suspend"),
    ("workspaces", "UPDATE", {}, {"status": "ACTIVE"}, "resume"),
    ("workspaces", "UPDATE", {}, {"status": "DELETED", "deleted_at": "2026-01-01"}, "delete"),
    ("workspaces", "UPDATE", {}, {"status": "DELETED"}, "delete"),
    ("workspaces", "UPDATE", {}, {"max_cron_jobs": 5}, "update"),
    ("workspace_retention", "INSERT", {}, {"success_days": 5}, "update"),
    ("workspace_retention", "UPDATE", {}, {"success_days": 6}, "update"),
    ("api_keys", "INSERT", {}, {"role": "viewer"}, "create"),
    ("api_keys", "UPDATE", {}, {"revoked_at": "2026-01-01"}, "revoke"),
    ("api_keys", "UPDATE", {}, {"revoked_at": None, "expires_at": "2026-01-01"}, "update"),
    ("backfills", "UPDATE", {}, {"status": "CANCELLED"}, "cancel"),
    ("operations", "INSERT", {"kind": "REDRIVE"}, {}, "redrive"),
    ("operations", "INSERT", {"kind": "PAUSE"}, {}, "pause"),
    ("operations", "UPDATE", {"kind": "REDRIVE"}, {"status": "CANCELLED"}, "cancel"),
    ("incidents", "UPDATE", {}, {"acknowledged_at": "2026-01-01", "note": "x"}, "acknowledge"),
    ("incidents", "UPDATE", {}, {"snoozed_until": "2026-01-01"}, "snooze"),
]


def test_each_change_has_an_action_in_one_word(shared: Connection) -> None:
    facts = [
        (table, operation, Jsonb(row), None if after is None else Jsonb(after), action)
        for table, operation, row, after, action in ACTIONS
    ]
    assert differing(shared, "kronos.audit_action(%s, %s, %s::jsonb, %s::jsonb)", facts) == []


def digest(shown: Any) -> dict[str, Any]:
    """A value as the audit shows it if it may be a credential."""
    text = json.dumps(shown, ensure_ascii=False)
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}


def test_inputs_and_outputs_are_shown_by_their_digest_and_so_is_what_is_long(shared: Connection) -> None:
    long = {"a": ["x" * 100 + str(n) for n in range(30)]}
    facts = [
        ("input", {"a": 1}, digest({"a": 1})),
        ("output", {"a": "é"}, digest({"a": "é"})),
        ("input", [], digest([])),
        ("input", None, None),
        ("tags", ["a"], ["a"]),
        ("name", "report", "report"),
        ("on_success", long, digest(long)),
        ("content", {"password": "x", "a": 1}, {"password": digest("x"), "a": 1}),
        ("values", {"password": "x"}, {"password": "x"}),
        ("spec", "none", "none"),
        ("terms", {"url": "https://x/?token=a"}, {"url": "https://x/?token=a"}),
        ("on_success", {"endpoint": "hook"}, {"endpoint": "hook"}),
    ]
    given = [(name, Jsonb(each), shown) for name, each, shown in facts]
    assert differing(shared, "kronos.shown_field(%s, %s::jsonb)", given) == []
    assert value(shared, "select kronos.shown_field('input', null)") is None
    for length, is_long in ((2036, False), (2037, True)):  # two kilobytes, with the 12 bytes that jsonb adds
        found = value(shared, "select kronos.shown_field('note', to_jsonb(repeat('x', %s)))", [length])
        assert isinstance(found, dict) == is_long, length


def nested(levels: int) -> Any:
    return "end" if levels == 0 else {"a": nested(levels - 1)}


def test_values_whose_names_look_like_credentials_are_shown_by_their_digest(shared: Connection) -> None:
    """Unless they refer to a secret. A text that contains such a name with a value is one as well."""
    sound: list[Any] = [
        "plain",
        7,
        None,
        True,
        {"user": "x", "number": 7},
        {"password": "{{ secret.db }}"},
        {"password": "{{secret.db}}"},
        {"is_secret": True},
        ["b", {"b": ["c", "a", {}]}, "a", []],
        "the token of my esteem",
        "key",
        nested(9),
    ]
    hidden: list[tuple[Any, Any]] = [
        ({"password": "x"}, {"password": digest("x")}),
        ({"API_KEY": "x"}, {"API_KEY": digest("x")}),
        ({"x-signature": "x"}, {"x-signature": digest("x")}),
        ({"cookie": 7}, {"cookie": digest(7)}),
        ({"tokens": ["x", True, "{{ secret.a }}"]}, {"tokens": [digest("x"), True, "{{ secret.a }}"]}),
        ({"auth": {"user": "x"}}, {"auth": {"user": "x"}}),  # its members are judged by their own names
        ({"a": {"b": [{"passwd": "x"}]}}, {"a": {"b": [{"passwd": digest("x")}]}}),
        ({"password": "secret.db"}, {"password": digest("secret.db")}),
        ("token=abc", digest("token=abc")),
        ("Authorization: Bearer x", digest("Authorization: Bearer x")),
        ({"text": 'a {"Secret" : 1}'}, {"text": digest('a {"Secret" : 1}')}),
        (nested(10) | {"b": 1}, _hidden_below(10) | {"b": 1}),
    ]
    facts = [(Jsonb(each), each) for each in sound if each is not None]
    facts += [(Jsonb(each), shown) for each, shown in hidden]
    assert differing(shared, "kronos.shown_values(%s::jsonb)", facts) == []


def _hidden_below(levels: int) -> dict[str, Any]:
    """`nested` of one level more than is looked into, as it is shown."""
    shown: Any = "end"
    for _ in range(levels):
        shown = {"a": shown}
    assert isinstance(shown, dict)
    return shown


def test_what_is_nested_too_deeply_to_look_into_is_shown_by_its_digest(shared: Connection) -> None:
    for document, inner in ((nested(12), nested(2)), (_listed(12), _listed(2)), (_listed(11), _listed(1))):
        found = value(shared, "select kronos.shown_values(%s::jsonb)", [Jsonb(document)])
        for _ in range(10):
            (found,) = found.values() if isinstance(found, dict) else found
        assert found == digest(inner)
    assert value(shared, "select kronos.shown_values(%s::jsonb)", [Jsonb(_listed(10))]) == _listed(10)


def _listed(levels: int) -> Any:
    return "end" if levels == 0 else [_listed(levels - 1)]


def test_an_endpoints_spec_is_shown_without_its_credentials(shared: Connection) -> None:
    facts: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"url": "https://x.example/hook"}, {"url": "https://x.example/hook"}),
        ({"url": "https://x/?a=1&api_key=abc&b=2#c"}, {"url": "https://x/?a=1&api_key=***&b=2#c"}),
        ({"url": "https://x/?Token=abc"}, {"url": "https://x/?Token=***"}),
        ({"url": "https://x/?sig=a&x_token=b"}, {"url": "https://x/?sig=***&x_token=***"}),
        ({"url": "https://x/?token={{ secret.a }}"}, {"url": "https://x/?token={{ secret.a }}"}),
        ({"url": "https://x/token/abc?a=1"}, {"url": "https://x/token/abc?a=1"}),
        ({"headers": {"X-Auth": "abc", "Accept": "x"}}, {"headers": {"X-Auth": digest("abc"), "Accept": "x"}}),
        ({"headers": {"X-Auth": "{{ secret.a }}"}}, {"headers": {"X-Auth": "{{ secret.a }}"}}),
        ({"body_template": {"password": "x", "a": 1}}, {"body_template": {"password": digest("x"), "a": 1}}),
        ({"value_template": {"key": "x"}}, {"value_template": {"key": digest("x")}}),
        ({"fields_template": {"key": "x"}}, {"fields_template": {"key": digest("x")}}),
        ({"url": "https://x", "timeout": {"key": "x"}}, {"url": "https://x", "timeout": {"key": "x"}}),
        ({"headers": None, "url": "https://x"}, {"headers": None, "url": "https://x"}),
        ({}, {}),
    ]
    given = [(Jsonb(spec), shown) for spec, shown in facts]
    assert differing(shared, "kronos.shown_spec(%s::jsonb)", given) == []
    assert differing(shared, "kronos.shown_field('spec', %s::jsonb)", given) == []


def write(connection: Connection, workspace_id: object, ages: list[timedelta], action: str = "job.create") -> None:
    """Seal rows of these ages before the cutoff into the workspace's chain, in their order."""
    for ago in ages:
        connection.execute(
            "insert into kronos.audit_pending (audit_id, workspace_id, at, actor, database_user, action, object_type,"
            " object_id) select gen_random_uuid(), %s, %s, 'x', 'x', %s, 'job', gen_random_uuid()::text",
            [workspace_id, CUTOFF - ago, action],
        )
        assert value(connection, "select kronos.seal_audit(1000)") == 1


def chain_of(connection: Connection, workspace_id: object) -> list[int]:
    return values(connection, "select number from kronos.audit where chain_id = %s order by number", [workspace_id])


def faults(connection: Connection, workspace_id: object) -> str | None:
    """What is wrong with the whole of a chain, from where it was cut."""
    found: str | None = value(
        connection,
        "select verified.fault from kronos.audit_chains as chain, kronos.verify_audit(chain.chain_id, chain.cut_number,"
        " chain.cut_hash, 1000) as verified where chain.chain_id = %s",
        [workspace_id],
    )
    return found


@pytest.mark.parametrize(
    ("ages", "limit", "cut"),
    [
        ([timedelta()], 100, 0),
        ([MOMENT], 100, 1),
        ([MOMENT, timedelta(), MOMENT], 100, 1),  # a chain is cut at its beginning only
        ([MOMENT, timedelta(), MOMENT, timedelta()], 100, 1),
        ([timedelta(), MOMENT], 100, 0),
        ([3 * MOMENT, 2 * MOMENT, MOMENT], 2, 2),
        ([3 * MOMENT, 2 * MOMENT, MOMENT], 3, 3),
    ],
)
def test_what_is_older_than_the_cutoff_is_cut_off_the_beginning_of_a_chain(
    shared: Connection, ages: list[timedelta], limit: int, cut: int
) -> None:
    with shared.transaction(force_rollback=True):
        other, workspace_id = add_workspace(shared), add_workspace(shared)
        shared.execute("delete from kronos.audit_pending")
        write(shared, other, [MOMENT, MOMENT])
        write(shared, workspace_id, ages)
        before = chain_of(shared, workspace_id)
        assert before == list(range(1, len(ages) + 1))
        assert value(shared, "select kronos.cut_chain(%s, %s, %s)", [workspace_id, CUTOFF, limit]) == cut
        assert chain_of(shared, workspace_id) == before[cut:]
        assert faults(shared, workspace_id) is None
        assert chain_of(shared, other) == [1, 2]
        told = records(shared, "select action, object_id from kronos.audit_pending where object_type = 'audit'")
        assert [(row["action"], row["object_id"]) for row in told] == [("audit.cut", str(workspace_id))] * (cut > 0)


def test_records_of_cuts_alone_are_not_worth_another_cut(shared: Connection) -> None:
    with shared.transaction(force_rollback=True):
        workspace_id = add_workspace(shared)
        shared.execute("delete from kronos.audit_pending")
        write(shared, workspace_id, [2 * MOMENT, MOMENT], action="audit.cut")
        cut = "select kronos.cut_chain(%s, %s, 100)"
        assert value(shared, cut, [workspace_id, CUTOFF]) == 0
        write(shared, workspace_id, [MOMENT])
        assert value(shared, cut, [workspace_id, CUTOFF]) == 3


def test_a_chain_is_verified_in_parts_and_names_the_first_row_that_is_wrong(shared: Connection) -> None:
    with shared.transaction(force_rollback=True):
        workspace_id = add_workspace(shared)
        shared.execute("delete from kronos.audit_pending")
        write(shared, workspace_id, [n * MOMENT for n in (5, 4, 3, 2, 1)])
        genesis = value(shared, "select kronos.audit_genesis(%s)", [workspace_id])
        verify = "select * from kronos.verify_audit(%s, %s, %s, %s)"
        (first,) = records(shared, verify, [workspace_id, 0, genesis, 2])
        assert (first["number"], first["seen"], first["fault"]) == (2, 2, None)
        (rest,) = records(shared, verify, [workspace_id, first["number"], first["hash"], 100])
        assert (rest["number"], rest["seen"], rest["fault"]) == (5, 3, None)
        (over,) = records(shared, verify, [workspace_id, 5, rest["hash"], 100])
        assert (over["number"], over["hash"], over["seen"], over["fault"]) == (5, rest["hash"], 0, None)
        (wrong,) = records(shared, verify, [workspace_id, 0, rest["hash"], 100])
        assert (wrong["number"], wrong["seen"]) == (0, 0)
        assert wrong["fault"] == "number 1 is not what was sealed: it, or a row before it, was changed"
        shared.execute("set local session_replication_role = 'replica'")
        with shared.transaction(force_rollback=True):
            shared.execute("update kronos.audit set actor = 'y' where chain_id = %s and number = 4", [workspace_id])
            assert faults(shared, workspace_id) == (
                "number 4 is not what was sealed: it, or a row before it, was changed"
            )
        shared.execute("delete from kronos.audit where chain_id = %s and number = 3", [workspace_id])
        assert faults(shared, workspace_id) == "number 3 is missing"


def test_retention_cuts_whole_days_off_each_chain_and_says_whether_more_is_left(shared: Connection) -> None:
    """The instance keeps its audit for 400 days: today's and the 400 before it."""
    with shared.transaction(force_rollback=True):
        shared.execute("delete from kronos.audit_pending")
        cutoff: datetime = value(shared, "select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'")
        cutoff -= timedelta(days=400)
        young, old, older = (add_workspace(shared) for _ in range(3))
        shared.execute("delete from kronos.audit_pending")
        for workspace_id, ages in ((young, [timedelta()] * 2), (old, [MOMENT] * 2), (older, [MOMENT] * 5)):
            write(shared, workspace_id, [CUTOFF - cutoff + ago for ago in ages])
        retain = "select audit_rows, is_left from kronos.retain_audit(2)"
        for rows, is_left in ((4, True), (2, True), (1, False), (0, False)):
            (row,) = records(shared, retain)
            assert (row["audit_rows"], row["is_left"]) == (rows, is_left)
        assert [chain_of(shared, each) for each in (young, old, older)] == [[1, 2], [], []]
