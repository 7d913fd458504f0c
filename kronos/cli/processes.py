"""`kronos serve`, `kronos worker`: one process each, from the environment."""

import click

from kronos.cli import environment


@click.command()
@click.option("--host", help="Address to listen on.  [KRONOS_HOST, default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [KRONOS_PORT, default 8080]")
def serve(host: str | None, port: int | None) -> None:
    """One API process against KRONOS_DATABASE_URL."""
    from kronos.api import serve as api  # imported here, so that `kronos worker` does not load FastAPI

    api.run(environment.settings(host=host, port=port))


@click.command()
@click.option("--concurrency", type=int, help="Deliveries under way at once.  [KRONOS_WORKER_CONCURRENCY, default 100]")
def worker(concurrency: int | None) -> None:
    """One worker process against KRONOS_DATABASE_URL."""
    from kronos.worker import main  # imported here, so that `kronos serve` does not load the transports

    main.run(environment.settings(worker_concurrency=concurrency))
