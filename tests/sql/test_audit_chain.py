"""The audit's chain of hashes: sealed in the order of commits, so that changes that bypass all triggers are
detected.
"""

import uuid
from datetime import timedelta

import psycopg
import pytest

from factory import add_endpoint
from kronos import audit
from kronos.audit import Pin
from moved_clock import MovedClock
from sql.test_audit import seal, slug_of, verified
from sql.test_busy_machine import SLOW
from sql_factory import Connection, make_cron_job, records, value, values


def test_a_transaction_that_commits_late_comes_into_the_chain_late(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    with psycopg.connect(database_url) as late:
        early_by_id = make_cron_job(late, endpoint)
        after_it = make_cron_job(superuser, endpoint)
        assert seal(superuser) > 0, "sealing does not wait for the late transaction"
        late.commit()
    assert seal(superuser) == 1
    chain = values(
        superuser,
        "select object_id from kronos.audit where workspace_id = %s and action = 'job.create' order by number",
        [endpoint.workspace_id],
    )
    assert chain == [str(after_it), str(early_by_id)]
    assert verified(database_url, slug_of(superuser, endpoint)).fault is None


def test_what_is_being_sealed_is_sealed_once(superuser: Connection, database_url: str) -> None:
    add_endpoint(superuser)
    with psycopg.connect(database_url) as other:
        assert seal(other) > 0
        add_endpoint(superuser)
        assert seal(superuser) == 0, "another session is sealing"
        other.commit()
    assert seal(superuser) > 0
    assert all(each.fault is None for each in audit.verify(database_url))


def test_a_chain_that_cannot_go_on_holds_up_no_delivery(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    seal(superuser)
    superuser.execute("update kronos.audit_chains set number = 0 where workspace_id = %s", [endpoint.workspace_id])
    make_cron_job(superuser, endpoint)
    assert value(superuser, "select requeued from kronos.upkeep(1000)") == 0
    assert value(superuser, "select count(*) from kronos.audit_pending") == 1


def test_a_chain_that_cannot_go_on_holds_up_no_other(superuser: Connection, database_url: str) -> None:
    broken, other = add_endpoint(superuser), add_endpoint(superuser)
    seal(superuser)
    superuser.execute("update kronos.audit_chains set number = 0 where workspace_id = %s", [broken.workspace_id])
    for _ in range(3):
        make_cron_job(superuser, broken)
    make_cron_job(superuser, other)
    MovedClock(superuser).stop()
    sealed = value(superuser, "select kronos.seal_audit(2)")  # the broken chain's rows are older, and more
    assert sealed == 1
    assert values(superuser, "select distinct workspace_id from kronos.audit_pending") == [broken.workspace_id]
    assert verified(database_url, slug_of(superuser, other)).fault is None
    superuser.execute(
        "update kronos.audit_chains as chain set number = (select max(number) from kronos.audit"
        " where chain_id = chain.chain_id) where workspace_id = %s",
        [broken.workspace_id],
    )
    assert value(superuser, "select kronos.seal_audit(1000)") == 3


def test_however_many_rows_of_a_broken_chain_wait_a_call_reads_as_many_as_it_may_seal(superuser: Connection) -> None:
    """It is called every few seconds. It used to sort all that waited, twice."""
    endpoint = add_endpoint(superuser)
    seal(superuser)
    superuser.execute("update kronos.audit_chains set number = 0 where workspace_id = %s", [endpoint.workspace_id])
    superuser.execute(
        "insert into kronos.audit_pending (workspace_id, at, actor, database_user, action, object_type, object_id)"
        " select %s, now() - n * interval '1 s', 'a', 'u', 'job.create', 'job', n from generate_series(1, 5000) as n",
        [endpoint.workspace_id],
    )
    superuser.execute("analyze kronos.audit_pending")
    fetched = "select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables where relname = 'audit_pending'"
    with superuser.transaction():
        before = value(superuser, fetched) or 0
        assert value(superuser, "select kronos.seal_audit(100)") == 0
        assert value(superuser, fetched) - before <= 2 * 100 + 10


def test_however_many_chains_are_broken_each_other_has_its_turn(superuser: Connection) -> None:
    """Half a second after the first failure no further chain is tried; the next call begins at another one."""
    endpoints = [add_endpoint(superuser) for _ in range(6)]
    seal(superuser)
    # Calls begin at an id that is drawn at random. This one has its turn often enough, whatever ids the others have.
    ids = sorted(endpoint.workspace_id.int for endpoint in endpoints)
    sound = uuid.UUID(int=max(zip(ids, [ids[-1] - 2**128, *ids], strict=False), key=lambda pair: pair[0] - pair[1])[0])
    superuser.execute("update kronos.audit_chains set number = 0 where workspace_id <> %s", [sound])
    for endpoint in endpoints:
        make_cron_job(superuser, endpoint)
    superuser.execute(SLOW)
    calls = 0
    while value(superuser, "select kronos.seal_audit(100)") == 0:
        calls += 1
        assert calls < 200, "it makes no progress"
    assert sound not in values(superuser, "select workspace_id from kronos.audit_pending")
    assert value(superuser, "select count(*) from kronos.audit_pending") == 5


_TAMPERED = {
    "a value": ("update kronos.audit set actor = 'nobody' where chain_id = %(id)s and number = 3", "number 3 is not"),
    "after": ("update kronos.audit set after = '{}' where chain_id = %(id)s and number = 2", "number 2 is not"),
    "its time": (
        "update kronos.audit set at = at - interval '1 us' where chain_id = %(id)s and number = 1",
        "number 1",
    ),
    "one that is gone": ("delete from kronos.audit where chain_id = %(id)s and number = 3", "number 3 is missing"),
    "the first": ("delete from kronos.audit where chain_id = %(id)s and number = 1", "number 1 is missing"),
    "the last": (
        "delete from kronos.audit where chain_id = %(id)s"
        " and number = (select max(number) from kronos.audit where chain_id = %(id)s)",
        "its head says",
    ),
    "a cut that nobody made": (
        "with cut as (delete from kronos.audit where chain_id = %(id)s and number <= 2 returning number, hash)"
        " update kronos.audit_chains set cut_number = 2, cut_hash = (select hash from cut where number = 2)"
        " where chain_id = %(id)s",
        "records no retention",
    ),
    "a chain of one's own": (
        "with cut as (delete from kronos.audit where chain_id = %(id)s and number <= 2 returning number, hash)"
        " update kronos.audit_chains set cut_hash = (select hash from cut where number = 2) where chain_id = %(id)s",
        "does not begin",
    ),
}


@pytest.mark.parametrize("name", _TAMPERED)
def test_what_is_changed_past_all_triggers_is_found(superuser: Connection, database_url: str, name: str) -> None:
    endpoint = add_endpoint(superuser)
    for _ in range(4):
        make_cron_job(superuser, endpoint)
    seal(superuser)
    slug = slug_of(superuser, endpoint)
    assert verified(database_url, slug).fault is None
    write, told = _TAMPERED[name]
    superuser.execute("set session_replication_role = replica")
    superuser.execute(write, {"id": endpoint.workspace_id})
    superuser.execute("reset session_replication_role")
    assert told in str(verified(database_url, slug).fault)


def test_a_chain_that_was_written_anew_holds_and_is_not_the_one_that_was_noted(
    superuser: Connection, database_url: str
) -> None:
    """A superuser who knows the code can do this. Anyone who stored a head elsewhere detects it."""
    endpoint = add_endpoint(superuser)
    for _ in range(4):
        make_cron_job(superuser, endpoint)
    seal(superuser)
    slug = slug_of(superuser, endpoint)
    before = verified(database_url, slug)
    pin = Pin(number=before.number, hash=before.hash)
    middle = records(
        superuser,
        "select number, encode(hash, 'hex') as hash from kronos.audit where chain_id = %s and number = 2",
        [endpoint.workspace_id],
    )[0]
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update kronos.audit set actor = 'nobody' where chain_id = %s and number = 3", [endpoint.workspace_id]
    )
    superuser.execute(
        """
        do $$
        declare
            v_row  kronos.audit;
            v_hash bytea;
        begin
            for v_row in select * from kronos.audit order by chain_id, number loop
                v_hash := kronos.audit_hash(case when v_row.number = 1 then kronos.audit_genesis(v_row.chain_id)
                                                 else v_hash end, v_row);
                update kronos.audit set hash = v_hash where chain_id = v_row.chain_id and number = v_row.number;
                update kronos.audit_chains set hash = v_hash where chain_id = v_row.chain_id;
            end loop;
        end
        $$
        """
    )
    superuser.execute("reset session_replication_role")
    assert verified(database_url, slug).fault is None
    assert verified(database_url, slug, Pin(**middle)).fault is None
    assert f"number {pin.number} differs from the recorded one" in str(verified(database_url, slug, pin).fault)
    make_cron_job(superuser, endpoint)
    assert "was recorded" in str(verified(database_url, slug, Pin(number=99, hash="0" * 64)).fault)
    assert [each.fault for each in audit.verify(database_url, [("nowhere", pin)]) if each.workspace == "nowhere"] == [
        f"there is no such chain, but its number {pin.number} was recorded"
    ]


def test_what_retention_cuts_off_leaves_a_chain_that_holds(superuser: Connection, database_url: str) -> None:
    clock = MovedClock(superuser)
    clock.step(timedelta(days=-500))
    endpoint = add_endpoint(superuser)
    slug = slug_of(superuser, endpoint)
    for _ in range(5):
        make_cron_job(superuser, endpoint)
    seal(superuser)
    old = verified(database_url, slug)
    clock.step(timedelta(days=500))
    kept = make_cron_job(superuser, endpoint)
    seal(superuser)
    assert value(superuser, "select audit_rows from kronos.retain_audit(3)") >= 3
    counts = value(superuser, "select kronos.retain()")
    assert counts["audit_rows"] >= 1, counts
    seal(superuser)
    found = verified(database_url, slug)
    assert (found.fault, found.first) == (None, old.number + 1)
    actions = records(
        superuser,
        "select action, object_id, actor from kronos.audit where workspace_id = %s order by number",
        [endpoint.workspace_id],
    )
    assert [each["action"] for each in actions] == ["job.create", "audit.cut", "audit.cut"]
    assert actions[0]["object_id"] == str(kept)
    # the rest of an idle chain is not cut again and again
    clock.step(timedelta(days=500))
    value(superuser, "select audit_rows from kronos.retain_audit(1000)")
    seal(superuser)
    clock.step(timedelta(days=500))
    assert value(superuser, "select audit_rows from kronos.retain_audit(1000)") == 0
    assert verified(database_url, slug).fault is None
