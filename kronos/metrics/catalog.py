"""The metrics that processes count themselves. instance.py has those that are read from the database. docs/metrics.md
lists all of them."""

from kronos.metrics.definition import Metric

_LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)

# Of every process.
PROCESS_INFO = Metric(
    name="kronos_process_info",
    kind="gauge",
    place="process",
    labels=("role", "version"),
    help="Always 1; the labels give this process's role (api or worker) and release.",
)
LOOP_LAG = Metric(
    name="kronos_event_loop_lag_seconds",
    kind="histogram",
    place="process",
    bounds=_QUICK,
    help="How late the event loop runs a timer that is set every second.",
)

STATEMENTS = Metric(
    name="kronos_statements_total",
    kind="counter",
    place="process",
    labels=("statement",),
    most=500,
    help="Statements sent to PostgreSQL, by their name (sql/queries). Several statements of one transaction count as "
    "the first of them.",
)
STATEMENT_SECONDS = Metric(
    name="kronos_statement_seconds_total",
    kind="counter",
    place="process",
    labels=("statement",),
    most=500,
    help="Total time of these statements, from getting a free connection to the last row.",
)
STATEMENT_ERRORS = Metric(
    name="kronos_statement_errors_total",
    kind="counter",
    place="process",
    labels=("statement",),
    most=500,
    help="Those of these statements that failed, rejections included.",
)
SPANS = Metric(
    name="kronos_spans_total",
    kind="counter",
    place="process",
    help="Spans of traces that a collector accepted.",
)
SPANS_DROPPED = Metric(
    name="kronos_spans_dropped_total",
    kind="counter",
    place="process",
    labels=("reason",),
    most=2,
    help="Dropped spans. overflow: more were waiting than OTEL_BSP_MAX_QUEUE_SIZE; refused: no collector accepted "
    "them.",
)
SPANS_WAITING = Metric(
    name="kronos_spans_waiting",
    kind="gauge",
    place="process",
    help="Spans that wait to be sent.",
)

# Of API processes.
REQUESTS = Metric(
    name="kronos_api_requests_total",
    kind="counter",
    place="api",
    labels=("method", "route", "status"),
    most=2000,
    help="Answered requests, by method, by the template of their path, and by the class of their status (2xx).",
)
REQUEST_SECONDS = Metric(
    name="kronos_api_request_seconds",
    kind="histogram",
    place="api",
    labels=("method", "route"),
    bounds=_QUICK,
    most=500,
    help="From a request's first byte to the end of its response; for an event stream, as long as it was read.",
)
REQUESTS_UNDER_WAY = Metric(
    name="kronos_api_requests_under_way",
    kind="gauge",
    place="api",
    help="Requests whose response has not started.",
)
POOL_SIZE = Metric(
    name="kronos_api_pool_connections",
    kind="gauge",
    place="api",
    labels=("state",),
    most=2,
    help="Connections to PostgreSQL: in_use or idle.",
)
POOL_LIMIT = Metric(
    name="kronos_api_pool_connections_max",
    kind="gauge",
    place="api",
    help="Most connections that this process may open: KRONOS_DATABASE_POOL_SIZE.",
)
POOL_WAITING = Metric(
    name="kronos_api_pool_waiting",
    kind="gauge",
    place="api",
    help="Requests that wait for a connection.",
)
POOL_WAITS = Metric(
    name="kronos_api_pool_waits_total",
    kind="counter",
    place="api",
    help="Requests that had to wait for a connection.",
)
POOL_WAIT_SECONDS = Metric(
    name="kronos_api_pool_wait_seconds_total",
    kind="counter",
    place="api",
    help="Total time that they waited.",
)
POOL_ERRORS = Metric(
    name="kronos_api_pool_timeouts_total",
    kind="counter",
    place="api",
    help="Requests that got no connection within KRONOS_DATABASE_WAIT_SECONDS.",
)

# Of workers.
DELIVERIES = Metric(
    name="kronos_deliveries_total",
    kind="counter",
    place="worker",
    labels=("transport", "outcome"),
    most=40,
    help="Finished attempts, by transport and outcome (success, failed, timed_out, unknown).",
)
DELIVERY_SECONDS = Metric(
    name="kronos_delivery_seconds",
    kind="histogram",
    place="worker",
    labels=("transport",),
    bounds=_LATENCIES,
    most=8,
    help="From the start of an attempt to its receiver's answer.",
)
RESULTS = Metric(
    name="kronos_results_total",
    kind="counter",
    place="worker",
    labels=("verdict",),
    most=8,
    known=(("success",), ("failed",), ("retry",), ("cancelled",), ("already",), ("fenced",), ("dropped",)),
    help="Results of storing an attempt's end: success, failed, retry, cancelled; fenced: its lease was lost and "
    "another result counts; already: it was already stored; dropped: it was not stored.",
)
RESULT_BATCH = Metric(
    name="kronos_result_batch_size",
    kind="histogram",
    place="worker",
    bounds=_SIZES,
    help="Ends of attempts stored by one statement.",
)
CLAIM_SIZE = Metric(
    name="kronos_claim_size",
    kind="histogram",
    place="worker",
    bounds=_SIZES,
    help="Executions obtained by one claim. The count is the number of claims, the sum that of executions.",
)
CLAIM_ERRORS = Metric(
    name="kronos_claim_errors_total",
    kind="counter",
    place="worker",
    help="Claims and queries for work that PostgreSQL did not answer.",
)
GIVEN_BACK = Metric(
    name="kronos_claims_given_back_total",
    kind="counter",
    place="worker",
    help="Executions that were claimed but not sent: the worker stops, or their lease had become too short.",
)
LEASES_ENDED = Metric(
    name="kronos_leases_lost_total",
    kind="counter",
    place="worker",
    labels=("outcome",),
    most=2,
    known=(("requeued",), ("failed",)),
    help="Leases of dead workers that this worker ended: the execution is due again (requeued), or failed.",
)
ABORTED = Metric(
    name="kronos_deliveries_aborted_total",
    kind="counter",
    place="worker",
    help="Deliveries in progress that were aborted because they are no longer wanted.",
)
UNDER_WAY = Metric(
    name="kronos_deliveries_under_way",
    kind="gauge",
    place="worker",
    help="Deliveries that wait for their receiver.",
)
UNSTORED = Metric(
    name="kronos_results_waiting",
    kind="gauge",
    place="worker",
    help="Claims whose delivery has ended but whose result is not stored yet.",
)
CONCURRENCY = Metric(
    name="kronos_worker_concurrency",
    kind="gauge",
    place="worker",
    help="Deliveries of one workspace that may be in progress: KRONOS_WORKER_CONCURRENCY.",
)

WORKERS = (
    DELIVERIES,
    DELIVERY_SECONDS,
    RESULTS,
    RESULT_BATCH,
    CLAIM_SIZE,
    CLAIM_ERRORS,
    GIVEN_BACK,
    LEASES_ENDED,
    ABORTED,
    UNDER_WAY,
    UNSTORED,
    CONCURRENCY,
)
APIS = (
    REQUESTS,
    REQUEST_SECONDS,
    REQUESTS_UNDER_WAY,
    POOL_SIZE,
    POOL_LIMIT,
    POOL_WAITING,
    POOL_WAITS,
    POOL_WAIT_SECONDS,
    POOL_ERRORS,
)
PROCESSES = (
    PROCESS_INFO,
    LOOP_LAG,
    STATEMENTS,
    STATEMENT_SECONDS,
    STATEMENT_ERRORS,
    SPANS,
    SPANS_DROPPED,
    SPANS_WAITING,
)
