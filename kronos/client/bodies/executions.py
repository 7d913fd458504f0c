"""What the API takes: executions. Made by bin/client out of the API's document."""

from typing import Literal, TypedDict


class ExecutionRetry(TypedDict, total=False):
    """Where a run that is made due again goes."""

    endpoint_version: Literal["latest", "same"]
    """Its endpoint as it is now, or in the version that it had."""
