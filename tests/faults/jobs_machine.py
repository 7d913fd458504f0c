"""The state machine's actions on jobs, and the invariants after each step (test_state_machine.py)."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from api_answers import problem_of
from faults.injected import SQLSTATES, Fault, armed
from faults.scene import DAILY, Rows, Scene, broken_chains, entries, reaper, snapshot, wanted_entries
from faults.world import ANSWERS, MEETS, World

CRONS = ("* * * * *", DAILY.replace("0", "*/5", 1), DAILY, DAILY.replace("* * *", "1 * *"))
BAD_CRONS = ("61 * * * *", "* * * *", "", "@nonsense", "0 0 30 2 *")
NAMES = ("a", "b")
LIVE = "status in ('ACTIVE', 'PAUSED')"

any_fault = st.one_of(
    st.builds(
        Fault,
        point=st.sampled_from(["row", "entry", "commit"]),
        action=st.sampled_from([*SQLSTATES, "cancel", "terminate"]),
    ),
    st.builds(Fault, point=st.sampled_from(["locked", "read_only"])),
)
faults = st.one_of(st.none(), any_fault)
crons = st.sampled_from(CRONS)
any_crons = st.one_of(crons, crons, crons, st.sampled_from(BAD_CRONS))
requests = st.sampled_from(sorted(ANSWERS))
# A job is drawn by its position among the created ones, the last first, and not from a Bundle: which requests succeed
# may depend on a race, and Hypothesis must draw the same whatever the result.
places = st.integers(0, 7)
refs = st.one_of(places, places, st.sampled_from(NAMES))
NOBODY = "00000000-0000-4000-8000-000000000000"


class Jobs(RuleBasedStateMachine):
    """Callers, operators with SQL, pg_cron and the reaper at work on one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.reaper = reaper(world.superuser)
        self.made: list[str] = []
        self.by_key: dict[
            str, tuple[tuple[str, str | None], str]
        ] = {}  # idempotency key -> the request's (cron, name), the job's id

    @initialize()
    def start(self) -> None:
        """Remove everything that the previous sequence left."""
        for table in (
            "attempt",
            "execution_live",
            "execution_done",
            "job_faults",
        ):  # a firing that met a fault has left one
            self.world.superuser.execute(f"delete from kronos.{table}")
        self.world.superuser.execute(
            "delete from kronos.jobs where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)",
            [self.world.a.workspace],
        )
        self.world.superuser.execute(
            "delete from cron.job where jobname like 'kronos:%' and jobname not in (select 'kronos:' || job_id from "
            "kronos.jobs)"
        )

    def named(self, ref: int | str) -> str:
        """The id at this position among the created jobs, or the name itself."""
        if isinstance(ref, str):
            return ref
        return self.made[-1 - ref % len(self.made)] if self.made else NOBODY

    # Requests

    @rule(
        cron=any_crons,
        name=st.sampled_from([None, None, *NAMES]),
        key=st.sampled_from([None, None, "k", "l"]),
        fault=faults,
    )
    def create(self, cron: str, name: str | None, key: str | None, fault: Fault | None) -> None:
        more = {field: value for field, value in (("name", name), ("idempotency_key", key)) if value is not None}
        known = self.by_key.get(key or "")
        if cron in BAD_CRONS:
            expected = 422
        elif known is not None:
            expected = 200 if known[0] == (cron, name) else 422
        else:
            expected = 201 if name is None or self.status_of(name) not in ("ACTIVE", "PAUSED") else 409
        answer = self.request(
            "create", lambda: self.world.a.create(cron, **more), fault, expected, None if expected == 201 else "known"
        )
        if not answer.is_success:
            return
        job_id: str = answer.json()["job_id"]
        self.made.append(job_id)
        if key is not None:
            assert self.by_key.setdefault(key, ((cron, name), job_id)) == ((cron, name), job_id)

    @rule(
        job=refs,
        cron=any_crons,
        if_match=st.sampled_from([None, None, "right", "wrong"]),
        fault=faults,
    )
    def patch(self, job: int | str, cron: str, if_match: str | None, fault: Fault | None) -> None:
        job = self.named(job)
        status, version = self.status_of(job), self.version_of(job)
        expected = ANSWERS["patch"][status]
        if expected == 200 and if_match == "wrong":
            expected = 412
        elif cron in BAD_CRONS and expected == 200:
            expected = 422
        named = None if if_match is None else version if if_match == "right" else version + 1
        answer = self.request(
            "patch", lambda: self.world.a.patch(job, cron=cron, if_match=named), fault, expected, status
        )
        if not answer.is_success:
            return
        body = answer.json()
        assert (body["version"], body["status"], body["cron"]) == (version + 1, status, cron)
        self.made.append(body["job_id"])

    @rule(job=refs, what=st.sampled_from(["delete", "pause", "resume", "trigger"]), fault=faults)
    def change(self, job: int | str, what: str, fault: Fault | None) -> None:
        job = self.named(job)
        status = self.status_of(job)
        expected = 409 if self.is_replaced(job) else ANSWERS[what][status]
        self.request(what, lambda: getattr(self.world.a, what)(job), fault, expected, status)

    @rule(what=st.sampled_from(["create", "patch", "delete", "pause", "resume"]), cron=crons, fault=any_fault)
    def spoiled_then_repeated(self, what: str, cron: str, fault: Fault) -> None:
        """A request that could succeed meets a fault; the same request afterwards succeeds."""
        job, status = "", None
        key = uuid.uuid4().hex
        if what != "create":
            job, status = self.world.a.created(cron), "ACTIVE"
        if what == "resume":
            assert self.world.a.pause(job).status_code == 200
            status = "PAUSED"
        send: dict[str, Callable[[], httpx.Response]] = {
            "create": lambda: self.world.a.create(cron, idempotency_key=key),
            "patch": lambda: self.world.a.patch(job, cron=cron, if_match=1),
        }
        again = send.get(what, lambda: getattr(self.world.a, what)(job))
        expected = 201 if what == "create" else 200
        answer = self.request(what, again, fault, expected, status)
        if answer.status_code >= 500:
            answer = self.request(what, again, None, expected, status)
        self.made.append(answer.json()["job_id"])

    def request(
        self, what: str, send: Callable[[], httpx.Response], fault: Fault | None, expected: int, status: str | None
    ) -> httpx.Response:
        """Send a request and return its answer: the expected one, or the fault's error, and then nothing has
        changed."""
        before = snapshot(self.world.superuser)
        with armed(self.world.superuser, fault):
            answer = send()
        self.world.counts[what] += 1
        if answer.status_code < 500:
            is_refused_for_its_text = answer.status_code == 422 and expected in (
                404,
                409,
                412,
            )  # whichever error is detected first
            assert answer.status_code == expected or is_refused_for_its_text, answer.text
            assert not (fault and expected < 300 and (what, status) in MEETS[fault.point]), (
                f"{what} returned {expected} in spite of {fault}"
            )
            return answer
        assert fault is not None, answer.text
        problem = problem_of(answer)
        self.world.counts[f"{problem['code']} {problem.get('pg_sqlstate', '')}"] += 1
        assert problem["code"] in fault.codes, (fault, problem)
        assert snapshot(self.world.superuser) == before
        return answer

    @rule(job=places, first=requests, second=requests, fault=faults)
    def two_at_once(self, job: int, first: str, second: str, fault: Fault | None) -> None:
        ref = self.named(job)
        self.at_once(lambda: self.send(self.world.a, first, ref), lambda: self.send(self.world.b, second, ref), fault)

    @rule(cron=crons, name=st.sampled_from([None, *NAMES]), key=st.booleans())
    def two_creates_at_once(self, cron: str, name: str | None, key: bool) -> None:
        more = {"idempotency_key": uuid.uuid4().hex} if key else {}
        more |= {"name": name} if name else {}
        self.at_once(
            lambda: self.send(self.world.a, "create", cron, **more),
            lambda: self.send(self.world.b, "create", cron, **more),
            None,
        )

    @rule(job=places, what=requests, other=st.sampled_from(["reap", "fire"]))
    def a_request_and_a_firing_at_once(self, job: int, what: str, other: str) -> None:
        ref = self.named(job)
        self.make_due(ref)
        self.at_once(lambda: self.send(self.world.a, what, ref), lambda: self.ring(other, ref), None)

    def send(self, scene: Scene, what: str, subject: str, **more: str) -> int:
        answer: httpx.Response = getattr(scene, what)(subject, **more)
        if answer.status_code >= 500:
            self.world.counts[f"{problem_of(answer)['code']} {answer.json().get('pg_sqlstate', '')}"] += 1
        return answer.status_code

    def at_once(self, one: Callable[[], int], other: Callable[[], int], fault: Fault | None) -> None:
        """Send both, in two threads. Without a fault neither fails: no deadlock, no XX000."""
        self.world.counts["two at once"] += 1
        with ThreadPoolExecutor(2) as threads, armed(self.world.superuser, fault):
            codes = [future.result(60) for future in (threads.submit(one), threads.submit(other))]
        assert fault is not None or max(codes) < 500, codes

    # PostgreSQL's own work

    def ring(self, what: str, job: str) -> int:
        """Do what pg_cron does at an alarm of the job, or of the reaper."""
        self.world.ring(job if what == "fire" else self.reaper)
        return 0

    def make_due(self, job: str) -> None:
        self.world.superuser.execute(
            f"update tests.jobs set next_tick_at = date_trunc('hour', now()) - interval '1 hour'"
            f" where job_id = %s and {LIVE}",
            [job],
        )

    @rule(job=places, fault=faults)
    def alarm(self, job: int, fault: Fault | None) -> None:
        """A tick is accounted for, or the firing fails and nothing has changed."""
        self.world.counts["fire"] += 1
        ref = self.named(job)
        self.make_due(ref)
        before = snapshot(self.world.superuser)
        try:
            with armed(self.world.superuser, fault):
                self.ring("fire", ref)
        except psycopg.Error:
            assert fault is not None
            assert snapshot(self.world.superuser) == before

    @rule(fault=faults)
    def reap(self, fault: Fault | None) -> None:
        """The next run repairs what a run with a fault left."""
        self.world.counts["reap"] += 1
        if fault is not None:
            try:
                with armed(self.world.superuser, fault):
                    self.ring("reap", "")
            except psycopg.Error:
                self.world.counts["reap failed"] += 1
        self.ring("reap", "")

    # Operators with SQL. One run of the reaper repairs the damage, whatever was requested in between.

    @rule(job=places, then=st.one_of(st.none(), requests), fault=faults)
    def entry_vanishes(self, job: int, then: str | None, fault: Fault | None) -> None:
        self.by_hand("vanished", "delete from cron.job where jobname = 'kronos:' || %s", job, then, fault)

    @rule(
        job=places,
        column=st.sampled_from(
            [
                "command = 'select 1'",
                "schedule = '1 1 1 1 *'",
                "active = false",
                "database = 'other'",
                "username = 'postgres'",
                "nodeport = 1",
            ]
        ),
        then=st.one_of(st.none(), requests),
        fault=faults,
    )
    def entry_edited(self, job: int, column: str, then: str | None, fault: Fault | None) -> None:
        self.by_hand("edited", f"update cron.job set {column} where jobname = 'kronos:' || %s", job, then, fault)

    @rule(
        job=places,
        name=st.sampled_from(["'kronos:' || gen_random_uuid()", "'kronos:nonsense'", "'kronos:' || job_id"]),
        user=st.sampled_from(["kronos_cron", "postgres"]),
        then=st.one_of(st.none(), requests),
        fault=faults,
    )
    def entry_added(self, job: int, name: str, user: str, then: str | None, fault: Fault | None) -> None:
        self.by_hand(
            "added",
            f"""
            insert into cron.job (schedule, command, nodename, nodeport, database, username, jobname)
            select '* * * * *', 'select 1', 'localhost', 5432, 'kronos', '{user}', {name} from kronos.jobs
                   where job_id = %s
                on conflict do nothing
            """,
            job,
            then,
            fault,
        )

    @rule(job=places, then=st.one_of(st.none(), requests), fault=faults)
    def retired_by_sql(self, job: int, then: str | None, fault: Fault | None) -> None:
        self.by_hand(
            "retired", f"update kronos.jobs set status = 'RETIRED' where job_id = %s and {LIVE}", job, then, fault
        )

    @rule(job=places, then=st.one_of(st.none(), requests), fault=faults)
    def expires(self, job: int, then: str | None, fault: Fault | None) -> None:
        self.by_hand(
            "expired",
            "update kronos.jobs set ends_at = now() - interval '1 second' where job_id = %s",
            job,
            then,
            fault,
        )

    def by_hand(self, what: str, sql: str, job: int, then: str | None, fault: Fault | None) -> None:
        self.world.counts[what] += 1
        ref = self.named(job)
        self.world.superuser.execute(sql, [ref])
        if then is not None:
            assert self.send(self.world.b, then, ref) < 500
        self.reap(fault)

    # Invariants after every step

    @invariant()
    def jobs_and_entries_are_one_set(self) -> None:
        self.world.counts["checks"] += 1
        assert entries(self.world.superuser) == wanted_entries(self.world.superuser)

    @invariant()
    def each_live_job_has_its_pointer_and_none_is_below_the_floor(self) -> None:
        wrong = self.world.superuser.execute(
            """
            select job.job_id, job.status, pointer.next_tick_at
              from kronos.jobs as job
              full join kronos.pointers as pointer using (job_id)
             cross join kronos.pointers_floor as floor
             where (job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')) is distinct
                   from (pointer.job_id is not null)
                or pointer.is_paused <> (job.status = 'PAUSED')
                or (pointer.is_awaited and pointer.next_tick_at < floor.lowest_at)
            """
        ).fetchall()
        assert wrong == []

    @invariant()
    def chains_of_versions_are_whole(self) -> None:
        assert broken_chains(self.world.superuser) == []

    @invariant()
    def nobody_elses_entry_is_touched(self) -> None:
        rows: Rows = self.world.superuser.execute(
            "select command, username from cron.job where jobname = 'backup'"
        ).fetchall()
        assert rows == [("vacuum", "postgres")]

    def found(self, job: str) -> tuple[str | None, int, uuid.UUID | None]:
        row = self.world.superuser.execute(
            """
            select job.status, job.version, job.first_version_id
              from kronos.jobs as job join kronos.workspaces as workspace using (workspace_id)
             where workspace.slug = %s and %s in (job.job_id::text, job.name)
             order by job.status in ('ACTIVE', 'PAUSED') desc, job.created_at desc, job.version desc limit 1
            """,
            [self.world.a.workspace, job],
        ).fetchone()
        return row or (None, 0, None)

    def status_of(self, job: str) -> str | None:
        return self.found(job)[0]

    def is_replaced(self, job: str) -> bool:
        """Whether it names a replaced version, of a job that continues."""
        first_version_id, version = self.found(job)[2], self.found(job)[1]
        goes_on = f"select from kronos.jobs where first_version_id = %s and version > %s and {LIVE}"
        return self.world.superuser.execute(goes_on, [first_version_id, version]).fetchone() is not None

    def version_of(self, job: str) -> int:
        return self.found(job)[1]
