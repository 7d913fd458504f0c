"""`kronos job …` with all of its verbs: each part adds its own."""

from kronos.cli import job_bulk, job_explain, job_looks, job_run
from kronos.cli.job import job

__all__ = ["job", "job_bulk", "job_explain", "job_looks", "job_run"]
