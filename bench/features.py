"""The cost of signatures, templates and limits per delivery: one worker and its PostgreSQL, with endpoints that use
each feature and all of them, in turns with a plain endpoint. `python -m bench.features`

Reports deliveries per second, from the commit of all to the last stored result, and CPU µs per delivery, of the worker
and of PostgreSQL with all its processes. The relevant figures are the ratios to the plain delivery of the same turn.
"""

import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack

import click
import httpx

from bench import common, deliver, machine
from bench.common import WORKSPACE, Instance
from kronos.embedded import ports
from kronos.model import Json, JsonObject

_PLAIN = "plain"
_OF_THE_ENDPOINT = "signature-templates-limits"  # all features but a key of the input and priorities
_CUSTOMERS = 1_000
# Warm-up before each sample: connections to the receiver are closed while the previous sample is cleared, and reopening
# 300 of them costs a sample's deliveries 5 to 12 us each.
_WARM_UPS = 900
_URL = "/deliveries/{{input.order}}"
_TEMPLATES: JsonObject = {
    "headers": {"X-Customer": "{{input.customer}}", "X-Run": "{{execution.id}}"},
    "body_template": {"order": "{{input.order}}", "for": "{{input.customer}} in {{config.region}}",
                      "note": "{{input.note}}"},
}  # fmt: skip
_LIMITS: dict[str, JsonObject] = {
    "max_in_flight": {"max_in_flight": 1_000},
    "rate": {"rate": {"count": 1_000_000, "per_seconds": 1, "burst": 1_000_000}},
    "concurrency_key": {"concurrency_key": "{{input.customer}}", "max_concurrency_per_key": 100},
}
# Like deliver.add, with many customers and, if requested, several priorities.
_ADD = """
select count(made.job_id)
  from (select set_config('kronos.workspace_id', workspace_id::text, true) as entered
          from kronos.workspaces
         where slug = %(workspace)s
        offset 0) as workspace
 cross join (select array_agg(%(endpoint)s::text) as endpoints,
                    array_agg(jsonb_build_object('order', n, 'customer', 'customer-' || n %% %(customers)s,
                                                 'note', repeat('x', 150))) as inputs,
                    array_agg(null::timestamptz) as times,
                    array_agg(case when %(is_ranked)s then n %% 21 - 10 end::smallint) as priorities
               from generate_series(1, %(count)s) as n) as given
 cross join lateral kronos.make_one_shots(case when entered is not null then endpoints end, inputs, times, true,
                                          priorities) as made
"""
_SECONDS = "select extract(epoch from max(completed_at) - %s::timestamptz) from kronos.execution_done"


class Bench:
    """An instance with an endpoint of each kind, created over the API, and one worker."""

    def __init__(self, one: Instance, stack: ExitStack, count: int) -> None:
        self._count = count
        self._sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        self._to = f"http://127.0.0.1:{common.told(self._sink)['port']}"
        key_file = one.home / "encryption.key"
        key_file.write_text(b64encode(secrets.token_bytes(32)).decode() + "\n")
        key_file.chmod(0o600)
        port = ports.free_port()
        settings = {"egress_allow": "127.0.0.0/8", "encryption_key_file": str(key_file)}
        log = one.home / "log"
        environment = one.environment(port=str(port), **settings)
        stack.enter_context(common.child(["-m", "kronos", "serve"], log=log / "api.log", environment=environment))
        common.wait_until(lambda: common.answers(port), f"the API does not answer; see {log}")
        base = f"http://127.0.0.1:{port}/v1/workspaces/{WORKSPACE}"
        headers = {"Authorization": f"Bearer {one.key_file.read_text().strip()}"}
        self._api = stack.enter_context(httpx.Client(base_url=base, headers=headers, timeout=30))
        self._one = one
        self._connection = stack.enter_context(one.connect())
        self._make()
        self._worker: subprocess.Popen[str] = stack.enter_context(
            common.child(["-m", "kronos", "worker"], log=log / "worker.log", environment=environment)
        )
        deliver.await_listeners(self._connection, 1)

    def _make(self) -> None:
        self._put("configs/c", {"values": {"region": "eu"}})
        signing = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        self._put("secrets/signing", {"value": signing})
        signed: JsonObject = {"signing_secrets": ["signing"]}
        templated: JsonObject = {"spec": {"url": self._to + _URL, **_TEMPLATES}, "config": "c"}
        self._endpoint(_PLAIN)
        self._endpoint("signature", **signed)
        self._endpoint("templates", **templated)
        for name, limits in _LIMITS.items():
            self._endpoint(name, limits=limits)
        self._endpoint("priority")
        limited: JsonObject = {**_LIMITS["max_in_flight"], **_LIMITS["rate"]}
        self._endpoint(_OF_THE_ENDPOINT, **signed, **templated, limits=limited)
        every: JsonObject = {name: value for limits in _LIMITS.values() for name, value in limits.items()}
        self._endpoint("all", **signed, **templated, limits=every)

    def _endpoint(self, name: str, **own: Json) -> None:
        self._put(f"endpoints/{name}", {"type": "HTTP", "spec": {"url": f"{self._to}/deliveries"}, **own})

    def _put(self, path: str, body: JsonObject) -> None:
        answer = self._api.put(path, json=body)
        if answer.is_error:
            raise RuntimeError(f"PUT {path} was answered {answer.status_code}: {answer.text}")

    def sampler(self, endpoint: str) -> Callable[[], dict[str, float]]:
        """Return samples of deliveries to this endpoint, from the commit of all to the last stored result."""

        def sample() -> dict[str, float]:
            self._one.forget_jobs()
            self._deliver(endpoint, _WARM_UPS)
            worker, postgres, seconds = self._deliver(endpoint, self._count)
            each = 1_000_000 / self._count
            return {
                "worker": worker * each,
                "postgres": postgres * each,
                "both": (worker + postgres) * each,
                "rate": self._count / seconds,
            }

        return sample

    def _deliver(self, endpoint: str, count: int) -> tuple[float, float, float]:
        """Return the CPU seconds of worker and PostgreSQL for this many deliveries, from commit to the last result, and
        the seconds between these.
        """
        common.told(self._sink, "forget")
        params: dict[str, Json] = {
            "workspace": WORKSPACE,
            "endpoint": endpoint,
            "customers": _CUSTOMERS,
            "count": count,
            "is_ranked": endpoint in ("priority", "all"),
        }
        self._connection.execute("begin")
        self._connection.execute(_ADD, params)
        self._connection.execute("notify kronos_work")
        before = self._used()
        (began,) = self._connection.execute("select clock_timestamp()").fetchone() or (None,)
        self._connection.execute("commit")
        common.wait_until(lambda: self._arrived() >= count, "the deliveries do not end", seconds=300, every=0.05)
        deliver.await_end(self._connection)
        worker, postgres = (now - then for now, then in zip(self._used(), before, strict=True))
        if (arrived := self._arrived()) != count:
            raise RuntimeError(f"{count} executions made {arrived} requests")
        (seconds,) = self._connection.execute(_SECONDS, [began]).fetchone() or (None,)
        return worker, postgres, float(str(seconds))

    def _used(self) -> tuple[float, float]:
        return machine.cpu_seconds(self._worker.pid), machine.cpu_seconds(self._one.postgres_pid)

    def _arrived(self) -> int:
        arrived: int = common.told(self._sink, "count")["count"]
        return arrived


@click.command(help=__doc__)
@click.option("--runs", default=7, show_default=True)
@common.tries
@click.option("--count", default=8_000, show_default=True, help="Deliveries per sample.")
@click.option("--only", multiple=True, help="Only this kind and the plain one. Can be given more than once.")
def main(runs: int, tries: int, count: int, only: tuple[str, ...]) -> None:
    """Measure and print the table."""
    with ExitStack() as stack:
        one = stack.enter_context(common.instance())
        bench = Bench(one, stack, count)
        kinds = [_PLAIN, "signature", "templates", *_LIMITS, "priority", _OF_THE_ENDPOINT, "all"]
        samplers = {kind: bench.sampler(kind) for kind in kinds if not only or kind in (_PLAIN, *only)}
        for sampler in samplers.values():  # warms up plans, caches and connections
            sampler()
        series = common.take_turns(samplers, runs=runs, tries=tries)
        columns = [("worker", "CPU µs a delivery, worker", 0), ("postgres", "PostgreSQL", 0), ("both", "both", 0)]
        note = f"{one.cluster.installation}, fsync on; {count:,} deliveries a sample, {_CUSTOMERS:,} keys."
        common.report("What features cost a delivery", series, columns, ratio=("both", _PLAIN), note=note)
        rates = [("rate", "deliveries/s", 0)]
        common.report("Deliveries of one worker by features", series, rates, ratio=("rate", _PLAIN), note=note)


if __name__ == "__main__":
    sys.exit(main())
