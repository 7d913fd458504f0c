"""Changes in watched workspaces are noted while there are listeners, and are read whenever their transactions began and
ended.
"""

import uuid
from datetime import timedelta

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions
from moved_clock import MovedClock
from sql.plans import told_plans
from sql_factory import Connection, Record, acting_as, buffers, make_cron_job, records, value, values

_NOTED = """
select object, change, ids from kronos.live_changes where workspace_id = %s and object <> 'audit' order by ctid
"""
_AUDITED = "select workspace_id, count(*) from kronos.live_changes where object = 'audit' group by 1"
_READ = "select * from kronos.read_live(%(ids)s::uuid[], %(after)s::pg_snapshot, %(limit)s)"


def watch(connection: Connection, endpoint: EndpointRow) -> None:
    """Watch the workspace as an API process does with its first listener."""
    with acting_as(connection, "kronos_api"):
        connection.execute("select kronos.watch_live(%s, interval '10 minutes')", [endpoint.workspace_id])
        connection.execute("select kronos.begin_live()")


def noted(connection: Connection, endpoint: EndpointRow) -> list[tuple[str, str, set[uuid.UUID]]]:
    return [
        (each["object"], each["change"], set(each["ids"]))
        for each in records(connection, _NOTED, [endpoint.workspace_id])
    ]


def place(connection: Connection) -> str:
    return str(value(connection, "select pg_current_snapshot()::text"))


def read(connection: Connection, endpoint: EndpointRow, after: str | None, limit: int = 100) -> list[Record]:
    with acting_as(connection, "kronos_api"):
        found = records(connection, _READ, {"ids": [endpoint.workspace_id], "after": after, "limit": limit})
    return [each for each in found if each["object"] != "job"]  # executions only: each has its own job here


def test_each_change_of_a_watched_workspace_is_noted_once_a_statement_and_of_others_nothing(
    superuser: Connection,
) -> None:
    endpoint, other = add_endpoint(superuser), add_endpoint(superuser)
    watch(superuser, endpoint)
    job_id = make_cron_job(superuser, endpoint)
    ids = set(add_executions(superuser, endpoint, 3))  # of one-shots
    one_shots = set(values(superuser, "select job_id from kronos.jobs where trigger = 'IMMEDIATE'"))
    add_executions(superuser, other, 2)
    superuser.execute("update kronos.jobs set title = 'x' where job_id = %s", [job_id])
    superuser.execute("update kronos.execution_live set visible_at = now()")  # each by its own row: not by a claim
    superuser.execute("update kronos.pointers set runs = 1 where job_id = %s", [job_id])
    superuser.execute(
        """
        with gone as (delete from kronos.execution_live returning *)
        insert into kronos.execution_done
        select done.* from gone cross join lateral kronos.archived(gone, 'SUCCESS', null, null, null) as done
        """
    )
    assert sorted(noted(superuser, endpoint), key=repr) == sorted(
        [
            ("job", "created", {job_id}),
            ("job", "created", one_shots),
            ("execution", "created", ids),
            ("job", "changed", {job_id}),
            *(("execution", "changed", {each}) for each in ids),
            ("job", "next_run", {job_id}),
            ("execution", "finished", ids),
            ("job", "changed", one_shots),  # COMPLETED
        ],
        key=repr,
    )
    assert noted(superuser, other) == []


def test_nothing_is_noted_while_nobody_listens(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2)
    assert not value(superuser, "select kronos.is_watched()")
    watch(superuser, endpoint)
    assert value(superuser, "select kronos.is_watched()")
    MovedClock(superuser).step(timedelta(minutes=10, seconds=2))
    add_executions(superuser, endpoint, 2)
    assert not value(superuser, "select kronos.is_watched()")
    assert values(superuser, "select 1 from kronos.live_changes") == []


def test_what_is_committed_late_is_read_though_later_ones_were_read_before(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    watch(superuser, endpoint)
    with psycopg.connect(database_url) as late:
        (first,) = add_executions(late, endpoint, 1)
        (second,) = add_executions(superuser, endpoint, 1)
        before = read(superuser, endpoint, place(superuser))
        after = before[0]["snapshot"]  # this snapshot could see the second, and not the first
        assert [each["ids"] for each in read(superuser, endpoint, after)] == [None]
        late.commit()
    (third,) = add_executions(superuser, endpoint, 1)
    heard = read(superuser, endpoint, after)
    assert sorted(each["ids"][0] for each in heard) == sorted([first, third])
    assert second not in [each["ids"][0] for each in heard]
    assert {each["is_whole"] for each in heard} == {True}


def test_a_transaction_that_keeps_to_an_old_snapshot_is_noted_though_it_cannot_see_who_listens(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    with psycopg.connect(database_url) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select from kronos.workspaces")  # takes its snapshot
        watch(superuser, endpoint)
        after = place(superuser)
        (execution_id,) = add_executions(old, endpoint, 1)
        old.commit()
    heard = read(superuser, endpoint, after)
    assert [(each["ids"], each["is_whole"]) for each in heard] == [([execution_id], True)]


def test_a_watch_is_whole_once_what_began_before_it_has_ended(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    with psycopg.connect(database_url) as before:
        add_executions(before, endpoint, 1)  # not noted anywhere
        watch(superuser, endpoint)
        snapshots = [place(superuser)]
        assert [each["is_whole"] for each in read(superuser, endpoint, snapshots[0])] == [False]
        before.commit()
    after = read(superuser, endpoint, snapshots[0])[0]["snapshot"]
    assert [(each["is_begun"], each["is_whole"]) for each in read(superuser, endpoint, after)] == [(True, True)]


@pytest.mark.parametrize("what", ["lapsed", "crashed", "too old", "of the future", "restored"])
def test_a_place_that_something_may_be_missing_from_is_not_whole(superuser: Connection, what: str) -> None:
    endpoint, clock = add_endpoint(superuser), MovedClock(superuser)
    watch(superuser, endpoint)
    after = place(superuser)
    assert [each["is_whole"] for each in read(superuser, endpoint, after)] == [True]
    if what == "lapsed":
        clock.step(timedelta(minutes=11))
    elif what == "crashed":  # as recovery does to unlogged tables
        superuser.execute("truncate kronos.live_changes, kronos.live_watches, kronos.live_marks, kronos.live_origin")
    elif what == "too old":
        for _ in range(40):
            add_executions(superuser, endpoint, 1)
            clock.step(timedelta(seconds=31))
            watch(superuser, endpoint)
        assert 0 < value(superuser, "select count(*) from kronos.live_changes where object = 'execution'") < 25
        assert value(superuser, "select count(*) from kronos.live_marks") < 25
    elif what == "of the future":
        xmax = value(superuser, "select pg_snapshot_xmax(%s::pg_snapshot)::text::bigint + 1000", [after])
        after = f"{xmax}:{xmax}:"
    else:
        superuser.execute("update kronos.live_origin set system = 1")
        watch(superuser, endpoint)
    assert not read(superuser, endpoint, after)[0]["is_whole"]
    watch(superuser, endpoint)
    assert read(superuser, endpoint, place(superuser))[0]["is_whole"]


def test_a_look_reads_what_is_new_and_not_what_is_kept(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    watch(superuser, endpoint)
    superuser.execute(
        "insert into kronos.live_changes (xid, workspace_id, object, change, ids)"
        " select '3', %s, 'execution', 'created', array[gen_random_uuid()] from generate_series(1, 20000)",
        [endpoint.workspace_id],
    )
    superuser.execute("vacuum analyze kronos.live_changes")
    after = place(superuser)
    add_executions(superuser, endpoint, 1)
    with told_plans(superuser) as plans:
        superuser.execute(_READ.encode(), {"ids": [endpoint.workspace_id], "after": after, "limit": 100})
    assert not [plan for plan in plans if "Seq Scan on live_changes" in plan]
    assert [plan for plan in plans if "live_changes_by_transaction" in plan]


def note(connection: Connection, endpoint: EndpointRow, number: int) -> None:
    """Insert that many notes in this transaction, as its statements would."""
    connection.execute(
        "insert into kronos.live_changes (workspace_id, object, change, ids)"
        " select %s, 'execution', 'created', array[gen_random_uuid()] from generate_series(1, %s)",
        [endpoint.workspace_id, number],
    )


def test_what_a_transaction_under_way_has_noted_is_not_read_again_and_again_and_is_once_it_ends(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    watch(superuser, endpoint)

    def look(after: str) -> int:
        return buffers(superuser, f"select * from kronos.read_live('{{{endpoint.workspace_id}}}', '{after}', 100)")

    with psycopg.connect(database_url) as late:
        note(late, endpoint, 1)
        after = place(superuser)
        look(after)  # the first call also reads the catalogs
        few = look(after)
        note(late, endpoint, 3000)
        assert look(after) <= few + 5
        add_executions(superuser, endpoint, 1)  # it has ended; the other transaction is still running
        assert look(place(superuser)) <= few + 5
        late.commit()
    assert len(read(superuser, endpoint, after, limit=10_000)) == 3002


def test_what_was_deleted_is_not_read_again_though_an_old_snapshot_keeps_it_from_vacuum(
    superuser: Connection, database_url: str
) -> None:
    endpoint, clock = add_endpoint(superuser), MovedClock(superuser)
    with psycopg.connect(database_url) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select pg_current_snapshot()")  # as pg_dump does
        read_pages = []
        for _ in range(60):
            note(superuser, endpoint, 100)
            clock.step(timedelta(seconds=31))
            read_pages.append(buffers(superuser, f"select kronos.watch_live('{endpoint.workspace_id}', '10 min')"))
        assert 1_900 < value(superuser, "select count(*) from kronos.live_changes") < 2_300  # ten minutes' worth
    assert max(read_pages[-5:]) < 1.3 * max(read_pages[22:27])


def test_no_more_is_given_than_is_asked_for_and_that_it_was_cut_off_shows(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    watch(superuser, endpoint)
    after = place(superuser)
    add_executions(superuser, endpoint, 30)
    assert [len(each["ids"]) for each in read(superuser, endpoint, after, limit=10)] == [11]
    for _ in range(12):
        superuser.execute("update kronos.execution_live set crashes = 0")
    assert len(read(superuser, endpoint, after, limit=10)) > 9  # 11 including those of jobs


def test_what_people_configure_is_noted_once_where_its_audit_is_written(superuser: Connection) -> None:
    """Whichever session writes it. Changes of the instance or of other workspaces are not noted; keys belong to their
    workspace.
    """
    endpoint, other = add_endpoint(superuser), add_endpoint(superuser)
    watch(superuser, endpoint)
    ids: dict[str, object] = {
        "workspace": endpoint.workspace_id,
        "endpoint": endpoint.endpoint_id,
        "other": other.endpoint_id,
    }
    ids |= {"nonce": bytes(12), "sealed": bytes(40)}
    (secret,) = values(
        superuser,
        "insert into kronos.secrets (workspace_id, name, key_id, nonce, ciphertext)"
        " values (%(workspace)s, 'token', '0123456789abcdef', %(nonce)s, %(sealed)s) returning secret_id",
        ids,
    )
    (document,) = values(
        superuser,
        "insert into kronos.documents (workspace_id, kind, name) values (%(workspace)s, 'CONFIG', 'eu')"
        " returning document_id",
        ids,
    )
    superuser.execute("update kronos.endpoints set title = 'Sink' where endpoint_id in (%(endpoint)s, %(other)s)", ids)
    superuser.execute("update kronos.secrets set key_id = 'fedcba9876543210'")  # the same value: no change
    superuser.execute("delete from kronos.secrets where workspace_id = %(workspace)s", ids)
    superuser.execute("update kronos.workspaces set max_cron_jobs = 9 where workspace_id = %(workspace)s", ids)
    superuser.execute("update kronos.retention set success_days = 9")
    assert noted(superuser, endpoint) == [
        ("secret", "created", {secret}),
        ("config", "created", {document}),
        ("endpoint", "changed", {endpoint.endpoint_id}),
        ("secret", "deleted", {secret}),
        ("workspace", "changed", {endpoint.workspace_id}),
    ]
    assert noted(superuser, other) == []


def audited(connection: Connection) -> dict[uuid.UUID, int]:
    """How many notes each workspace got about new rows in its audit."""
    return {each["workspace_id"]: each["count"] for each in records(connection, _AUDITED)}


def _instance(connection: Connection) -> uuid.UUID:
    found = value(connection, "select kronos.instance_id()")
    assert isinstance(found, uuid.UUID)
    return found


def test_that_the_audit_has_grown_is_noted_once_a_transaction_for_the_workspace_and_for_the_instance(
    superuser: Connection,
) -> None:
    endpoint, other = add_endpoint(superuser), add_endpoint(superuser)
    instance = _instance(superuser)
    watch(superuser, endpoint)
    with superuser.transaction():
        for nth in range(3):
            make_cron_job(superuser, endpoint)
            superuser.execute("update kronos.workspaces set max_cron_jobs = %s", [9 + nth])
    told = audited(superuser)
    assert told.keys() == {endpoint.workspace_id}, "only workspaces with listeners"
    # one of the jobs is noted by its statement, and two workspaces alternate: never one note per row
    assert 1 <= told[endpoint.workspace_id] <= 6
    superuser.execute("delete from kronos.live_changes")
    with superuser.transaction():
        for title in "abc":
            superuser.execute(
                "update kronos.endpoints set title = %s where endpoint_id = %s", [title, endpoint.endpoint_id]
            )
    assert audited(superuser) == {endpoint.workspace_id: 1}
    superuser.execute("delete from kronos.live_changes")
    with acting_as(superuser, "kronos_api"):
        superuser.execute("select kronos.watch_live(%s, interval '10 minutes')", [instance])
        superuser.execute("select kronos.begin_live()")
    superuser.execute("update kronos.endpoints set title = 'd' where endpoint_id = %s", [other.endpoint_id])
    assert audited(superuser) == {instance: 1}, "the instance hears of every workspace"


def test_an_audit_that_a_savepoint_takes_back_is_noted_by_the_next_change(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    watch(superuser, endpoint)
    with superuser.transaction():
        with superuser.transaction(force_rollback=True):
            superuser.execute("update kronos.endpoints set title = 'a'")
        assert audited(superuser) == {}
        superuser.execute("update kronos.endpoints set title = 'b'")
    assert audited(superuser) == {endpoint.workspace_id: 1}


def test_what_is_the_instances_is_noted_in_its_own_workspace(superuser: Connection) -> None:
    instance = _instance(superuser)
    with acting_as(superuser, "kronos_api"):
        superuser.execute("select kronos.watch_live(%s, interval '10 minutes')", [instance])
        superuser.execute("select kronos.begin_live()")
    for change in (
        "update kronos.retention set success_days = success_days + 1",
        "insert into kronos.workspaces (slug, name) values ('fresh', 'Fresh')",
    ):
        superuser.execute("delete from kronos.live_changes")
        superuser.execute(change)
        heard = values(superuser, "select ids from kronos.live_changes where object = 'instance'")
        assert heard == [[instance]], change


def test_an_operation_is_noted_where_it_comes_further_and_not_where_it_only_waits(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    instance = _instance(superuser)
    watch(superuser, endpoint)
    with acting_as(superuser, "kronos_api"):
        superuser.execute("select kronos.watch_live(%s, interval '10 minutes')", [instance])
        superuser.execute("select kronos.begin_live()")
    (operation_id,) = values(
        superuser,
        "insert into kronos.operations (workspace_id, kind, asked, which, total) values (%s, 'REDRIVE', '{}', '{}', 9)"
        " returning operation_id",
        [endpoint.workspace_id],
    )
    (deletion_id,) = values(
        superuser,
        "insert into kronos.deletions (deleted_id, slug, name, counted, total)"
        " values (gen_random_uuid(), 'gone', 'Gone', '{}', 9) returning operation_id",
    )
    for statement in (
        "update kronos.operations set next_at = now() + interval '1 s', held_since = now()",
        "update kronos.operations set done = 3",
        "update kronos.operations set status = 'COMPLETED', completed_at = now()",
        "update kronos.deletions set next_at = now()",
        "update kronos.deletions set done = 4",
        "update kronos.deletions set status = 'COMPLETED', completed_at = now()",
    ):
        superuser.execute(statement)
    for workspace_id, object_id in ((endpoint.workspace_id, operation_id), (instance, deletion_id)):
        heard = records(superuser, _NOTED, [workspace_id])
        told = [(each["change"], each["ids"]) for each in heard if each["object"] == "operation"]
        assert told == [(change, [object_id]) for change in ("created", "changed", "finished")]


def test_much_of_one_workspace_takes_nothing_from_another(superuser: Connection) -> None:
    loud, calm = add_endpoint(superuser), add_endpoint(superuser)
    watch(superuser, loud)
    watch(superuser, calm)
    after = place(superuser)
    superuser.execute(
        "insert into kronos.live_changes (workspace_id, object, change, ids)"
        " select %s, 'execution', 'changed', array[gen_random_uuid()] from generate_series(1, 10000)",
        [loud.workspace_id],
    )
    (execution_id,) = add_executions(superuser, calm, 1)
    with acting_as(superuser, "kronos_api"):
        ids = [loud.workspace_id, calm.workspace_id]
        found = records(superuser, _READ, {"ids": ids, "after": after, "limit": 20})
    assert sum(each["workspace_id"] == loud.workspace_id for each in found) == 21, "one more than was requested"
    heard = [each["ids"] for each in found if each["workspace_id"] == calm.workspace_id]
    assert [execution_id] in heard
