"""`kronos job run`: run a job now, and optionally wait for its end."""

import uuid
from functools import partial

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command, given
from kronos.cli.following import patiently
from kronos.cli.job import job
from kronos.cli.wait import await_ends, timeout_option
from kronos.model import Json


@command(job)
@click.argument("job")
@click.option(
    "--input",
    "input_",
    type=JsonText(),
    help="Input instead of the job's own: JSON, @FILE, or - for standard input.",
)
@click.option("--priority", type=int, help="Priority from -10 to 10, instead of the job's own.")
@click.option("--deadline-seconds", type=int, help="Do not deliver later than this many seconds after now.")
@click.option("--wait", is_flag=True, help="Wait until the run has ended; the exit code tells how.")
@timeout_option
@click.option(
    "--idempotency-key",
    type=IdempotencyKey(),
    help="The same key creates only one run.  [default: a new key]",
)
def run(
    api: Api, job: str, wait: bool, timeout: float | None, idempotency_key: str | None, input_: Json, **own: Json
) -> None:
    """Run a CRON job once, now, and optionally wait for its end.

    The run is in addition to the job's schedule. With --wait, the command waits until the run has ended.

    kronos job run report --wait --timeout 600

    Exit code 0: the run succeeded; 1: it did not; 7: it had not ended in time. The job runs only once even if a
    response is lost, because the request is repeated under one key. Ctrl-C leaves the run running.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout needs --wait")
    key = idempotency_key or f'"{uuid.uuid4().hex}"'
    trigger = partial(
        api.send,
        "POST",
        "jobs",
        job,
        "trigger",
        body=given(input=input_, **own),
        key=key,
        fields=("execution_id", "status"),
    )
    made = patiently(trigger, is_first=True)
    execution_id = str(made["execution_id"])
    if wait:
        await_ends(api, [execution_id], timeout=timeout, job=job, is_one=True)
        return
    api.say(f"execution {execution_id} is {made['status']}; wait for it: kronos wait {execution_id}", made)
