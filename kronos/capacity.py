"""What an instance of given size can do: a model of measured costs."""

from dataclasses import dataclass

LOOP_US = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    idle_us: float = 0
    idle_worker_us: float = 0
    idle_api_us: float = 0
    ring_us: float = 0
    row_us: float = 0
    delivery_us: float = 0
    delivery_worker_us: float = 0
    claim_us: float = 0
    claim_worker_us: float = 0
    creation_us: float = 0
    creation_api_us: float = 0
    delivery_kib_us: float = 0
    delivery_kib_worker_us: float = 0
    creation_kib_us: float = 0
    creation_kib_api_us: float = 0
    row_wal: float = 0
    delivery_wal: float = 0
    creation_wal: float = 0
    delivery_kib_wal: float = 0
    creation_kib_wal: float = 0
    ring_wal: float = 0
    kept: float = 0
    kept_kib: float = 0


COSTS = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    seconds: float = 0
    rings: float = 0
    rows: float = 0
    deliveries: float = 0
    claims: float = 0
    creations: float = 0
    payload_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    postgres: float
    worker: float
    api: float
    wal: float


def took(costs: Costs, work: Workload) -> Took:
    kib = max(0, work.payload_bytes - 200) / 1024
    return Took(
        postgres=work.seconds * costs.idle_us
        + work.rings * costs.ring_us
        + work.rows * costs.row_us
        + work.claims * costs.claim_us
        + work.deliveries * (costs.delivery_us + kib * costs.delivery_kib_us)
        + work.creations * (costs.creation_us + kib * costs.creation_kib_us),
        worker=work.seconds * costs.idle_worker_us
        + work.claims * costs.claim_worker_us
        + work.deliveries * (costs.delivery_worker_us + kib * costs.delivery_kib_worker_us),
        api=work.seconds * costs.idle_api_us
        + work.creations * (costs.creation_api_us + kib * costs.creation_kib_api_us),
        wal=work.rings * costs.ring_wal
        + work.rows * costs.row_wal
        + work.deliveries * (costs.delivery_wal + kib * costs.delivery_kib_wal)
        + work.creations * (costs.creation_wal + kib * costs.creation_kib_wal),
    )
